"""The day of a moment at the site: in the evening it is not yet the day that UTC has begun."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from ehr_core.client.streamlit_app import app_settings


def site_day(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(app_settings().site_time_zone)).date()
