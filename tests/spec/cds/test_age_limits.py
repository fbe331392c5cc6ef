"""Drugs that are not for children below an age."""

from __future__ import annotations

import pytest

from cds.cards import Severity, Tier
from tests.spec.cds.label_people import FIRES, QUIET, UNCHECKED, cards_of, order, person, says


@pytest.mark.parametrize(
    ("years", "months", "what", "route", "expected"),
    [
        (11, 11, "codeine", "oral", FIRES),
        (17, 11, "codeine", "oral", FIRES),
        (18, 0, "codeine", "oral", QUIET),
        (1, 11, "promethazine", "rectal", FIRES),
        (2, 0, "promethazine", "rectal", QUIET),
        (3, 11, "dextromethorphan", "oral", FIRES),
        (4, 0, "dextromethorphan", "oral", QUIET),
        (0, 5, "ibuprofen", None, FIRES),
        (0, 5, "ibuprofen", "to the skin", QUIET),
        (0, 6, "ibuprofen", "oral", QUIET),
        (None, 0, "codeine", "oral", UNCHECKED),
    ],
)
def test_below_the_age_it_fires_and_from_the_age_on_not(years, months, what, route, expected):
    assert says("age_limits", what, person(years, months), order(what, route=route)) is expected


def test_the_younger_the_child_the_graver_the_card():
    (young,) = cards_of("age_limits", person(5), order("codeine"))
    (older,) = cards_of("age_limits", person(15), order("codeine"))
    assert (young.severity, young.tier) == (Severity.CONTRAINDICATED, Tier.INTERRUPTS)
    assert (older.severity, older.tier) == (Severity.SERIOUS, Tier.INLINE)
    assert young.sentence == "Codeine is not for children below 12 years."
