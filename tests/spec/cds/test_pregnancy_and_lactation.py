"""Drugs in pregnancy and while breastfeeding: what is recorded, what is not, and the weeks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cds.cards import Severity, Tier
from cds.drug_groups import drug_groups
from cds.facts import Pregnancy, Unknowable
from tests.spec.cds.label_people import (
    FIRES,
    QUIET,
    TODAY,
    UNCHECKED,
    cards_of,
    days_ago,
    icd,
    order,
    person,
    says,
)


def woman(years=30, state="unknown", *, week=None, breastfeeding=None, **more):
    due = None if week is None else TODAY + timedelta(weeks=40 - week)
    pregnancy = Pregnancy(state, due, breastfeeding)
    return person(years, sex=more.pop("sex", "female"), pregnancy=pregnancy, **more)


PREGNANT = woman(state="pregnant")


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (PREGNANT, FIRES),
        (woman(state="not_pregnant"), QUIET),
        (woman(), UNCHECKED),
        (woman(11), QUIET),
        (woman(12), UNCHECKED),
        (woman(55), UNCHECKED),
        (woman(56), QUIET),
        (woman(None), UNCHECKED),
        (woman(sex="male"), QUIET),
        (woman(sex=None), UNCHECKED),
        (woman(state="pregnant", sex="male"), FIRES),
        (woman(conditions=(icd("Z90.710"),)), QUIET),
        (woman(conditions=(icd("Z90.712"),)), UNCHECKED),
        (woman(conditions=(icd("Z34.90", onset=days_ago(100)),)), FIRES),
        (woman(conditions=(icd("Z34.90", onset=days_ago(400)),)), UNCHECKED),
        (woman(conditions=(icd("Z34.90", clinical_status="resolved"),)), UNCHECKED),
        (woman(unknowable=(Unknowable("conditions", "restricted"),)), UNCHECKED),
    ],
)
def test_an_ace_inhibitor_is_asked_about_wherever_pregnancy_is_possible(who, expected):
    assert says("pregnancy", "ace_inhibitors_and_arbs", who, order("lisinopril", 10, 1)) is expected


@pytest.mark.parametrize(
    ("entry", "drug"),
    [
        ("methotrexate", "methotrexate"),
        ("retinoids", "isotretinoin"),
        ("valproate", "valproate"),
        ("warfarin", "warfarin"),
        ("mycophenolate", "mycophenolate mofetil"),
        ("thalidomide_family", "lenalidomide"),
        ("topiramate", "topiramate"),
        ("statins", "atorvastatin"),
        ("ace_inhibitors_and_arbs", "losartan"),
    ],
)
def test_the_hard_list_fires_in_pregnancy_and_asks_where_nothing_is_recorded(entry, drug):
    assert says("pregnancy", entry, PREGNANT, order(drug)) is FIRES
    assert says("pregnancy", entry, woman(), order(drug)) is UNCHECKED
    assert says("pregnancy", entry, woman(state="not_pregnant"), order(drug)) is QUIET


def test_what_is_not_on_the_hard_list_does_not_ask():
    assert cards_of("pregnancy", woman(), order("doxycycline", 100, 2)) == []
    assert says("pregnancy", "tetracyclines", PREGNANT, order("doxycycline", 100, 2)) is FIRES


@pytest.mark.parametrize(
    ("week", "early", "late"),
    [
        (None, UNCHECKED, UNCHECKED),
        (19, QUIET, QUIET),
        (20, FIRES, QUIET),
        (29, FIRES, QUIET),
        (30, QUIET, FIRES),
    ],
)
def test_nsaids_go_by_the_week(week, early, late):
    who = woman(state="pregnant", week=week)
    assert says("pregnancy", "nsaids_from_20_weeks", who, order("ibuprofen", 400, 3)) is early
    assert says("pregnancy", "nsaids_from_30_weeks", who, order("ibuprofen", 400, 3)) is late


def test_the_skin_counts_only_where_the_entry_says_so():
    assert (
        cards_of("pregnancy", woman(state="pregnant", week=32), order("diclofenac", 10, 4, route="topical"))
        == []
    )
    assert says("pregnancy", "retinoids_on_the_skin", PREGNANT, order("tazarotene", route="topical")) is FIRES


def test_the_card_offers_another_drug_and_the_question_a_test():
    (card,) = cards_of("pregnancy", PREGNANT, order("lisinopril", 10, 1))
    assert card.interrupts
    assert card.severity is Severity.CONTRAINDICATED
    assert "methyldopa" in card.suggestions[0].words
    (question,) = cards_of("pregnancy", woman(), order("lisinopril", 10, 1))
    assert question.tier is Tier.INLINE
    assert [one.kind for one in question.suggestions] == ["record", "lab"]
    (statin,) = cards_of("pregnancy", woman(), order("atorvastatin", 10, 1))
    assert statin.tier is Tier.PASSIVE


@pytest.mark.parametrize(
    ("who", "drug", "entry", "expected"),
    [
        (woman(breastfeeding=True), "codeine", "codeine_and_tramadol", FIRES),
        (woman(breastfeeding=False), "codeine", "codeine_and_tramadol", QUIET),
        (woman(), "codeine", "codeine_and_tramadol", QUIET),
        (woman(week=50), "codeine", "codeine_and_tramadol", UNCHECKED),
        (woman(week=50), "atenolol", "beta_blockers", QUIET),
        (woman(week=30), "codeine", "codeine_and_tramadol", QUIET),
        (woman(conditions=(icd("Z39.1"),)), "lithium", "lithium", FIRES),
        (woman(breastfeeding=True), "atenolol", "beta_blockers", FIRES),
        (woman(breastfeeding=True), "labetalol", "beta_blockers", QUIET),
        (woman(unknowable=(Unknowable("conditions", "restricted"),)), "lithium", "lithium", UNCHECKED),
    ],
)
def test_breastfeeding_is_spoken_of_where_it_is_recorded_or_a_birth_is_near(who, drug, entry, expected):
    assert says("lactation", entry, who, order(drug)) is expected


@pytest.mark.parametrize(("file_name", "at_least"), [("pregnancy.toml", 50), ("lactation.toml", 30)])
def test_the_knowledge_covers_what_was_promised(file_name, at_least):
    groups = drug_groups(file_name)
    assert len(groups) >= 30
    assert len(frozenset().union(*(one.members for one in groups))) >= at_least
    for one in groups:
        assert one.members, one.key
        assert set(one.more) <= {"unknown", "from_week", "below_week"}, one.key
        assert one.more.get("unknown") in (None, "inline", "passive"), one.key
