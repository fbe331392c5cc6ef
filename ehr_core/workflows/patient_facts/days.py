"""Days out of FHIR dates, for facts that are kept by the day. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

WHOLE_DAY = len("2026-01-01")


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
