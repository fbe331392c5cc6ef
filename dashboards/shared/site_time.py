"""Dates and times in the site's time zone: every staff screen shows these, never the browser's."""

from __future__ import annotations

from datetime import date, datetime

from ehr_core import display
from ehr_core.client.streamlit_app import app_settings


def show_date(value: date | datetime | str | None) -> str:
    """dd-Mmm-yyyy at the site."""
    return display.show_date(value, app_settings().site_time_zone)


def show_instant(value: datetime | None) -> str:
    """dd-Mmm-yyyy HH:mm at the site."""
    return display.show_instant(value, app_settings().site_time_zone)
