"""FHIR dates as the stretch of time they may mean: first and last instant, in the site's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ehr_core.kernel.clock import in_zone

WITHOUT_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
INSTANT = timedelta(microseconds=1)
LAST = datetime.max.replace(tzinfo=UTC)


@lru_cache(maxsize=65_536)
def bounds(text: str, time_zone: str) -> tuple[datetime, datetime]:
    """The first and last instant (UTC) of a FHIR date, dateTime or instant that has been validated.

    A date is a day of the site, a month all its days; a time without seconds its whole minute. The last instant is
    one microsecond before the next begins.
    """
    if "T" in text:
        return _time_bounds(text)
    year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
    first = (year, month or 1, day or 1)
    if day:
        following = _day_after(first)
    else:
        following = (year + (month == 12), month % 12 + 1, 1) if month else (year + 1, 1, 1)
    return _midnight(first, time_zone), _midnight(following, time_zone) - INSTANT


def with_offset(text: str, time_zone: str) -> str:
    """A time as it is asked for: without an offset it is the site's; a '+' that came as a space is one again.

    Anything else stays as it is. Source: FHIR R4, search by date: whoever asks should name a zone, and need not.
    """
    text = text.replace(" ", "+")
    if not WITHOUT_OFFSET.fullmatch(text):
        return text
    try:
        there = datetime.fromisoformat(text[:16]).replace(tzinfo=ZoneInfo(time_zone))
        return text + there.isoformat()[16 + len(":00") :][: len("+00:00")]
    except (ValueError, OverflowError):
        return text


def _time_bounds(text: str) -> tuple[datetime, datetime]:
    seconds_missing = text[16:17] != ":"
    leap_second = text[17:19] == "60"  # counted as the last second of its minute: datetime knows no 60
    clean = text[:17] + "59" + text[19:] if leap_second else text
    low = in_zone(datetime.fromisoformat(_six_digits(clean)), UTC)
    return low, low + min(timedelta(minutes=1) - INSTANT, LAST - low) if seconds_missing else low


def _six_digits(text: str) -> str:
    """The text with at most six digits of a second's fraction: more than a timestamp holds is cut."""
    if text[19:20] != ".":
        return text
    end = 20
    while end < len(text) and text[end].isdigit():
        end += 1
    return text[:20] + text[20:end][:6].ljust(6, "0") + text[end:]


def _day_after(day: tuple[int, int, int]) -> tuple[int, int, int]:
    if day == (9999, 12, 31):
        return (10_000, 1, 1)
    following = datetime(*day, tzinfo=UTC) + timedelta(days=1)
    return following.year, following.month, following.day


def _midnight(day: tuple[int, int, int], time_zone: str) -> datetime:
    """The first instant of a day at the site; the year 10000 and the hours before year 1 are cut to the calendar."""
    if day[0] > 9999:
        return LAST
    return in_zone(datetime(*day, tzinfo=ZoneInfo(time_zone)), UTC)
