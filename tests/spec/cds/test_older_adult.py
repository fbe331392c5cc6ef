"""The older-adult caution list: age, problems, other drugs, time, form, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds.cards import Tier
from cds.drug_groups import drug_groups
from cds.facts import Proposal, Unknowable
from cds.rules import older_adult
from tests.spec.cds.label_people import (
    FIRES,
    QUIET,
    UNCHECKED,
    cards_of,
    days_ago,
    drug,
    icd,
    order,
    person,
    says,
)

HIDDEN_PROBLEMS = person(80, unknowable=(Unknowable("conditions", "restricted"),))
HIDDEN_DRUGS = person(80, unknowable=(Unknowable("medications", "restricted"),))


def elder(*codes, years=80, **more):
    return person(years, conditions=tuple(icd(code) for code in codes), **more)


@pytest.mark.parametrize(
    ("who", "name", "entry", "expected"),
    [
        (person(64), "lorazepam", "benzodiazepines", QUIET),
        (person(65), "lorazepam", "benzodiazepines", FIRES),
        (person(None), "lorazepam", "benzodiazepines", UNCHECKED),
        (person(74), "prasugrel", "prasugrel", QUIET),
        (person(75), "prasugrel", "prasugrel", FIRES),
        (elder(), "risperidone", "antipsychotics_in_dementia", QUIET),
        (elder("F03.90"), "risperidone", "antipsychotics_in_dementia", FIRES),
        (elder("F03.90", years=60), "risperidone", "antipsychotics_in_dementia", QUIET),
        (HIDDEN_PROBLEMS, "risperidone", "antipsychotics_in_dementia", UNCHECKED),
        (elder("G20.A1"), "metoclopramide", "dopamine_blockers_in_parkinsonism", FIRES),
        (elder("G20.A1"), "quetiapine", "antipsychotics_in_parkinsonism", QUIET),
        (elder("K25.9"), "ibuprofen", "nsaids_and_ulcer", FIRES),
        (elder("K25.9", medications=(drug("omeprazole", 20, 1),)), "ibuprofen", "nsaids_and_ulcer", QUIET),
        (elder("I25.10"), "aspirin", "aspirin_without_vascular_disease", QUIET),
        (elder(), "aspirin", "aspirin_without_vascular_disease", FIRES),
        (HIDDEN_PROBLEMS, "aspirin", "aspirin_without_vascular_disease", UNCHECKED),
        (elder("I50.22"), "naproxen", "nsaids_in_heart_failure", FIRES),
    ],
)
def test_by_age_and_problem(who, name, entry, expected):
    assert says("older_adult", entry, who, order(name)) is expected


def test_an_old_ulcer_counts_and_a_healed_fall_does_not():
    healed = person(
        80, conditions=(icd("K25.9", clinical_status="resolved"), icd("R29.6", clinical_status="resolved"))
    )
    assert says("older_adult", "nsaids_and_ulcer", healed, order("ibuprofen")) is FIRES
    assert says("older_adult", "opioids_and_falls", healed, order("oxycodone")) is QUIET


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (person(80), QUIET),
        (person(80, medications=(drug("oxybutynin", 5, 2),)), FIRES),
        (person(80, medications=(drug("diphenhydramine", 25, 1),)), QUIET),
        (HIDDEN_DRUGS, UNCHECKED),
    ],
)
def test_two_anticholinergics_are_two_different_drugs(who, expected):
    assert says("older_adult", "two_anticholinergics", who, order("diphenhydramine", 25, 1)) is expected


@pytest.mark.parametrize(
    ("mg", "times", "expected"),
    [(0.125, 1, QUIET), (0.25, 1, FIRES), (0.125, 2, FIRES), (None, 1, UNCHECKED), (0.125, None, UNCHECKED)],
)
def test_digoxin_by_its_daily_dose(mg, times, expected):
    assert says("older_adult", "digoxin_dose", person(80), order("digoxin", mg, times)) is expected


@pytest.mark.parametrize(
    ("started", "duration", "expected"),
    [
        (None, None, UNCHECKED),
        (None, 56, QUIET),
        (None, 57, FIRES),
        (days_ago(57), None, FIRES),
        (days_ago(40), 10, QUIET),
        (days_ago(40), 17, FIRES),
        (days_ago(40), None, UNCHECKED),
    ],
)
def test_proton_pump_inhibitors_by_the_time_they_are_taken(started, duration, expected):
    taking = (drug("omeprazole", 20, 1, started_on=started),) if started else ()
    who = person(80, medications=taking)
    proposed = replace(order("omeprazole", 20, 1), duration_days=duration)
    assert says("older_adult", "ppis_for_long", who, proposed) is expected


@pytest.mark.parametrize(("extended", "expected"), [(False, FIRES), (True, QUIET), (None, UNCHECKED)])
def test_nifedipine_by_its_form(extended, expected):
    proposed = Proposal(drug("nifedipine", 10, 3, extended_release=extended))
    assert says("older_adult", "nifedipine_short_acting", person(80), proposed) is expected


def test_eye_drops_count_only_where_the_entry_says_so():
    who = elder("J44.9")
    assert (
        says("older_adult", "timolol_eye_drops_in_copd", who, order("timolol", route="ophthalmic")) is FIRES
    )
    assert (
        says("older_adult", "nonselective_beta_blockers_in_copd", who, order("timolol", route="ophthalmic"))
        is QUIET
    )


def test_the_card_says_the_age_the_problem_and_another_way():
    (card,) = (
        card
        for card in cards_of("older_adult", elder("F03.90"), order("haloperidol", 1, 2))
        if card.rule.id.endswith("antipsychotics_in_dementia")
    )
    assert card.tier is Tier.INTERRUPTS
    assert [one.words for one in card.because] == ["age", "F03.90"]
    assert card.suggestions


def test_the_list_covers_forty_entries_and_never_another_lists_name():
    groups = drug_groups("older_adult.toml")
    assert len(groups) >= 40
    for one in groups:
        assert set(one.more) <= set(older_adult.QUALIFIERS), one.key
        assert "beers" not in f"{one.title} {one.words}".lower()
