"""Largest doses: boundaries, children by weight, totals over medications, and what is not known."""

from __future__ import annotations

import pytest

from cds.cards import Outcome, Tier
from cds.dosing import figure, route_of, weight_window_days
from cds.facts import IngredientDose, Medication, Proposal, Unknowable
from cds.ingredients import rxcui_of
from cds.rules import dose_limits
from tests.spec.cds.label_people import FIRES, QUIET, UNCHECKED, cards_of, drug, order, person, says

ADULT, ELDER = person(50), person(80)
HYDROCODONE_APAP = Medication(
    "hydrocodone 5 mg / acetaminophen 325 mg tablet",
    (rxcui_of("hydrocodone"), rxcui_of("acetaminophen")),
    route="oral",
    ingredient_doses=(
        IngredientDose(rxcui_of("hydrocodone"), 5, "mg"),
        IngredientDose(rxcui_of("acetaminophen"), 325, "mg"),
    ),
    doses_per_day=4,
    reference="MedicationRequest/norco",
)


@pytest.mark.parametrize(
    ("who", "what", "mg", "times", "expected"),
    [
        (ADULT, "acetaminophen", 1000, 4, QUIET),
        (ADULT, "acetaminophen", 1000, 4.1, FIRES),
        (ADULT, "acetaminophen", 1001, 1, FIRES),
        (ADULT, "acetaminophen", 500, None, UNCHECKED),
        (ADULT, "acetaminophen", None, 4, UNCHECKED),
        (ADULT, "ibuprofen", 800, 4, QUIET),
        (ADULT, "ibuprofen", 800, 5, FIRES),
        (ADULT, "methotrexate", 15, 1 / 7, QUIET),
        (ADULT, "methotrexate", 30, 1 / 7, QUIET),
        (ADULT, "methotrexate", 15, 1, FIRES),
        (ADULT, "levothyroxine", 0.3, 1, QUIET),
        (ADULT, "levothyroxine", 75, 1, FIRES),
        (ADULT, "alendronate", 70, 1 / 7, QUIET),
        (ADULT, "alendronate", 70, 1, FIRES),
        (ADULT, "potassium chloride", 20, 2, UNCHECKED),
        (person(59), "citalopram", 40, 1, QUIET),
        (person(60), "citalopram", 40, 1, FIRES),
        (person(60), "citalopram", 20, 1, QUIET),
        (person(74), "tramadol", 100, 4, QUIET),
        (person(75), "tramadol", 100, 4, FIRES),
        (ELDER, "zolpidem", 10, 1, FIRES),
        (person(None), "acetaminophen", 500, 4, UNCHECKED),
        (person(11), "citalopram", 20, 1, UNCHECKED),
    ],
)
def test_adult_doses_at_their_limits(who, what, mg, times, expected):
    assert says("dose_limits", what.replace(" ", "_"), who, order(what, mg, times)) is expected


@pytest.mark.parametrize(
    ("years", "months", "kg", "kg_age", "what", "mg", "times", "expected"),
    [
        (4, 0, 16, 0, "ibuprofen", 160, 4, QUIET),
        (4, 0, 16, 0, "ibuprofen", 176, 3, QUIET),
        (4, 0, 16, 0, "ibuprofen", 177, 3, FIRES),
        (4, 0, 16, 180, "ibuprofen", 160, 4, QUIET),
        (4, 0, 16, 181, "ibuprofen", 160, 4, UNCHECKED),
        (4, 0, None, 0, "ibuprofen", 160, 4, UNCHECKED),
        (4, 0, None, 0, "ibuprofen", 800, 4, FIRES),
        (0, 8, 8, 60, "acetaminophen", 120, 5, QUIET),
        (0, 8, 8, 61, "acetaminophen", 120, 5, UNCHECKED),
        (0, 8, 8, 0, "acetaminophen", 160, 4, FIRES),
        (0, 0, 3.5, 7, "acetaminophen", 52, 4, QUIET),
        (0, 0, 3.5, 8, "acetaminophen", 52, 4, UNCHECKED),
        (6, 0, 20, 0, "amoxicillin", 900, 2, QUIET),
        (6, 0, 20, 0, "amoxicillin", 1000, 2, FIRES),
        (6, 0, 80, 0, "amoxicillin", 2100, 1, FIRES),
        (12, 0, None, 0, "amoxicillin", 875, 2, QUIET),
    ],
)
def test_a_child_is_dosed_by_a_recent_weight_in_kilograms(
    years, months, kg, kg_age, what, mg, times, expected
):
    who = person(years, months, weight_kg=kg, weight_age_days=kg_age)
    assert says("dose_limits", what, who, order(what, mg, times)) is expected


@pytest.mark.parametrize(
    ("months", "days"), [(0, 7), (1, 14), (3, 30), (6, 60), (12, 120), (24, 180), (215, 180), (216, 365)]
)
def test_the_younger_the_child_the_newer_the_weight(months, days):
    assert weight_window_days(months) == days


