"""Duplicate therapy: the same ingredient, the same class, and the pairs that are meant."""

from __future__ import annotations

import pytest

from cds.engine import check
from tests.spec.cds.builders import drug, order, takes


def _rules(facts, proposal) -> list[str]:
    cards = check(facts, proposal)
    return [card.rule.id.partition(".")[2] for card in cards if card.rule.topic == "duplicate_therapy"]


@pytest.mark.parametrize(
    ("taken", "ordered", "rule"),
    [
        ("atorvastatin", "atorvastatin", "same_ingredient"),
        ("warfarin", "warfarin", "two_forms"),
        ("atorvastatin", "rosuvastatin", "class"),
        ("lisinopril", "ramipril", "class"),
        ("ibuprofen", "naproxen", "class"),
        ("sertraline", "citalopram", "class"),
        ("sertraline", "duloxetine", "alike"),
        ("sitagliptin", "semaglutide", "alike"),
        ("omeprazole", "famotidine", "alike"),
        ("omeprazole", "pantoprazole", "class"),
        # meant
        ("albuterol", "salmeterol", None),
        ("insulin glargine", "insulin lispro", None),
        ("insulin lispro", "insulin aspart, human", "class"),
        ("furosemide", "metolazone", None),
        ("morphine", "oxycodone", None),
        ("isosorbide", "nitroglycerin", None),
        ("levothyroxine", "liothyronine", None),
        ("prednisone", "fludrocortisone", None),
        ("prednisone", "dexamethasone", "class"),
        ("clozapine", "aripiprazole", None),
        # nothing in common
        ("lisinopril", "amlodipine", None),
        ("metformin", "glipizide", None),
        # an interaction says it instead
        ("apixaban", "rivaroxaban", None),
    ],
)
def test_what_is_one_treatment_given_twice(taken, ordered, rule):
    assert _rules(takes(taken), order(ordered)) == ([rule] if rule else [])


def test_a_renewal_is_no_duplicate_of_what_it_replaces():
    old = drug("atorvastatin", reference="MedicationRequest/old")
    assert _rules(takes(old), order("atorvastatin", replaces=frozenset({"MedicationRequest/old"}))) == []
    assert _rules(takes(old), order("atorvastatin", replaces=frozenset({"MedicationRequest/x"}))) == [
        "same_ingredient"
    ]


def test_another_draft_of_the_basket_counts():
    assert _rules(takes(), order("atorvastatin", alongside=(drug("simvastatin"),))) == ["class"]


@pytest.mark.parametrize(
    ("taken_by", "ordered_by", "duplicate"),
    [
        ("oral", "topical", False),
        ("topical", "topical", True),
        ("oral", "intravenous", True),
        ("oral", None, True),
        ("topical", None, True),
        (None, None, True),
    ],
)
def test_only_drugs_that_reach_the_same_place_are_duplicates(taken_by, ordered_by, duplicate):
    facts = takes(drug("hydrocortisone", route=taken_by))
    assert bool(_rules(facts, order("hydrocortisone", route=ordered_by))) is duplicate


def test_one_ingredient_of_a_combination_is_found_and_named():
    facts = takes(drug("hydrocodone", "acetaminophen", name="Norco"))
    (card,) = [one for one in check(facts, order("acetaminophen")) if one.rule.topic == "duplicate_therapy"]
    assert card.sentence == "Acetaminophen is already taken: Norco."
    assert [one.reference for one in card.suggestions] == ["MedicationRequest/Norco"]


def test_several_drugs_of_one_class_are_one_card():
    facts = takes("ibuprofen", "naproxen")
    (card,) = [one for one in check(facts, order("meloxicam")) if one.rule.topic == "duplicate_therapy"]
    assert card.sentence == "Meloxicam beside ibuprofen and naproxen: both are NSAIDs (not aspirin)."
    assert len(card.because) == 2
