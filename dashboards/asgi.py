"""The staff workspace as an ASGI app."""

from __future__ import annotations

from pathlib import Path

from dashboards.shared.identity import STAFF
from dashboards.shared.navigation_list import NAVIGATION_ROUTE
from dashboards.shared.print_route import PRINT_ROUTE
from ehr_core.client.app_headers import GuardedApp
from ehr_core.client.streamlit_app import build_app


def create_app() -> GuardedApp:
    return build_app(Path(__file__).with_name("main.py"), STAFF, routes=[PRINT_ROUTE, NAVIGATION_ROUTE])
