"""Days out of FHIR dates, for facts that are kept by the day. Pure."""

from __future__ import annotations

from datetime import date


def day_in(written: str | None) -> date | None:
    """The day of a date or instant; None where only a month or a year is known, or nothing."""
    if not written or len(written) < len("2026-01-01"):
        return None
    try:
        return date.fromisoformat(written[:10])
    except ValueError:
        return None
