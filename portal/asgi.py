"""The portal as an ASGI app."""

from __future__ import annotations

from pathlib import Path

from ehr_core.client.app_headers import GuardedApp
from ehr_core.client.streamlit_app import build_app
from portal.identity import PORTAL
from portal.page_language import LANGUAGE_ROUTE
from portal.visit_link import LINK_ROUTES


def create_app() -> GuardedApp:
    return build_app(Path(__file__).with_name("main.py"), PORTAL, routes=[LANGUAGE_ROUTE, *LINK_ROUTES])
