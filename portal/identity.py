"""Which app the portal is to the authorization server."""

from __future__ import annotations

from ehr_core.client.streamlit_app import AppIdentity
from portal.text import LANGUAGES, Words

PORTAL = AppIdentity(
    client_id="portal",
    secret=lambda secrets: secrets.portal_client_secret,
    url=lambda settings: settings.portal_url,
    sorry=" ".join(Words(language)("gate.sorry") for language in LANGUAGES),
)
