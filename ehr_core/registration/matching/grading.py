"""Grades two records: certainly one person's, possibly, or certainly not; and says why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ehr_core.registration.matching.comparing import Comparison, compare
from ehr_core.registration.matching.identity import Identity
from ehr_core.registration.matching.numbers import Agreement, numbers

Grade = Literal["certain", "possible", "certainly_not"]

WORTH_SAYING: tuple[Agreement, ...] = ("same", "alike", "different")
SILENT_DIFFERENCES = frozenset({"phone", "email", "address", "identifier"})
"""A different one says nothing, so it is not given as a reason."""


@dataclass(frozen=True)
class Judgement:
    """`reasons` are sentences for the screen, what agrees before what differs; `points` orders a list."""

    grade: Grade
    points: float
    reasons: tuple[str, ...]


def judge(first: Identity, second: Identity) -> Judgement:
    """Adds up what agrees and what differs. A fact that is not recorded on both sides counts neither way."""
    compared = compare(first, second)
    points = sum(numbers().points[each.fact].of(each.agreement) for each in compared)
    return Judgement(
        _grade(points, {each.fact: each.agreement for each in compared}), points, _reasons(compared)
    )


def _grade(points: float, agreement: dict[str, Agreement]) -> Grade:
    if points < numbers().possible.value:
        return "certainly_not"
    if points >= numbers().certain.value and _could_be_certain(agreement):
        return "certain"
    return "possible"


def _could_be_certain(agreement: dict[str, Agreement]) -> bool:
    """Points alone are not enough: twins share all but the first name, father and son all but the birth date.

    A shared number of one system stands for the family name, which people change.
    """
    family_fits = agreement["family"] in ("same", "alike") or agreement["identifier"] == "same"
    given_fits = agreement["given"] in ("same", "alike")
    one_birth = agreement["birth_date"] == "same" and agreement["sex"] != "different"
    return family_fits and given_fits and one_birth


def _reasons(compared: list[Comparison]) -> tuple[str, ...]:
    told = [
        each
        for each in compared
        if each.why
        and each.agreement in WORTH_SAYING
        and not (each.agreement == "different" and each.fact in SILENT_DIFFERENCES)
    ]
    told.sort(key=lambda each: WORTH_SAYING.index(each.agreement))
    reasons = list(dict.fromkeys(each.why for each in told))
    if _like_twins({each.fact: each.agreement for each in compared}):
        reasons.append("Perhaps twins: only the first name differs")
    return tuple(reasons)


def _like_twins(agreement: dict[str, Agreement]) -> bool:
    one_birth = agreement["birth_date"] == "same" and agreement["family"] in ("same", "alike")
    return one_birth and agreement["given"] == "different"
