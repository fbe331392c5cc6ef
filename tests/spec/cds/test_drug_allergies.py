"""Drug allergies: what crosses to what, by how grave a reaction, and what could not be checked."""

from __future__ import annotations

import pytest

from cds.allergens import Grade, grade
from cds.cards import Outcome, Tier
from cds.engine import check, outcome
from cds.facts import LOOKING_AT_THE_CHART, Code, Facts, Unknowable
from tests.spec.cds.builders import TODAY, allergic_to, allergy, order

ANAPHYLAXIS = {"reactions": ("Anaphylaxis",), "severity": "severe"}
HIVES = {"reactions": ("Hives",), "severity": "mild"}
NAUSEA = {"reactions": ("Nausea",)}
UNKNOWN: dict = {}


def _rules(facts, proposal) -> list[str]:
    cards = check(facts, proposal)
    return [card.rule.id.partition(".")[2] for card in cards if card.rule.topic == "drug_allergies"]


@pytest.mark.parametrize(
    ("allergen", "reaction", "ordered", "rule"),
    [
        # the same ingredient, by grade; nothing recorded counts as an allergy
        ("amoxicillin", ANAPHYLAXIS, "amoxicillin", "same_ingredient_severe"),
        ("amoxicillin", HIVES, "amoxicillin", "same_ingredient"),
        ("amoxicillin", UNKNOWN, "amoxicillin", "same_ingredient"),
        ("amoxicillin", NAUSEA, "amoxicillin", "same_ingredient_side_effect"),
        ("lisinopril", {"reactions": ("Angioedema",)}, "lisinopril", "same_ingredient_severe"),
        # the class
        ("penicillin v", ANAPHYLAXIS, "amoxicillin", "class_severe"),
        ("penicillin v", HIVES, "piperacillin", "class"),
        ("penicillin v", NAUSEA, "amoxicillin", "class_side_effect"),
        ("penicillin v", HIVES, "azithromycin", None),
        ("lisinopril", {"reactions": ("Cough",)}, "enalapril", "class_side_effect"),
        ("lisinopril", {"reactions": ("Cough",)}, "losartan", None),
        ("lisinopril", {"reactions": ("Angioedema",)}, "sacubitril", "class_severe"),
        ("lisinopril", {"reactions": ("Cough",)}, "sacubitril", None),
        ("carbamazepine", {"reactions": ("Stevens-Johnson syndrome",)}, "phenytoin", "class_severe"),
        ("carbamazepine", HIVES, "phenytoin", None),
        # NSAIDs cross for breathing and skin, not for the stomach
        ("ibuprofen", HIVES, "naproxen", "class"),
        ("aspirin", {"reactions": ("Wheezing",)}, "ibuprofen", "class_severe"),
        ("ibuprofen", {"reactions": ("Stomach pain",)}, "naproxen", None),
        ("ibuprofen", UNKNOWN, "naproxen", "class"),
        ("aspirin", HIVES, "acetaminophen", None),
        # sulfonamide antibiotics cross among themselves only
        ("sulfamethoxazole", HIVES, "sulfadiazine", "class"),
        ("sulfamethoxazole", ANAPHYLAXIS, "sulfasalazine", "class_severe"),
        ("sulfamethoxazole", ANAPHYLAXIS, "hydrochlorothiazide", None),
        ("sulfamethoxazole", ANAPHYLAXIS, "furosemide", None),
        ("sulfamethoxazole", ANAPHYLAXIS, "celecoxib", None),
        ("sulfamethoxazole", ANAPHYLAXIS, "glipizide", None),
        ("hydrochlorothiazide", HIVES, "sulfamethoxazole", None),
        # beta-lactams cross by their side chain
        ("amoxicillin", HIVES, "cephalexin", "side_chain"),
        ("amoxicillin", ANAPHYLAXIS, "cephalexin", "side_chain_severe"),
        ("cephalexin", HIVES, "amoxicillin", "side_chain"),
        ("amoxicillin", HIVES, "ceftriaxone", "beta_lactam"),
        ("amoxicillin", ANAPHYLAXIS, "ceftriaxone", "beta_lactam_severe"),
        ("amoxicillin", ANAPHYLAXIS, "meropenem", "beta_lactam_severe"),
        ("amoxicillin", NAUSEA, "cephalexin", None),
        ("ceftriaxone", HIVES, "cefepime", "side_chain"),
        ("ceftriaxone", HIVES, "cephalexin", "beta_lactam"),
        ("cefazolin", HIVES, "cephalexin", "beta_lactam"),
        ("ceftazidime", HIVES, "aztreonam", "side_chain"),
        ("amoxicillin", ANAPHYLAXIS, "aztreonam", None),
        ("meropenem", HIVES, "ertapenem", "class"),
    ],
)
def test_an_allergy_reaches_as_far_as_it_should(allergen, reaction, ordered, rule):
    found = _rules(allergic_to(allergy(allergen, **reaction)), order(ordered))
    assert found == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("name", "reaction", "ordered", "rule"),
    [
        ("Penicillins", HIVES, "amoxicillin", "class"),
        ("Allergy to penicillin", ANAPHYLAXIS, "amoxicillin", "class_severe"),
        ("penicillins", HIVES, "cephalexin", "beta_lactam"),
        ("penicillins", ANAPHYLAXIS, "cephalexin", "side_chain_severe"),
        ("Cephalosporins", HIVES, "cefazolin", "class"),
        ("Sulfa drugs", HIVES, "sulfamethoxazole", "class"),
        ("Sulfa drugs", HIVES, "furosemide", None),
        ("NSAIDs", NAUSEA, "naproxen", "class_side_effect"),
    ],
)
def test_a_class_written_in_words_is_understood(name, reaction, ordered, rule):
    facts = allergic_to(allergy(name=name, coded=False, **reaction))
    assert _rules(facts, order(ordered)) == ([rule] if rule else [])


