"""Dates and times in the site's time zone: every staff screen shows these, never the browser's."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from ehr_core import display
from ehr_core.client.streamlit_app import app_settings
from ehr_core.kernel.clock import in_zone


def show_date(value: date | datetime | str | None) -> str:
    """dd-Mmm-yyyy at the site."""
    return display.show_date(value, app_settings().site_time_zone)


def show_instant(value: datetime | None) -> str:
    """dd-Mmm-yyyy HH:mm at the site."""
    return display.show_instant(value, app_settings().site_time_zone)


def wall_time(recorded: str | None) -> str | None:
    """A recorded moment as the clock on the site's wall showed it, without an offset: a chart draws this as it stands.

    With an offset, or as a bare date (which a browser takes for midnight in London), it would be drawn in the zone of
    whoever looks: a result of the 14th stood at the 13th. A month or a year stands at its first day. None when absent
    or unreadable.
    """
    written = recorded or ""
    first_day = {4: "-01-01", 7: "-01"}.get(len(written), "")
    try:
        moment = datetime.fromisoformat(written + first_day)
    except ValueError:
        return None
    there = in_zone(moment, ZoneInfo(app_settings().site_time_zone)) if moment.tzinfo else moment
    return there.replace(tzinfo=None, microsecond=0).isoformat()
