"""Days out of FHIR dates, for facts that are kept by the day. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

WHOLE_DAY = len("2026-01-01")


def at_site(resource: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """The resource with its own instants and the ends of its periods in the site's zone.

    An instant is a day only somewhere: a value of the evening, written in UTC, is not of tomorrow. What carries no
    offset or cannot be read stays as it is, and so does everything deeper down.
    """
    return {name: _there(value, zone) for name, value in resource.items()}


def _there(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, dict) and ("start" in value or "end" in value):
        return {name: _there(inner, zone) for name, inner in value.items()}
    if not isinstance(value, str) or value[WHOLE_DAY : WHOLE_DAY + 1] != "T":
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    return value if instant.tzinfo is None else instant.astimezone(zone).isoformat()


def day_in(written: str | None) -> date | None:
    """The day of a date or instant; None where only a month or a year is known, or nothing."""
    if not written or len(written) < WHOLE_DAY:
        return None
    try:
        return date.fromisoformat(written[:WHOLE_DAY])
    except ValueError:
        return None


def began(resource: dict[str, Any], name: str) -> date | None:
    """The first day of a choice such as `performed[x]`: its DateTime, its Instant, or the start of its Period."""
    period = resource.get(f"{name}Period") or {}
    return day_in(resource.get(f"{name}DateTime") or resource.get(f"{name}Instant") or period.get("start"))
