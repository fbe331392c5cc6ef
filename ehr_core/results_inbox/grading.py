"""How grave is a result? Critical, perhaps critical but not to be checked, abnormal, or the rest; and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from data_contracts.api.results_inbox import GRADE_RANK, Grade
from ehr_core.display import show_unit
from ehr_core.results_inbox.limits import Bounds, CriticalLimit, critical_limits

CRITICAL_FLAGS = frozenset({"HH", "LL", "AA"})
"""HL7 interpretations by which a laboratory itself calls a result critical."""

ABNORMAL = frozenset({"L", "LL", "H", "HH", "A"})


@dataclass(frozen=True)
class ResultFacts:
    """One value as grading sees it. `flag` is what the chart derives; `interpretations` are the sender's own codes.

    `number` is None for a value in words, and for none. `age_years` is at the time of the result; None is not known.
    """

    codes: frozenset[str]
    number: Decimal | None
    comparator: str | None
    unit: str | None
    interpretations: frozenset[str]
    flag: str | None
    age_years: int | None


@dataclass(frozen=True)
class Grading:
    """The reason is a sentence without the patient's value."""

    grade: Grade
    reason: str

    @property
    def rank(self) -> int:
        return GRADE_RANK[self.grade]


def gravest(gradings: Iterable[Grading]) -> Grading:
    """Of nothing at all: not flagged, because nothing was said."""
    return min(
        gradings, key=lambda one: one.rank, default=Grading("not_flagged", "It has no value to grade.")
    )


def grade(facts: ResultFacts) -> Grading:
    """The sender's critical flag first, then the limits, then the flag by which the chart calls it abnormal."""
    if facts.interpretations & CRITICAL_FLAGS:
        return Grading("critical", "The sender flags it as critical.")
    limit = next((critical_limits()[code] for code in facts.codes if code in critical_limits()), None)
    if limit is not None and (judged := _by_limit(limit, facts)):
        return judged
    if facts.flag in ABNORMAL:
        return Grading("abnormal", "Flagged, or outside the range that came with it.")
    if facts.flag == "N":
        return Grading("normal", "Within the range that came with it.")
    return Grading("not_flagged", "It came without a flag and without a range that holds for everybody.")


def _by_limit(limit: CriticalLimit, facts: ResultFacts) -> Grading | None:
    """Critical, or why that could not be checked; None when it was checked and is not critical."""
    if facts.age_years is None:
        return _unchecked("the age at the time is not known, and the limits are for adults")
    if facts.age_years < limit.adults_from_years:
        return _unchecked(f"the critical limits are for {limit.adults_from_years} years and older")
    if facts.number is None:
        return _unchecked("it has no number")
    bounds = limit.in_unit(facts.unit)
    if bounds is None:
        told = f"there are no limits in '{show_unit(facts.unit)}'" if facts.unit else "it came without a unit"
        return _unchecked(told)
    return _beyond(bounds, facts.number, facts.comparator)


def _unchecked(why: str) -> Grading:
    return Grading("not_checked", f"Whether it is critical could not be checked: {why}.")


def _beyond(bounds: Bounds, number: Decimal, comparator: str | None) -> Grading | None:
    """With '<' or '>' the true value lies on that side: certain where the bound itself is beyond a limit."""
    may_be_higher, may_be_lower = (comparator or "").startswith(">"), (comparator or "").startswith("<")
    if bounds.high is not None and number >= bounds.high and not may_be_lower:
        return Grading("critical", f"At or above the critical limit of {_limit(bounds.high, bounds)}.")
    if bounds.low is not None and number <= bounds.low and not may_be_higher:
        return Grading("critical", f"At or below the critical limit of {_limit(bounds.low, bounds)}.")
    if (may_be_higher and bounds.high is not None) or (may_be_lower and bounds.low is not None):
        return _unchecked("it is only known to lie above or below a number")
    return None


def _limit(bound: Decimal, bounds: Bounds) -> str:
    return f"{bound} {show_unit(bounds.unit)}".strip()
