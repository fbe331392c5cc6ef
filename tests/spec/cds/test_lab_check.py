"""Laboratory checks of drugs: limits, age of the value, units, trends, overdue monitoring, and what is not known."""

from __future__ import annotations

import pytest

from cds.cards import Outcome, Tier
from cds.engine import check, outcome
from cds.facts import LOOKING_AT_THE_CHART, Unknowable
from cds.lab_checks import lab_checks
from cds.rules import lab_check
from data_contracts.units import load_analytes
from tests.spec.cds.label_people import (
    FIRES,
    QUIET,
    UNCHECKED,
    cards_of,
    days_ago,
    drug,
    lab,
    order,
    person,
    says,
)

POTASSIUM, INR, CREATININE, SODIUM, TSH = "2823-3", "6301-6", "2160-0", "2951-2", "3016-3"
LITHIUM, ALT, PLATELETS, QTC, A1C = "14334-7", "1742-6", "777-3", "8636-3", "4548-4"


def with_lab(*results, **more):
    return person(60, sex="female", results=results, **more)


@pytest.mark.parametrize(
    ("name", "entry", "result", "expected"),
    [
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 5.0, "mmol/L"), QUIET),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 5.1, "mmol/L"), FIRES),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 5.1, "meq/L"), FIRES),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 5.1, "mg/dL"), UNCHECKED),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 5.1, None), UNCHECKED),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, None, "mmol/L", words="hemolyzed"), UNCHECKED),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 51, "mmol/L"), UNCHECKED),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 6.2, "mmol/L", status="preliminary"), UNCHECKED),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 4.0, "mmol/L", 365), QUIET),
        ("lisinopril", "ace_arb_potassium", lab(POTASSIUM, 4.0, "mmol/L", 367), UNCHECKED),
        ("furosemide", "loop_diuretic_potassium", lab(POTASSIUM, 3.5, "mmol/L"), QUIET),
        ("furosemide", "loop_diuretic_potassium", lab(POTASSIUM, 3.4, "mmol/L"), FIRES),
        ("warfarin", "warfarin_inr", lab(INR, 3.5, None), QUIET),
        ("warfarin", "warfarin_inr", lab(INR, 3.6, "{INR}"), FIRES),
        ("warfarin", "warfarin_inr", lab(INR, 3.6, "s"), UNCHECKED),
        ("warfarin", "warfarin_inr", lab(INR, 8.0, None, comparator=">"), FIRES),
        ("warfarin", "warfarin_inr", lab(INR, 2.0, None, comparator=">"), UNCHECKED),
        ("sertraline", "ssri_sodium", lab(SODIUM, 135, "mmol/L"), QUIET),
        ("sertraline", "ssri_sodium", lab(SODIUM, 134, "mmol/L"), FIRES),
        ("levothyroxine", "levothyroxine_tsh", lab(TSH, 0.4, "m[IU]/L"), QUIET),
        ("levothyroxine", "levothyroxine_tsh", lab(TSH, 0.01, "uIU/mL", comparator="<"), FIRES),
        ("levothyroxine", "levothyroxine_tsh", lab(TSH, 10.1, "mIU/L"), FIRES),
        ("amiodarone", "amiodarone_tsh", lab(TSH, 10.1, "mIU/L"), FIRES),
        ("lithium", "lithium_tsh", lab(TSH, 4.6, "mIU/L"), FIRES),
        ("lithium", "lithium_level", lab(LITHIUM, 1.2, "mmol/L"), QUIET),
        ("lithium", "lithium_level", lab(LITHIUM, 1.3, "meq/L"), FIRES),
        ("methotrexate", "methotrexate_alt", lab(ALT, 80, "U/L"), QUIET),
        ("methotrexate", "methotrexate_alt", lab(ALT, 81, "U/L"), FIRES),
        ("apixaban", "anticoagulant_platelets", lab(PLATELETS, 99, "10*3/uL"), FIRES),
        ("apixaban", "anticoagulant_platelets", lab(PLATELETS, 99000, "/uL"), FIRES),
        ("apixaban", "anticoagulant_platelets", lab(PLATELETS, 100, "10*9/L"), QUIET),
        ("citalopram", "qt_interval", lab(QTC, 470, "ms"), QUIET),
        ("citalopram", "qt_interval", lab(QTC, 0.471, "s"), FIRES),
    ],
)
def test_a_value_says_no_beyond_its_limit(name, entry, result, expected):
    assert says("lab_check", entry, with_lab(result), order(name)) is expected


