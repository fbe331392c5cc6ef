"""A second, slow reading of the measure language for tests: random expressions, each as ELM and as a plain function.

The function takes one record and gives what the reference says in so many words: a date is a list of components that
are compared one by one, an interval two points, three values are True, False and None. It knows nothing of columns.
"""

from __future__ import annotations

import random
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.lib.elm import FHIR, interval, literal, moment, op, part, quantity, ref
from tests.lib.made_measure import helper

UNITS = ("year", "month", "day", "hour", "minute")
PRECISIONS = ("Year", "Month", "Day", "Hour", "Minute", "Millisecond")
GRAMS = {"mg": 0.001, "g": 1.0, "kg": 1000.0}
RELATIONS = (
    *("Before", "After", "SameOrBefore", "SameOrAfter", "Overlaps", "OverlapsBefore", "OverlapsAfter"),
    *("IncludedIn", "Includes", "Starts", "Ends", "SameAs"),
)
Row = dict
"""`visit`, an Encounter, and in inner queries `other`, another one"""


@dataclass(frozen=True)
class Both:
    """One expression twice."""

    elm: dict
    value: Callable[[Row], Any]


@dataclass(frozen=True)
class Point:
    """A date-time by its components as written, from the year on, and its offset in minutes."""

    parts: tuple[int, ...]
    offset: int = 0

    @classmethod
    def read(cls, text: str) -> Point:
        day, _, rest = text.partition("T")
        zone, clock = 0, rest.removesuffix("Z")
        for sign in "+-":
            if sign in clock:
                clock, _, written = clock.partition(sign)
                zone = (int(written[:2]) * 60 + int(written[3:])) * (1 if sign == "+" else -1)
        times = clock.replace(".", ":").split(":") if clock else []
        parts = [int(one) for one in day.split("-")] + [int(one) for one in times[:2]]
        if len(times) > 2:
            parts.append(int(times[2]) * 1000 + int(times[3] if len(times) > 3 else 0))
        return cls(tuple(parts), zone if times else 0)

    def shown(self, precision: str | None) -> tuple[int, ...]:
        """Its components: as written for days and longer, else on the clock of UTC."""
        if precision in ("Year", "Month", "Day") or not self.offset or len(self.parts) < 4:
            return self.parts
        padded = [*self.parts, *[0] * (6 - len(self.parts))]
        at = datetime(*padded[:5], tzinfo=UTC) + timedelta(milliseconds=padded[5], minutes=-self.offset)
        moved = (at.year, at.month, at.day, at.hour, at.minute, at.second * 1000 + at.microsecond // 1000)
        return moved[: len(self.parts)]

    def plus(self, amount: int, unit: str) -> Point:
        """Later by so many units; what is finer than the components there are is cut to whole ones of these."""
        known = len(self.parts)
        for finer, size in (("minute", 60), ("hour", 24), ("day", 30 if known == 2 else 365), ("month", 12)):
            if unit == finer and UNITS.index(unit) >= known:
                amount = int(amount / size)
                unit = "year" if finer == "day" and known == 1 else UNITS[UNITS.index(finer) - 1]
        padded = [*self.parts, *[1, 1, 1, 0, 0, 0][known:]]
        if unit in ("year", "month"):
            months = padded[0] * 12 + padded[1] - 1 + amount * (12 if unit == "year" else 1)
            year, month = divmod(months, 12)
            day = min(padded[2], monthrange(year, month + 1)[1])
            return Point((year, month + 1, day, *padded[3:])[:known], self.offset)
        at = datetime(*padded[:5], tzinfo=UTC) + timedelta(milliseconds=padded[5], **{f"{unit}s": amount})
        moved = (at.year, at.month, at.day, at.hour, at.minute, at.second * 1000 + at.microsecond // 1000)
        return Point(moved[:known], self.offset)

    def next(self, sign: int) -> Point:
        """The one after (or before, for -1) as precise as it is written."""
        if len(self.parts) < 6:
            return self.plus(sign, UNITS[len(self.parts) - 1])
        at = datetime(*self.parts[:5], tzinfo=UTC) + timedelta(milliseconds=self.parts[5] + sign)
        milliseconds = at.second * 1000 + at.microsecond // 1000
        return Point((at.year, at.month, at.day, at.hour, at.minute, milliseconds), self.offset)

    def bounds(self) -> tuple[datetime, datetime]:
        """The first and the last moment that it may be, by the clock of UTC."""
        parts = list(self.parts)
        low = _utc(parts + [1, 1, 0, 0, 0][len(parts) - 1 :], self.offset)
        if len(parts) == 6:
            return low, low
        steps = (366, 31, 1), (0, 0, 0, timedelta(hours=1), timedelta(minutes=1))
        if len(parts) > 3:
            return low, low + steps[1][len(parts) - 1] - timedelta(milliseconds=1)
        after = (low + timedelta(days=steps[0][len(parts) - 1])).replace(hour=0, minute=0)
        after = after.replace(day=1) if len(parts) < 3 else after
        after = after.replace(month=1) if len(parts) < 2 else after
        return low, after - timedelta(milliseconds=1)


def _utc(parts: list[int], offset: int) -> datetime:
    return datetime(*parts[:5], tzinfo=UTC) + timedelta(milliseconds=parts[5], minutes=-offset)


def whole_units(unit: str, start: datetime, end: datetime) -> int:
    """Whole units from start to end, towards zero. A year from 29 February is full on the 28th of another year."""
    if start > end:
        return -whole_units(unit, end, start)
    if unit in ("Day", "Hour"):
        return (end - start) // timedelta(**{f"{unit.lower()}s": 1})
    if unit == "Month":
        return _months(start, end)
    years = end.year - start.year
    day = min(start.day, monthrange(end.year, start.month)[1])
    return years - (start.replace(year=end.year, day=day) > end)


def _months(start: datetime, end: datetime) -> int:
    """Whole months; the last one is full when the later day and time of day of the month is reached."""
    months = (end.year - start.year) * 12 + end.month - start.month
    inside = [(one.day, one.time()) for one in (start, end)]
    return months - (months > 0 and (inside[1] < inside[0]))


FIRST, LAST = Point((1, 1, 1, 0, 0, 0)), Point((9999, 12, 31, 23, 59, 59_999))


@dataclass(frozen=True)
class Unknown:
    """The open, unknown end of an interval: somewhere from `low` to `high`."""

    low: Point
    high: Point


@dataclass(frozen=True)
class Span:
    """First and last point; of a side that is open, the bound itself beside."""

    start: Any
    end: Any
    below: Point | None = None
    above: Point | None = None


def order(first: Point, second: Point, precision: str | None) -> int | None:
    """-1, 0, 1 by the first components that differ; None when one of the two ends before."""
    left, right = first.shown(precision), second.shown(precision)
    for at in range(PRECISIONS.index(precision) + 1 if precision else len(PRECISIONS)):
        if at >= len(left) and at >= len(right):
            return None if precision else 0
        if at >= len(left) or at >= len(right):
            return None
        if left[at] != right[at]:
            return -1 if left[at] < right[at] else 1
    return 0


def less(first, second, precision: str | None, or_equal: bool) -> bool | None:
    if isinstance(first, Unknown):
        sure = less(first.high, second, precision, or_equal)
        return True if sure else (False if less(first.low, second, precision, or_equal) is False else None)
    if isinstance(second, Unknown):
        sure = less(first, second.low, precision, or_equal)
        return True if sure else (False if less(first, second.high, precision, or_equal) is False else None)
    found = order(first, second, precision)
    return None if found is None else found < 0 or (or_equal and found == 0)


def equal(first, second, precision: str | None) -> bool | None:
    return both(less(first, second, precision, True), less(second, first, precision, True))


def both(*values: bool | None) -> bool | None:
    return False if False in values else None if None in values else True


def either(*values: bool | None) -> bool | None:
    return True if True in values else None if None in values else False


def negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def related(name: str, first: Span | None, second: Span | None, precision: str | None) -> bool | None:
    if first is None or second is None:
        return None
    a, b, c, d = first.start, first.end, second.start, second.end
    le = lambda left, right: less(left, right, precision, True)  # noqa: E731
    return {
        "Before": lambda: less(b, c, precision, False),
        "After": lambda: less(d, a, precision, False),
        "SameOrBefore": lambda: le(b, c),
        "SameOrAfter": lambda: le(d, a),
        "Overlaps": lambda: both(le(a, d), le(c, b)),
        "OverlapsBefore": lambda: both(less(a, c, precision, False), le(a, d), le(c, b)),
        "OverlapsAfter": lambda: both(less(d, b, precision, False), le(a, d), le(c, b)),
        "SameAs": lambda: both(equal(a, c, precision), equal(b, d, precision)),
        "IncludedIn": lambda: both(le(c, a), le(b, d)),
        "Includes": lambda: both(le(a, c), le(d, b)),
        "Starts": lambda: both(equal(a, c, precision), le(b, d)),
        "Ends": lambda: both(equal(b, d, precision), le(c, a)),
    }[name]()


def random_moment(draw: random.Random) -> str:
    """In two years, to any precision, of several zones."""
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
        minutes=draw.choice((1, 60, 1440, 40_000)) * draw.randint(0, 24)
    )
    text = day.strftime("%Y-%m-%dT%H:%M:%S.") + draw.choice(("000", "500"))
    zone = draw.choice(("Z", "+00:00", "-05:00", "+14:00", "+05:30"))
    return draw.choice((text[:4], text[:7], text[:10], text + zone, text + zone, text[:19] + zone))


def random_visit(draw: random.Random, name: str) -> dict:
    """An end without a start is exact: how far an imprecise one bounds what is unknown, the language does not say."""
    period = {}
    if draw.random() < 0.85:
        period["start"] = random_moment(draw)
    if draw.random() < 0.85:
        period["end"] = random_moment(draw)
        while "start" not in period and "Z" not in period["end"]:
            period["end"] = random_moment(draw)
    visit = {"resourceType": "Encounter", "id": name, "period": period}
    if draw.random() < 0.8:
        unit = draw.choice(list(GRAMS))
        amount = draw.choice((1, 2, 5, 1000, 2000, 0.5))
        visit["length"] = {"value": amount, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}
    return visit


def period_of(visit: dict) -> Span | None:
    period = visit["period"]
    start, end = (Point.read(period[key]) if key in period else None for key in ("start", "end"))
    if start is None:
        return None if end is None else Span(Unknown(FIRST, end), end)
    return Span(start, LAST if end is None else end)


def grams_of(visit: dict) -> float | None:
    return visit["length"]["value"] * GRAMS[visit["length"]["unit"]] if "length" in visit else None


class Expressions:
    """Draws expressions over the visits that are in sight (`X` alone, or `X` and `Y`)."""

    def __init__(self, draw: random.Random, aliases: str = "X"):
        self.draw, self.aliases = draw, aliases

    def span(self) -> Both:
        if self.draw.random() < 0.7:
            alias = self.draw.choice(self.aliases)
            return Both(helper("ToInterval", part(ref(alias), "period")), lambda row: period_of(row[alias]))
        low, high = sorted(random_moment(self.draw) for _ in range(2))
        points, marks = (Point.read(low), Point.read(high)), self.draw.choice(("[]", "[]", "()", "[)", "(]"))
        open_low, open_high = marks[0] == "(", marks[1] == ")"
        span = Span(
            points[0].next(1) if open_low else points[0],
            points[1].next(-1) if open_high else points[1],
            points[0] if open_low else None,
            points[1] if open_high else None,
        )
        return Both(interval(moment(low), moment(high), marks), lambda _: span)

    def amount(self) -> Both:
        choice = self.draw.random()
        if choice < 0.6:
            alias = self.draw.choice(self.aliases)
            return Both(helper("ToQuantity", part(ref(alias), "length")), lambda row: grams_of(row[alias]))
        if choice < 0.85:
            value, unit = self.draw.choice((1, 2, 1000, 2500)), self.draw.choice(list(GRAMS))
            return Both(quantity(value, unit), lambda _: value * GRAMS[unit])
        first, second = self.amount(), self.amount()
        return Both(op("Add", first.elm, second.elm), lambda row: _sum(first.value(row), second.value(row)))

    def truth(self, depth: int) -> Both:
        leaves = ("relation", "relation", "amounts", "member", "lasted", "shifted")
        kind = self.draw.choice(leaves if depth == 0 else (*leaves, "and", "or", "not", "implies", "null"))
        if kind in ("member", "lasted", "shifted"):
            return {"member": self._member, "lasted": self._lasted, "shifted": self._shifted}[kind]()
        if kind == "relation":
            name, first, second = self.draw.choice(RELATIONS), self.span(), self.span()
            at = self.draw.choice((None, *PRECISIONS[:5]))
            elm = op(name, first.elm, second.elm, **({"precision": at} if at else {}))
            return Both(elm, lambda row: related(name, first.value(row), second.value(row), at))
        if kind == "amounts":
            left, right = self.amount(), self.amount()
            name = self.draw.choice(("Less", "GreaterOrEqual", "Equal"))
            return Both(
                op(name, left.elm, right.elm), lambda row: _amounts(name, left.value(row), right.value(row))
            )
        one = self.truth(depth - 1)
        if kind == "not":
            return Both(op("Not", one.elm), lambda row: negated(one.value(row)))
        if kind == "null":
            return Both(op("IsNull", one.elm), lambda row: one.value(row) is None)
        two = self.truth(depth - 1)
        name, rule = {
            "and": ("And", both),
            "or": ("Or", either),
            "implies": ("Implies", lambda a, b: either(negated(a), b)),
        }[kind]
        return Both(op(name, one.elm, two.elm), lambda row: rule(one.value(row), two.value(row)))

    def _member(self) -> Both:
        """Is the end of a visit in an interval? Nothing is in one that is null; an unknown start decides nothing."""
        alias, around = self.draw.choice(self.aliases), self.span()
        at = self.draw.choice((None, *PRECISIONS[:5]))
        end = op("End", helper("ToInterval", part(ref(alias), "period")))
        elm = op("In", end, around.elm, **({"precision": at} if at else {}))

        def value(row: Row) -> bool | None:
            visit, span = period_of(row[alias]), around.value(row)
            if visit is None or span is None:
                return None if visit is None else False
            after = None if isinstance(span.start, Unknown) else less(span.start, visit.end, at, True)
            if span.below is not None:
                after = less(span.below, visit.end, at, False)
            before = less(visit.end, span.end, at, True)
            return both(after, before if span.above is None else less(visit.end, span.above, at, False))

        return Both(elm, value)

    def _shifted(self) -> Both:
        """Does a visit begin, moved by some calendar units, at a moment or before?"""
        alias, text = self.draw.choice(self.aliases), random_moment(self.draw)
        amount, unit = self.draw.choice((-400, -1, 1, 13, 31, 90, 1500)), self.draw.choice(UNITS)
        at = self.draw.choice((None, *PRECISIONS[:5]))
        start = op("Start", helper("ToInterval", part(ref(alias), "period")))
        moved = op("Add", start, quantity(amount, f"{unit}s"))
        elm = op("SameOrBefore", moved, moment(text), **({"precision": at} if at else {}))

        def value(row: Row) -> bool | None:
            span = period_of(row[alias])
            if span is None or isinstance(span.start, Unknown):
                return None
            return less(span.start.plus(amount, unit), Point.read(text), at, True)

        return Both(elm, value)

    def _lasted(self) -> Both:
        """Did a visit last so many whole units, as far as its ends let one say?"""
        alias, least = self.draw.choice(self.aliases), self.draw.choice((0, 1, 3, 24, 100))
        unit = self.draw.choice(("Year", "Month", "Day", "Hour"))
        period = helper("ToInterval", part(ref(alias), "period"))
        units = op("DurationBetween", op("Start", period), op("End", period), precision=unit)

        def value(row: Row) -> bool | None:
            span = period_of(row[alias])
            if span is None or isinstance(span.start, Unknown):
                return None
            (low, high), (end_low, end_high) = span.start.bounds(), span.end.bounds()
            if len(span.start.parts) == len(span.end.parts) > PRECISIONS.index(unit):
                high, end_high = low, end_low
            if unit != "Hour" and span.start.offset == span.end.offset:
                written = timedelta(minutes=span.start.offset)
                low, high, end_low, end_high = (one + written for one in (low, high, end_low, end_high))
            fewest, most = whole_units(unit, high, end_low), whole_units(unit, low, end_high)
            return True if fewest >= least else False if most < least else None

        return Both(op("GreaterOrEqual", units, literal(least)), value)

    def query(self) -> Both:
        """Of the patient's visits that meet a condition, how many there are, the greatest amount, or the sum."""
        inner = Expressions(self.draw, "XY")
        condition, amount = inner.truth(1), inner.amount()
        visits = {"type": "Retrieve", "dataType": f"{FHIR}Encounter"}
        source = {"source": [{"alias": "Y", "expression": visits}], "where": condition.elm}
        lets = {"let": [{"identifier": "amount", "expression": amount.elm}]}
        named = {"type": "QueryLetRef", "name": "amount"}
        kept = lambda row: [  # noqa: E731
            amount.value({**row, "Y": other})
            for other in row["all"]
            if condition.value({**row, "Y": other}) is True
        ]
        kind = self.draw.choice(("count", "sum", "last", "fold"))
        if kind == "count":
            elm = {"type": "Count", "source": {"type": "Query", **source}}
            return Both(elm, lambda row: len(kept(row)))
        returned = {"return": {"expression": named, "distinct": False}}
        if kind == "sum":
            elm = {"type": "Sum", "source": {"type": "Query", **source, **lets, **returned}}
            return Both(_in_grams(elm), lambda row: _total(kept(row)))
        if kind == "last":
            sort = {"sort": {"by": [{"type": "ByDirection", "direction": "asc"}]}}
            elm = {"type": "Last", "source": {"type": "Query", **source, **lets, **returned, **sort}}
            known = lambda row: [one for one in kept(row) if one is not None]  # noqa: E731
            return Both(_in_grams(elm), lambda row: max(known(row)) if known(row) else None)
        step = op("Add", ref("T"), {"type": "Coalesce", "operand": [named, quantity(0, "g")]})
        fold = {"aggregate": {"identifier": "T", "starting": quantity(0, "g"), "expression": step}}
        return Both(
            _in_grams({"type": "Query", **source, **lets, **fold}), lambda row: _total([0.0, *kept(row)])
        )


def _in_grams(elm: dict) -> dict:
    return part(op("ConvertQuantity", elm, literal("g")), "value")


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _total(values: list[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) if known else None


def _amounts(name: str, left: float | None, right: float | None) -> bool | None:
    if left is None or right is None:
        return None
    same = abs(left - right) < 1e-9
    return {"Less": left < right and not same, "GreaterOrEqual": left > right or same, "Equal": same}[name]
