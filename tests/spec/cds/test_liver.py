"""Drugs in liver disease: recorded disease, the span of the Child–Pugh class, a raised ALT, and what is not known."""

from __future__ import annotations

import pytest

from cds.facts import Unknowable
from cds.liver_function import liver_state
from cds.rules import liver
from tests.spec.cds.label_people import FIRES, QUIET, UNCHECKED, cards_of, drug, icd, lab, order, person, says

CIRRHOSIS, HEPATITIS_C, FAILING, ASCITES, ENCEPHALOPATHY = "K74.60", "B18.2", "K76.7", "R18.8", "K76.82"
GOOD = (lab("1975-2", 1.0, "mg/dL"), lab("1751-7", 4.0, "g/dL"), lab("6301-6", 1.1, None))
BAD = (lab("1975-2", 4.0, "mg/dL"), lab("1751-7", 2.5, "g/dL"), lab("6301-6", 2.6, None))


def sick(*codes, results=(), **more):
    return person(60, conditions=tuple(icd(code) for code in codes), results=results, **more)


@pytest.mark.parametrize(
    ("codes", "results", "least", "most"),
    [
        ((), BAD, None, None),
        ((HEPATITIS_C,), BAD, None, None),
        ((CIRRHOSIS,), (), "A", "C"),
        ((CIRRHOSIS,), GOOD, "A", "B"),
        ((CIRRHOSIS,), BAD, "C", "C"),
        ((CIRRHOSIS, ASCITES), GOOD, "A", "B"),
        ((CIRRHOSIS, ASCITES, ENCEPHALOPATHY), GOOD, "B", "B"),
        ((CIRRHOSIS, FAILING), GOOD, "B", "B"),
        ((FAILING,), (), "B", "C"),
    ],
)
def test_the_class_lies_between_the_best_and_the_worst_that_could_be(codes, results, least, most):
    state = liver_state(sick(*codes, results=results))
    assert (state.least, state.most) == (least, most)


def test_a_sign_that_is_not_recorded_is_not_none_and_an_inr_on_warfarin_does_not_count():
    state = liver_state(sick(CIRRHOSIS, results=GOOD))
    assert state.missing == ("whether there is ascites", "whether there is encephalopathy")
    thinned = liver_state(sick(CIRRHOSIS, results=GOOD, medications=(drug("warfarin", 5, 1),)))
    assert "an INR without warfarin" in thinned.missing


@pytest.mark.parametrize(
    ("name", "who", "mg", "times", "expected"),
    [
        ("methotrexate", sick(), 15, 1 / 7, QUIET),
        ("methotrexate", sick(HEPATITIS_C), 15, 1 / 7, FIRES),
        ("rivaroxaban", sick(HEPATITIS_C), 20, 1, QUIET),
        ("rivaroxaban", sick(CIRRHOSIS), 20, 1, UNCHECKED),
        ("rivaroxaban", sick(CIRRHOSIS, results=BAD), 20, 1, FIRES),
        ("rivaroxaban", sick(CIRRHOSIS, FAILING, results=GOOD), 20, 1, FIRES),
        ("escitalopram", sick(CIRRHOSIS), 20, 1, FIRES),
        ("escitalopram", sick(CIRRHOSIS), 10, 1, QUIET),
        ("escitalopram", sick(CIRRHOSIS), None, 1, FIRES),
        ("acetaminophen", sick(HEPATITIS_C), 500, 4, QUIET),
        ("acetaminophen", sick(HEPATITIS_C), 1000, 3, FIRES),
        ("atorvastatin", sick(CIRRHOSIS, results=GOOD), 40, 1, UNCHECKED),
        ("ondansetron", sick(CIRRHOSIS, results=BAD), 8, 1, QUIET),
        ("ondansetron", sick(CIRRHOSIS, results=BAD), 8, 3, FIRES),
        ("naproxen", sick("K76.0"), 500, 2, QUIET),
        ("naproxen", sick(CIRRHOSIS), 500, 2, FIRES),
        ("naproxen", person(60, unknowable=(Unknowable("conditions", "restricted"),)), 500, 2, UNCHECKED),
    ],
)
def test_by_disease_and_class(name, who, mg, times, expected):
    assert says("liver", name, who, order(name, mg, times)) is expected


@pytest.mark.parametrize(
    ("alt", "unit", "age_days", "expected"),
    [
        (120, "U/L", 10, QUIET),
        (121, "U/L", 10, FIRES),
        (121, "[IU]/L", 180, FIRES),
        (121, "U/L", 200, QUIET),
        (121, None, 10, UNCHECKED),
        (121, "ukat/L", 10, UNCHECKED),
    ],
)
def test_by_alt_above_three_times_the_limit(alt, unit, age_days, expected):
    who = sick(results=(lab("1742-6", alt, unit, age_days),))
    assert says("liver", "atorvastatin", who, order("atorvastatin", 20, 1)) is expected


def test_a_resolved_disease_is_silent_and_the_gravest_step_speaks():
    healed = person(60, conditions=(icd(HEPATITIS_C, clinical_status="resolved"),))
    assert says("liver", "methotrexate", healed, order("methotrexate", 15, 1 / 7)) is QUIET
    (card,) = cards_of("liver", sick(CIRRHOSIS, results=BAD), order("acetaminophen", 1000, 4))
    assert card.interrupts
    assert (
        card.sentence == "Acetaminophen: Child–Pugh class C: reduce the dose to 2,000 mg a day at the most."
    )


def test_the_knowledge_covers_thirty_five_ingredients():
    rows = liver.steps()
    assert len({one.rxcui for one in rows}) >= 35
    for one in rows:
        assert one.since in liver.WHEN, one
        assert (one.since == "alt") == (one.alt_times is not None), one
        assert one.act in liver.ACTS, one
        assert one.words, one