@pytest.mark.parametrize(
    ("name", "entry"), [("citalopram", "qt_interval"), ("trimethoprim", "trimethoprim_potassium")]
)
def test_where_the_label_asks_for_no_value_none_is_silence(name, entry):
    assert says("lab_check", entry, with_lab(), order(name)) is QUIET


def test_a_level_of_the_drug_itself_is_not_asked_for_before_the_first_dose():
    assert says("lab_check", "lithium_level", with_lab(), order("lithium carbonate", 300, 2)) is QUIET
    taking = with_lab(medications=(drug("lithium carbonate", 300, 2),))
    assert says("lab_check", "lithium_level_overdue", taking, order("lithium carbonate", 300, 2)) is FIRES


def test_the_newest_value_decides_and_an_older_one_does_not_stand_in_for_it():
    high_then_well = with_lab(lab(POTASSIUM, 6.2, "mmol/L", 40), lab(POTASSIUM, 4.2, "mmol/L", 5))
    assert says("lab_check", "ace_arb_potassium", high_then_well, order("lisinopril")) is QUIET
    well_then_unread = with_lab(lab(POTASSIUM, 4.2, "mmol/L", 40), lab(POTASSIUM, 4.2, "mg", 5))
    assert says("lab_check", "ace_arb_potassium", well_then_unread, order("lisinopril")) is UNCHECKED


@pytest.mark.parametrize(("value", "tier"), [(5.1, Tier.PASSIVE), (5.6, Tier.INLINE), (6.1, Tier.INTERRUPTS)])
def test_the_further_the_louder_and_the_card_shows_value_and_age(value, tier):
    (card,) = (
        card
        for card in cards_of("lab_check", with_lab(lab(POTASSIUM, value, "mmol/L", 20)), order("lisinopril"))
        if card.outcome is Outcome.FIRES
    )
    assert card.tier is tier
    assert f"potassium {value} mmol/L (20 days old)" in card.sentence
    assert card.suggestions[0].code == "http://loinc.org|2823-3"


@pytest.mark.parametrize(
    ("before", "newest", "expected"),
    [
        ((1.0, 100), (1.29, 5), QUIET),
        ((1.0, 100), (1.3, 5), FIRES),
        ((1.0, 405), (1.5, 5), FIRES),
        ((1.0, 406), (1.5, 5), QUIET),
        ((1.0, 7), (1.5, 5), QUIET),
        (None, (1.5, 5), QUIET),
    ],
)
def test_a_rise_of_creatinine_under_an_ace_inhibitor(before, newest, expected):
    results = [lab(CREATININE, newest[0], "mg/dL", newest[1])]
    results += [lab(CREATININE, before[0], "mg/dL", before[1])] if before else []
    assert says("lab_check", "ace_arb_creatinine", with_lab(*results), order("lisinopril")) is expected


@pytest.mark.parametrize(
    ("started", "age_days", "value_says", "overdue_says"),
    [
        (days_ago(400), 366, QUIET, FIRES),
        (days_ago(400), 360, QUIET, QUIET),
        (days_ago(400), None, QUIET, FIRES),
        (None, None, QUIET, FIRES),
        (days_ago(30), None, QUIET, FIRES),
        (days_ago(29), None, UNCHECKED, QUIET),
        ("not taken", None, UNCHECKED, QUIET),
    ],
)
def test_monitoring_is_overdue_for_who_takes_it_and_unchecked_for_who_starts(
    started, age_days, value_says, overdue_says
):
    taking = () if started == "not taken" else (drug("lisinopril", 10, 1, started_on=started),)
    results = () if age_days is None else (lab(POTASSIUM, 4.0, "mmol/L", age_days),)
    who = with_lab(*results, medications=taking)
    if age_days == 366:
        who = with_lab(lab(POTASSIUM, 4.0, "mmol/L", 367), medications=taking)
    assert says("lab_check", "ace_arb_potassium", who, order("lisinopril", 10, 1)) is value_says
    assert says("lab_check", "ace_arb_potassium_overdue", who, order("lisinopril", 10, 1)) is overdue_says


