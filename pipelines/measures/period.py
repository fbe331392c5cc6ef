"""The performance period: a calendar year, or an influenza season from 1 July to 30 June."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ehr_core.kernel.errors import BadRequest


@dataclass(frozen=True)
class Period:
    """First and last day, both included, in the site's time zone."""

    begin: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.begin:
            raise BadRequest(f"A period cannot end ({self.end}) before it begins ({self.begin}).")


def calendar_year(day: date) -> Period:
    """The calendar year of a day."""
    return Period(date(day.year, 1, 1), date(day.year, 12, 31))


def influenza_season(day: date) -> Period:
    """The season (1 July to 30 June) of a day."""
    first = day.year if day.month >= 7 else day.year - 1
    return Period(date(first, 7, 1), date(first + 1, 6, 30))


def periods(as_of: date, asked: Period | None) -> dict[str, Period]:
    """The period of each kind: the asked one, or the one that the day lies in.

    A season measure asked about another period takes the season in which that period begins.
    Raises BadRequest when the period begins after the day that is asked about.
    """
    if asked is None:
        return {"calendar_year": calendar_year(as_of), "influenza_season": influenza_season(as_of)}
    if asked.begin > as_of:
        raise BadRequest(f"The period begins on {asked.begin}, after {as_of}. Ask again once it has begun.")
    return {"calendar_year": asked, "influenza_season": influenza_season(asked.begin)}
