"""Dates, date-times and times: a low bound in milliseconds and a precision, so that what is not known is a range.

A date-time is kept as an instant in UTC, with the offset it was written with; the evaluation's own offset is UTC.
Seconds and milliseconds are one precision, as CQL has it: a time to the second has zero milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from pipelines.measures.elm.columns import Rows, Single, gather

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND = range(1, 8)
PRECISIONS = {"year": YEAR, "month": MONTH, "day": DAY, "hour": HOUR, "minute": MINUTE, "second": SECOND}
PRECISIONS |= {"millisecond": MILLISECOND, "week": DAY}
MS_PER_DAY = 86_400_000
MS_PER = {"hour": 3_600_000, "minute": 60_000, "second": 1000, "millisecond": 1, "day": MS_PER_DAY}
MS_PER["week"] = 7 * MS_PER_DAY
STEP = np.array([0, 0, 0, MS_PER_DAY, 3_600_000, 60_000, 1, 1], np.int64)
PATTERN = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$"
)
TIME_PATTERN = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?$")
EARLIEST = int(np.datetime64("0001-01-01", "ms").astype(np.int64))
LATEST = int(np.datetime64("9999-12-31T23:59:59.999", "ms").astype(np.int64))


class Moment(Single):
    """`low`: first millisecond it may be. `precision`: YEAR … MILLISECOND, 0 for null. `offset`: minutes.

    `high`: last millisecond it may be, where that does not follow from the precision (the end of what goes on).
    """

    def __init__(
        self,
        kind: str,
        low: np.ndarray,
        precision: np.ndarray,
        offset: np.ndarray | None = None,
        high: np.ndarray | None = None,
    ):
        self.kind, self.low, self.precision = kind, low, precision
        self.offset = np.zeros(len(low), np.int64) if offset is None else offset
        self.spread = high is not None
        self._high = high

    def __len__(self) -> int:
        return len(self.low)

    def nulls(self) -> np.ndarray:
        return self.precision == 0

    def take(self, rows: Rows) -> Moment:
        return Moment(
            self.kind,
            gather(self.low, rows, 0),
            gather(self.precision, rows, 0),
            gather(self.offset, rows, 0),
            gather(self.high, rows, 0) if self.spread else None,
        )

    def join(self, others: Sequence[Moment]) -> Moment:
        parts = (self, *others)
        return Moment(
            self.kind,
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.precision for part in parts]),
            np.concatenate([part.offset for part in parts]),
            np.concatenate([part.high for part in parts]) if any(part.spread for part in parts) else None,
        )

    @property
    def high(self) -> np.ndarray:
        """The last millisecond it may be."""
        if self._high is None:
            self._high = last_of(self.low + self.offset * 60_000, self.precision) - self.offset * 60_000
        return self._high


def last_of(low: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """The last millisecond of the year, month, day … that begins at `low`."""
    high = low + STEP[precision] - 1
    fine = precision >= SECOND
    high[fine] = low[fine]
    coarse = (precision == YEAR) | (precision == MONTH)
    if coarse.any():
        months = low[coarse].astype("M8[ms]").astype("M8[M]")
        after = months + np.where(precision[coarse] == YEAR, 12, 1).astype("m8[M]")
        high[coarse] = after.astype("M8[ms]").astype(np.int64) - 1
    high[precision == 0] = 0
    return high


def floor_to(values: np.ndarray, precision: int | str) -> np.ndarray:
    """The beginning of the year, month, week, day … that each instant is in (in UTC)."""
    if precision in (YEAR, MONTH):
        unit = "M8[Y]" if precision == YEAR else "M8[M]"
        return values.astype("M8[ms]").astype(unit).astype("M8[ms]").astype(np.int64)
    if precision == "week":
        return (values + 4 * MS_PER_DAY) // (7 * MS_PER_DAY) * (7 * MS_PER_DAY) - 4 * MS_PER_DAY
    step = 1000 if precision == SECOND else int(STEP[precision])
    return values if step == 1 else values // step * step


def parse(text: str, kind: str) -> tuple[int, int, int]:
    """(low, precision, offset) of a FHIR date, dateTime or instant; precision 0 when it is not one."""
    found = PATTERN.match(text)
    if not found:
        return 0, 0, 0
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    precision = next(
        (at for at, part in enumerate((month, day, hour, minute, second), 1) if part is None), MILLISECOND
    )
    if kind == "Date":
        precision = min(precision, DAY)
    try:
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=UTC,
        )
    except ValueError:
        return 0, 0, 0
    offset = 0
    if zone and zone != "Z" and kind != "Date":
        offset = (int(zone[1:3]) * 60 + int(zone[4:6])) * (-1 if zone[0] == "-" else 1)
    milliseconds = int((fraction or "0")[:3].ljust(3, "0"))
    low = int(moment.timestamp()) * 1000 + milliseconds - offset * 60_000
    if precision <= DAY:
        low, offset = int(datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp()) * 1000, 0
    return low, precision, offset


def parse_time(text: str) -> tuple[int, int, int]:
    """(milliseconds since midnight, precision, 0) of a time of day."""
    found = TIME_PATTERN.match(text.removeprefix("@").removeprefix("T"))
    if found is None:
        return 0, 0, 0
    hour, minute, second, fraction = found.groups()
    seconds = int(hour) * 3600 + int(minute or 0) * 60 + int(second or 0)
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        return 0, 0, 0
    precision = MILLISECOND if second else MINUTE if minute else HOUR
    return seconds * 1000 + int((fraction or "0")[:3].ljust(3, "0")), precision, 0


def moments(texts: Sequence[str | None], kind: str) -> Moment:
    """A column of parsed texts; null where there is none or it is not a date."""
    read = parse_time if kind == "Time" else lambda text: parse(text, kind)
    texts = [text if isinstance(text, str) else "" for text in texts]
    distinct = {text: read(text) if text else (0, 0, 0) for text in set(texts)}
    table = np.array([distinct[text] for text in texts], np.int64).reshape(-1, 3)
    return Moment(kind, table[:, 0].copy(), table[:, 1].astype(np.int8), table[:, 2].copy())


def local(moment: Moment) -> np.ndarray:
    """The low bound on the clock it was written with."""
    return moment.low + moment.offset * 60_000


def date_from(moment: Moment) -> Moment:
    """The date part, on the clock the date-time was written with."""
    precision = np.minimum(moment.precision, DAY)
    return Moment("Date", local(moment) // MS_PER_DAY * MS_PER_DAY, precision)


def to_datetime(moment: Moment) -> Moment:
    """A date as a date-time whose time of day is not known."""
    if moment.kind == "DateTime":
        return moment
    return Moment("DateTime", moment.low, moment.precision)


def add(moment: Moment, amount: np.ndarray, unit: str, known: np.ndarray) -> Moment:
    """`moment` plus whole units of calendar or clock time; what is finer than its precision is cut to it."""
    whole = np.trunc(amount).astype(np.int64)
    precision = np.where(known, moment.precision, 0).astype(np.int8)
    if unit in ("year", "month"):
        months = whole * (12 if unit == "year" else 1)
        months = np.where(precision == YEAR, np.fix(months / 12).astype(np.int64) * 12, months)
        low = add_months(local(moment), months) - moment.offset * 60_000
    else:
        step = np.int64(MS_PER[unit])
        span = whole * step if unit != "second" else np.round(amount * 1000).astype(np.int64)
        low = moment.low + span
        fine = np.where(precision >= DAY, STEP[precision], 1)
        coarser = (precision >= DAY) & (precision < SECOND) & (fine > step)
        low = np.where(coarser, moment.low + np.fix(span / np.maximum(fine, 1)).astype(np.int64) * fine, low)
        if ((precision == MONTH) | (precision == YEAR)).any():
            days = np.fix(span / MS_PER_DAY).astype(np.int64)
            low = np.where(
                precision == MONTH, add_months(moment.low, np.fix(days / 30).astype(np.int64)), low
            )
            low = np.where(
                precision == YEAR, add_months(moment.low, np.fix(days / 365).astype(np.int64) * 12), low
            )
    outside = (low < EARLIEST) | (low > LATEST)
    precision = np.where(outside, 0, precision).astype(np.int8)
    return Moment(moment.kind, np.where(outside, 0, low), precision, moment.offset)


def next_at(moment: Moment, precision: str) -> Moment:
    """The beginning of the next year, month, day, hour …, on the clock it was written with."""
    unit = precision.lower()
    start = floor_to(local(moment), "week" if unit == "week" else PRECISIONS[unit])
    after = (
        add_months(start, np.full(len(start), 12 if unit == "year" else 1))
        if unit in ("year", "month")
        else None
    )
    low = (start + MS_PER[unit] if after is None else after) - moment.offset * 60_000
    return Moment(moment.kind, low, moment.precision, moment.offset)


def add_months(low: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The same day and time of day so many months later; the last of the month where there is no such day."""
    day = low // MS_PER_DAY
    month = low.astype("M8[ms]").astype("M8[M]")
    day_of_month = day - month.astype("M8[D]").astype(np.int64)
    target = month + months.astype("m8[M]")
    first = target.astype("M8[D]").astype(np.int64)
    length = (target + np.timedelta64(1, "M")).astype("M8[D]").astype(np.int64) - first
    return (first + np.minimum(day_of_month, length - 1)) * MS_PER_DAY + low % MS_PER_DAY