@pytest.mark.parametrize(("years", "expected"), [(17, QUIET), (18, FIRES), (None, UNCHECKED)])
def test_adults_only(years, expected):
    who = person(years, results=(lab(POTASSIUM, 6.2, "mmol/L"),))
    assert says("lab_check", "ace_arb_potassium", who, order("lisinopril")) is expected


@pytest.mark.parametrize(("years", "expected"), [(64, QUIET), (65, FIRES)])
def test_tight_sugar_is_a_matter_of_age(years, expected):
    who = person(years, results=(lab(A1C, 6.4, "%"),))
    assert says("lab_check", "hypoglycemic_a1c", who, order("glipizide", 5, 1)) is expected


def test_hidden_results_are_said():
    hidden = person(60, unknowable=(Unknowable("results", "restricted"),))
    assert says("lab_check", "ace_arb_potassium", hidden, order("lisinopril")) is UNCHECKED
    assert says("lab_check", "qt_interval", hidden, order("citalopram")) is UNCHECKED


@pytest.mark.parametrize(
    ("results", "value_says", "overdue_says"),
    [
        ((), QUIET, FIRES),
        ((lab(INR, 2.5, None, 80),), QUIET, QUIET),
        ((lab(INR, 2.5, None, 95),), QUIET, FIRES),
        ((lab(INR, 5.0, None, 2),), FIRES, QUIET),
        ((lab(INR, 5.0, "s", 2),), UNCHECKED, QUIET),
    ],
)
def test_the_chart_shows_what_is_wrong_and_what_is_overdue_and_never_interrupts(
    results, value_says, overdue_says
):
    who = with_lab(*results, medications=(drug("warfarin", 5, 1),))
    assert outcome("lab_check.warfarin_inr", who, LOOKING_AT_THE_CHART) is value_says
    assert outcome("lab_check.warfarin_inr_overdue", who, LOOKING_AT_THE_CHART) is overdue_says
    mine = [card for card in check(who, LOOKING_AT_THE_CHART) if card.rule.topic == "lab_check"]
    assert all(card.tier is not Tier.INTERRUPTS for card in mine)


def test_a_reported_egfr_counts_as_looking_at_the_kidneys():
    taking = (drug("metformin", 500, 2),)
    watched = with_lab(lab("33914-3", 80, "mL/min/{1.73_m2}", 30), medications=taking)
    assert outcome("lab_check.metformin_creatinine_overdue", watched, LOOKING_AT_THE_CHART) is QUIET
    forgotten = with_lab(medications=taking)
    assert outcome("lab_check.metformin_creatinine_overdue", forgotten, LOOKING_AT_THE_CHART) is FIRES


def test_at_the_chart_one_unread_value_does_not_silence_the_others():
    who = with_lab(
        lab(INR, 5.0, "s", 2),
        lab(POTASSIUM, 6.4, "mmol/L", 2),
        medications=(drug("warfarin", 5, 1), drug("lisinopril", 10, 1)),
    )
    assert outcome("lab_check.warfarin_inr", who, LOOKING_AT_THE_CHART) is UNCHECKED
    assert outcome("lab_check.ace_arb_potassium", who, LOOKING_AT_THE_CHART) is FIRES


def test_the_knowledge_covers_forty_checks_and_every_limit_is_possible():
    analytes = {one.key: one for one in load_analytes()}
    assert len(lab_checks()) >= 40
    for one in lab_checks():
        assert one.members, one.key
        assert one.steps or not one.quiet, one.key
        for step in one.steps:
            known = analytes[one.analyte]
            assert step.kind.endswith("percent") or known.low <= step.limit <= known.high, (one.key, step)
        tiers = [step.tier for step in one.steps if step.kind == "above"]
        assert tiers == sorted(tiers), one.key


def test_every_check_has_a_rule_for_its_value_or_for_being_overdue():
    assert all(one.rules for one in lab_check.EVERY)