def test_a_class_named_by_code_is_understood():
    class_code = Code("http://snomed.info/sct", "373270004")
    assert _rules(allergic_to(allergy(name="PCN class", codes=(class_code,))), order("amoxicillin")) == [
        "class"
    ]


def test_a_generic_penicillin_ingredient_stands_for_all_penicillins():
    assert _rules(allergic_to(allergy("penicillin")), order("amoxicillin")) == ["class"]


@pytest.mark.parametrize(
    "written",
    [
        {"name": "a red pill", "coded": False},
        {"name": "coded elsewhere", "codes": (Code("http://example.org", "x"),)},
    ],
)
def test_an_allergy_that_nobody_can_identify_could_not_be_checked(written):
    facts = allergic_to(allergy(**written))
    assert outcome("drug_allergies.unidentified", facts, order("metformin")) is Outcome.COULD_NOT_CHECK


@pytest.mark.parametrize(
    ("state", "rule", "said"),
    [
        ("none_known", "drug_allergies.not_asked", Outcome.DOES_NOT_FIRE),
        ("recorded", "drug_allergies.not_asked", Outcome.DOES_NOT_FIRE),
        ("not_asked", "drug_allergies.not_asked", Outcome.COULD_NOT_CHECK),
    ],
)
def test_a_list_that_nobody_asked_about_is_not_a_list_without_allergies(state, rule, said):
    assert outcome(rule, Facts(as_of=TODAY, allergy_list=state), order("amoxicillin")) is said


def test_a_list_that_cannot_be_seen_could_not_be_checked():
    hidden = Facts(as_of=TODAY, unknowable=(Unknowable("allergies", "restricted"),))
    assert outcome("drug_allergies.unidentified", hidden, order("amoxicillin")) is Outcome.COULD_NOT_CHECK


def test_one_allergy_to_a_combination_is_one_card_about_both_ingredients():
    facts = allergic_to(allergy("sulfamethoxazole", "trimethoprim", name="Bactrim", **HIVES))
    (card,) = [
        one
        for one in check(facts, order("sulfamethoxazole", "trimethoprim"))
        if one.rule.topic == "drug_allergies"
    ]
    assert "Sulfamethoxazole and trimethoprim" in card.sentence
    assert card.because[0].value == "Hives; mild"


def test_an_anaphylaxis_card_interrupts_and_asks_for_a_coded_reason():
    card = check(allergic_to(allergy("amoxicillin", **ANAPHYLAXIS)), order("amoxicillin"))[0]
    assert card.interrupts
    assert card.tier is Tier.INTERRUPTS
    assert {"not_an_allergy", "desensitised"} <= {one.code for one in card.override_reasons}
    assert card.rule.needs_two_to_retire


def test_looking_at_the_chart_asks_nothing_about_allergies():
    assert _rules(allergic_to(allergy("amoxicillin")), LOOKING_AT_THE_CHART) == []


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ({}, Grade.ALLERGIC),
        ({"severity": "severe"}, Grade.SEVERE),
        ({"criticality": "high"}, Grade.SEVERE),
        ({"criticality": "low", "severity": "moderate"}, Grade.ALLERGIC),
        ({"reactions": ("Nausea", "Vomiting"), "severity": "severe"}, Grade.SIDE_EFFECT),
        ({"reactions": ("Nausea",), "criticality": "high"}, Grade.SEVERE),
        ({"reactions": ("Nausea", "Rash")}, Grade.ALLERGIC),
        ({"reactions": ("Tongue swelling",)}, Grade.SEVERE),
        ({"reactions": ("DRESS",)}, Grade.SEVERE),
        ({"reactions": ("Sore throat",)}, Grade.ALLERGIC),
        ({"intolerance": True}, Grade.SIDE_EFFECT),
        ({"intolerance": True, "reactions": ("Hives",)}, Grade.ALLERGIC),
    ],
)
def test_a_reaction_is_graded_by_what_was_recorded(recorded, expected):
    assert grade(allergy("amoxicillin", **recorded)) is expected