def months_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whole months from start to end, negative when end is before start."""
    first, last = (values.astype("M8[ms]").astype("M8[M]") for values in (start, end))
    months = (last - first).astype(np.int64)
    into_first = start - first.astype("M8[ms]").astype(np.int64)
    into_last = end - last.astype("M8[ms]").astype(np.int64)
    months = months - ((months > 0) & (into_last < into_first))
    return months + ((months < 0) & (into_last > into_first))


def years_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whole years; from 29 February one is full on 28 February where the year has no other."""
    earlier, later = np.minimum(start, end), np.maximum(start, end)
    years = boundaries(earlier, later, "year")
    years = years - (add_months(earlier, years * 12) > later)
    return np.where(start <= end, years, -years)


def duration(start: np.ndarray, end: np.ndarray, unit: str) -> np.ndarray:
    """Whole units that have passed from start to end."""
    if unit in ("year", "month"):
        return months_between(start, end) if unit == "month" else years_between(start, end)
    difference = end - start
    return np.sign(difference) * (np.abs(difference) // MS_PER[unit])


def boundaries(start: np.ndarray, end: np.ndarray, unit: str) -> np.ndarray:
    """How many boundaries of the unit lie between start and end."""
    if unit in ("year", "month"):
        code = "M8[Y]" if unit == "year" else "M8[M]"
        first, last = (values.astype("M8[ms]").astype(code).astype(np.int64) for values in (start, end))
        return last - first
    precision = "week" if unit == "week" else PRECISIONS[unit]
    return (floor_to(end, precision) - floor_to(start, precision)) // MS_PER[unit]
