"""Drugs by kidney function: bands, ages of creatinine, the equation each drug asks for, and what is not known."""

from __future__ import annotations

import pytest

from cds.cards import Severity, Tier
from cds.facts import Unknowable
from cds.rules import kidney
from tests.spec.cds.label_people import FIRES, QUIET, UNCHECKED, cards_of, drug, icd, lab, order, person, says

CREATININE, EGFR, POTASSIUM = "2160-0", "33914-3", "2823-3"


def with_egfr(value, age_days=10, **more):
    return person(60, sex="female", results=(lab(EGFR, value, "mL/min/{1.73_m2}", age_days),), **more)


def with_creatinine(value, unit="mg/dL", age_days=10, *, years=60, sex="female", **more):
    return person(years, sex=sex, results=(lab(CREATININE, value, unit, age_days),), **more)


@pytest.mark.parametrize(
    ("egfr", "mg", "times", "expected"),
    [
        (29, 500, 2, FIRES),
        (30, 500, 2, QUIET),
        (30, 1000, 2, FIRES),
        (44, 500, 2, QUIET),
        (44, 850, 2, FIRES),
        (44, None, 2, FIRES),
        (45, 1000, 2, QUIET),
        (90, 1000, 2, QUIET),
    ],
)
def test_metformin_stops_at_30_and_is_halved_below_45(egfr, mg, times, expected):
    assert says("kidney", "metformin", with_egfr(egfr), order("metformin", mg, times)) is expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (with_egfr(80, age_days=365), QUIET),
        (with_egfr(80, age_days=367), UNCHECKED),
        (person(60, sex="female"), UNCHECKED),
        (person(None, sex="female", results=(lab(CREATININE, 1.0, "mg/dL"),)), UNCHECKED),
        (with_creatinine(1.0, sex=None), UNCHECKED),
        (with_creatinine(1.0, unit="mg"), UNCHECKED),
        (with_creatinine(1.0, unit=None), UNCHECKED),
        (with_creatinine(100.0), UNCHECKED),
        (with_creatinine(88.4, unit="umol/L"), QUIET),
        (with_creatinine(250, unit="umol/L"), FIRES),
        (person(60, sex="male", results=(lab(CREATININE, None, "mg/dL", words="hemolysed"),)), UNCHECKED),
        (person(60, sex="male", results=(lab(CREATININE, 1.0, "mg/dL", status="preliminary"),)), UNCHECKED),
        (person(60, sex="male", unknowable=(Unknowable("results", "restricted"),)), UNCHECKED),
    ],
)
def test_what_is_old_unread_or_missing_could_not_be_checked(who, expected):
    assert says("kidney", "metformin", who, order("metformin", 1000, 2)) is expected


def test_the_newer_of_reported_egfr_and_creatinine_decides():
    egfr, creatinine = lab(EGFR, 25, "mL/min/{1.73_m2}", 20), lab(CREATININE, 0.8, "mg/dL", 10)
    newer_creatinine = person(60, sex="female", results=(egfr, creatinine))
    assert says("kidney", "metformin", newer_creatinine, order("metformin", 500, 2)) is QUIET
    newer_egfr = person(60, sex="female", results=(lab(EGFR, 25, "mL/min/{1.73_m2}", 5), creatinine))
    assert says("kidney", "metformin", newer_egfr, order("metformin", 500, 2)) is FIRES


def test_the_card_shows_the_value_its_age_and_the_equation():
    (card,) = cards_of("kidney", with_creatinine(2.5, age_days=40), order("metformin", 500, 2))
    assert card.interrupts
    assert card.severity is Severity.CONTRAINDICATED
    assert card.sentence == "Metformin: eGFR 21 mL/min/1.73 m² (below 30): avoid."
    assert [one.words for one in card.because] == ["creatinine, 40 days old", "CKD-EPI 2021"]
    assert card.because[0].value == "2.5 mg/dL"