def test_acetaminophen_counts_over_all_products():
    taking = person(50, medications=(HYDROCODONE_APAP,))
    assert says("dose_limits", "acetaminophen", taking, order("acetaminophen", 650, 4)) is QUIET
    assert says("dose_limits", "acetaminophen", taking, order("acetaminophen", 1000, 3)) is FIRES
    (card,) = cards_of("dose_limits", taking, order("acetaminophen", 1000, 3))
    assert card.sentence == "Acetaminophen 4,300 mg a day: the limit is 4,000 mg."
    assert [reason.value for reason in card.because] == ["1,300 mg a day", "3,000 mg a day"]
    assert card.interrupts
    assert card.override_reasons


def test_a_combination_is_looked_at_by_each_ingredient_and_a_draft_counts():
    more = Proposal(HYDROCODONE_APAP, alongside=(drug("acetaminophen", 1000, 3, route="rectal"),))
    assert says("dose_limits", "acetaminophen", ADULT, more) is FIRES


def test_what_a_renewal_replaces_does_not_count_twice():
    renewed = Proposal(drug("acetaminophen", 1000, 3), replaces=frozenset({HYDROCODONE_APAP.reference}))
    assert says("dose_limits", "acetaminophen", person(50, medications=(HYDROCODONE_APAP,)), renewed) is QUIET


def test_another_medication_of_unknown_dose_is_said_unless_the_limit_is_already_passed():
    unclear = person(50, medications=(drug("acetaminophen", 325, None),))
    assert says("dose_limits", "acetaminophen", unclear, order("acetaminophen", 500, 4)) is UNCHECKED
    assert says("dose_limits", "acetaminophen", unclear, order("acetaminophen", 1000, 5)) is FIRES


def test_a_medication_list_that_cannot_be_seen_is_said():
    hidden = person(50, unknowable=(Unknowable("medications", "restricted"),))
    (card,) = cards_of("dose_limits", hidden, order("acetaminophen", 500, 4))
    assert card.outcome is Outcome.COULD_NOT_CHECK
    assert card.missing == ("the medications (restricted)",)


@pytest.mark.parametrize(
    ("unit", "amount", "expected"),
    [("ug", 75, QUIET), ("mg", 75, FIRES), ("mL", 5, UNCHECKED), ("g", 0.0004, FIRES)],
)
def test_microgram_and_milligram_are_never_mixed_up(unit, amount, expected):
    assert (
        says("dose_limits", "levothyroxine", ADULT, order("levothyroxine", amount, 1, unit=unit)) is expected
    )


@pytest.mark.parametrize(("amount", "times", "expected"), [(40, 2, QUIET), (41, 1, FIRES), (40, 3, FIRES)])
def test_potassium_is_counted_in_milliequivalents(amount, times, expected):
    proposed = order("potassium chloride", amount, times, unit="meq")
    assert says("dose_limits", "potassium_chloride", ADULT, proposed) is expected


@pytest.mark.parametrize(
    ("route", "form", "expected"),
    [
        ("PO", None, "oral"),
        (None, "extended release oral tablet", "oral"),
        (None, "rectal suppository", "rectal"),
        (None, "prefilled syringe for injection", "injection"),
        ("Intravenous route", "tablet", "injection"),
        (None, None, None),
        ("by hope", None, "by hope"),
    ],
)
def test_routes_are_read_from_the_route_or_else_the_form(route, form, expected):
    assert route_of(Medication("x", ("1",), route=route, form=form)) == expected


@pytest.mark.parametrize(
    ("route", "expected"), [("injection", QUIET), ("nasal", QUIET), (None, UNCHECKED), ("to the skin", QUIET)]
)
def test_limits_are_those_of_the_route(route, expected):
    assert says("dose_limits", "sumatriptan", ADULT, order("sumatriptan", 6, 1, route=route)) is expected


def test_the_knowledge_covers_what_it_says_and_every_row_limits_something():
    rows = dose_limits.limits()
    assert len({one.rxcui for one in rows}) >= 120
    assert len({one.rxcui for one in rows if one.single_per_kg or one.total_per_kg}) >= 50
    for one in rows:
        assert any((one.single, one.single_per_kg, one.total, one.total_per_kg)), one
        assert one.below_months is None or one.from_months < one.below_months, one
        assert one.days in (1, 7, 30), one
        assert one.unit in ("mg", "meq"), one
        assert one.tier in Tier, one


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(4000, "mg", "4,000 mg"), (0.3, "mg", "300 mcg"), (12.5, "mg", "12.5 mg"), (20, "meq", "20 mEq")],
)
def test_amounts_are_written_as_people_write_them(value, unit, words):
    assert figure(value, unit) == words
