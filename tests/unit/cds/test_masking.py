"""A restricted record: never silent, and never told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds.cards import Outcome, Severity, Tier
from cds.engine import check
from cds.facts import Medication, Unknowable
from cds.masking import check_for
from tests.spec.cds.builders import allergy, drug, order, takes

VISIBLE = takes("lisinopril")


def _with(*medications) -> object:
    return replace(VISIBLE, medications=(*VISIBLE.medications, *medications))


def test_what_only_the_restricted_part_says_is_one_masked_card():
    whole = _with(drug("methadone"), drug("ritonavir"))
    cards = check_for(VISIBLE, whole, order("simvastatin"))
    (masked,) = [card for card in cards if card.rule.topic == "restricted_record"]
    assert (masked.outcome, masked.severity, masked.tier) == (
        Outcome.FIRES,
        Severity.CONTRAINDICATED,
        Tier.INTERRUPTS,
    )
    assert masked.interrupts
    assert masked.override_reasons
    assert [one.kind for one in masked.suggestions] == ["read", "refer"]


@pytest.mark.parametrize("ordered", ["simvastatin", "alprazolam", "ondansetron", "naltrexone", "methadone"])
def test_no_word_of_the_restricted_part_is_told(ordered):
    whole = replace(
        _with(drug("methadone"), drug("ritonavir"), Medication("a trial drug", coded=False)),
        allergies=(allergy("naltrexone", reactions=("Hives",)),),
    )
    told = [
        card for card in check_for(VISIBLE, whole, order(ordered)) if card.rule.topic == "restricted_record"
    ]
    assert told
    words = repr(told).lower()
    hidden = {"methadone", "ritonavir", "trial", "hives", "hiv", "opioid", "6813", "85762"} - {ordered}
    assert [one for one in hidden if one in words] == []


def test_what_the_reader_may_see_stays_as_it_is():
    whole = _with(drug("ritonavir"))
    seen = check(VISIBLE, order("spironolactone"))
    assert [card for card in seen if card.rule.topic == "drug_interactions"]
    assert set(seen) <= set(check_for(VISIBLE, whole, order("spironolactone")))


def test_a_restricted_part_that_says_nothing_new_shows_nothing():
    whole = _with(drug("cholecalciferol"))
    assert set(check_for(VISIBLE, whole, order("amlodipine"))) == set(check(VISIBLE, order("amlodipine")))


def test_a_card_about_a_visible_and_a_restricted_drug_is_told_for_the_visible_one():
    cards = check_for(VISIBLE, _with(drug("losartan")), order("spironolactone"))
    potassium = next(card for card in cards if card.rule.id.endswith("acei-arb-potassium-sparing"))
    assert potassium.title == "Spironolactone with lisinopril"
    assert [card.rule.topic for card in cards].count("restricted_record") == 1


def test_what_only_the_visible_part_could_not_check_is_checked_on_the_whole():
    blind = replace(VISIBLE, unknowable=(Unknowable("medications", "restricted"),))
    told = [card.rule.id for card in check_for(blind, VISIBLE, order("amlodipine"))]
    assert "unidentified_drug.taken" not in told


def test_a_restricted_drug_that_nobody_can_identify_is_a_masked_could_not_check():
    whole = _with(Medication("a trial drug", coded=False))
    (masked,) = [
        card
        for card in check_for(VISIBLE, whole, order("amlodipine"))
        if card.rule.topic == "restricted_record"
    ]
    assert masked.outcome is Outcome.COULD_NOT_CHECK
    assert not masked.interrupts
    assert "trial" not in masked.sentence