@pytest.mark.parametrize(
    ("kg", "kg_age", "creatinine", "mg", "expected"),
    [
        (72, 0, 2.0, 110, QUIET),
        (72, 0, 2.0, 150, QUIET),
        (72, 0, 2.8, 150, FIRES),
        (72, 0, 2.8, 75, QUIET),
        (72, 0, 5.5, 75, FIRES),
        (72, 365, 2.8, 150, FIRES),
        (72, 366, 2.8, 150, UNCHECKED),
        (None, 0, 2.8, 150, UNCHECKED),
    ],
)
def test_dabigatran_goes_by_cockcroft_gault_and_needs_a_weight(kg, kg_age, creatinine, mg, expected):
    who = with_creatinine(creatinine, years=70, sex="male", weight_kg=kg, weight_age_days=kg_age)
    said = cards_of("kidney", who, order("dabigatran etexilate", mg, 2))
    outcomes = {card.outcome for card in said if card.tier is not Tier.PASSIVE}
    assert (outcomes or {QUIET}) == {expected}


def test_a_missing_creatinine_is_inline_for_a_blood_thinner_and_passive_for_amoxicillin():
    (thinner,) = cards_of("kidney", person(60, sex="male"), order("apixaban", 5, 2))
    (common,) = cards_of("kidney", person(60, sex="male"), order("amoxicillin", 500, 3))
    assert (thinner.tier, common.tier) == (Tier.INLINE, Tier.PASSIVE)
    assert thinner.missing == ("a creatinine (none is recorded)",)


@pytest.mark.parametrize(("kg", "mg", "expected"), [(70, 70, QUIET), (70, 71, FIRES), (70, 105, FIRES)])
def test_enoxaparin_is_reduced_by_weight(kg, mg, expected):
    who = with_creatinine(3.0, years=70, sex="male", weight_kg=kg)
    assert says("kidney", "enoxaparin", who, order("enoxaparin", mg, 1, route="injection")) is expected


@pytest.mark.parametrize(("creatinine", "expected"), [(0.7, FIRES), (1.0, QUIET)])
def test_edoxaban_has_a_limit_above_as_well(creatinine, expected):
    who = with_creatinine(creatinine, years=40, sex="male", weight_kg=80)
    if expected is QUIET:
        who = with_creatinine(1.4, years=60, sex="male", weight_kg=80)
    assert says("kidney", "edoxaban", who, order("edoxaban", 60, 1)) is expected


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        (("Z99.2",), FIRES),
        (("N18.6",), FIRES),
        (("Z99.2", "Z94.0"), QUIET),
        (("N17.9",), UNCHECKED),
        (("N18.30",), QUIET),
    ],
)
def test_dialysis_is_the_lowest_band_and_acute_injury_cannot_be_judged(problems, expected):
    who = with_egfr(80, conditions=tuple(icd(code) for code in problems))
    assert says("kidney", "metformin", who, order("metformin", 500, 2)) is expected


def test_children_are_silent_unless_a_kidney_disease_is_recorded():
    assert says("kidney", "amoxicillin", person(6, weight_kg=20), order("amoxicillin", 400, 2)) is QUIET
    sick = person(6, weight_kg=20, conditions=(icd("N18.4"),))
    assert says("kidney", "amoxicillin", sick, order("amoxicillin", 400, 2)) is UNCHECKED


def test_only_the_route_of_the_label_is_meant_and_a_reduced_dose_is_summed():
    low = with_egfr(20)
    assert says("kidney", "diclofenac", low, order("diclofenac", 10, 4, route="topical")) is QUIET
    taking = with_creatinine(2.5, weight_kg=60, medications=(drug("gabapentin", 300, 2),))
    assert says("kidney", "gabapentin", taking, order("gabapentin", 100, 1)) is QUIET
    assert says("kidney", "gabapentin", taking, order("gabapentin", 300, 1)) is FIRES


def test_the_knowledge_covers_ninety_ingredients_and_says_what_each_goes_by():
    rows = kidney.bands()
    assert len({one.rxcui for one in rows}) >= 90
    assert {one.measure for one in rows} == {"egfr", "crcl"}
    for one in rows:
        assert (one.below is None) != (one.above is None), one
        assert one.act in kidney.ACTS, one
        assert one.words, one
        assert one.act == "reduce" or one.daily_per_kg is None, one
        assert (
            one.severity is not Severity.CONTRAINDICATED or one.tier is Tier.INTERRUPTS or one.act == "avoid"
        ), one
