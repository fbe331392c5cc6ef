"""When a thing happened, as FHIR writes it: for sorting and for days, never rounding what is only partly known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ehr_core.kernel.clock import in_zone

LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
"""Where an undated item sorts: after every dated one, newest first."""


def observed_at(observation: dict[str, Any]) -> str | None:
    """When it was observed, as recorded; a period counts by its end, or its start while it has no end."""
    period = observation.get("effectivePeriod") or {}
    return (
        observation.get("effectiveDateTime")
        or observation.get("effectiveInstant")
        or period.get("end")
        or period.get("start")
    )


def sort_moment(written: str | None) -> datetime:
    """The first instant that a FHIR date may mean; LONG_AGO when there is none or it cannot be read."""
    if not written:
        return LONG_AGO
    padded = f"{written}-01-01" if len(written) == 4 else f"{written}-01" if len(written) == 7 else written
    try:
        instant = datetime.fromisoformat(padded)
    except ValueError:
        return LONG_AGO
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def day_of(written: str | None, time_zone: str) -> date | None:
    """The day at the site; None for a partial, absent or unreadable date."""
    if not written or len(written) < 10:
        return None
    try:
        if len(written) == 10:
            return date.fromisoformat(written)
        instant = datetime.fromisoformat(written)
    except ValueError:
        return None
    return in_zone(instant, ZoneInfo(time_zone)).date() if instant.tzinfo else instant.date()
