"""Which app the staff workspace is to the authorization server."""

from __future__ import annotations

from ehr_core.client.streamlit_app import AppIdentity

STAFF = AppIdentity(
    client_id="staff",
    secret=lambda secrets: secrets.staff_client_secret,
    url=lambda settings: settings.staff_url,
    sorry="Something went wrong on our side and was logged. What you saved before this is safe; try again.",
)
