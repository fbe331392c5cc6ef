"""The next visit in a line: day, time at the clinic, with whom, where."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data_contracts.api.portal import OwnAppointment, PortalHome
from portal.text import Words


def visit_html(words: Words, home: PortalHome, viewer_zone: str | None) -> str:
    """`viewer_zone`: the browser's IANA zone, if it tells; the clinic's zone is named unless both clocks agree."""
    visit = home.next_visit
    if visit is None:
        return f"<p>{escape(words('home.no_visit_shown' if home.hidden_items else 'home.no_visit'))}</p>"
    local = visit.starts_at.astimezone(ZoneInfo(visit.time_zone))
    line = words(
        "home.visit_line",
        date=words.long_date(local.date()),
        time=words.clock(local),
        who=visit.with_whom or home.site_name,
    )
    notes = [visit.where] if visit.where else []
    if _offset(visit, viewer_zone) != local.utcoffset():
        place = visit.time_zone.rpartition("/")[2].replace("_", " ")
        notes.append(words("home.clinic_time", place=place))
    said = "".join(f'<p class="quiet">{escape(note)}</p>' for note in notes)
    return f"<p><b>{escape(line)}</b></p>{said}"


def _offset(visit: OwnAppointment, zone: str | None) -> timedelta | None:
    """The viewer's clock at the time of the visit; null when the browser does not say or says something unknown."""
    try:
        return visit.starts_at.astimezone(ZoneInfo(zone)).utcoffset() if zone else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
