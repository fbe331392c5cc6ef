"""Vaccines and what speaks against them: each limit, just beyond it, and with the fact missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cds.cards import Tier
from cds.engine import check, registry
from cds.facts import (
    Allergy,
    Code,
    Facts,
    Immunization,
    Measurement,
    OrderedService,
    Pregnancy,
    Proposal,
    Unknowable,
)
from cds.immunization.schedule import vaccines
from cds.vaccine_safety import KNOWLEDGE, components, known, live_entry, product_of
from data_contracts.code_systems import CVX
from tests.spec.cds.drawn import TODAY, adult, drug, measured, problem

MMR, VARICELLA, MMRV, NASAL, INJECTED, HPV, YELLOW, HEP_B, ROTA, IPV = (
    "3",
    "21",
    "94",
    "111",
    "140",
    "165",
    "37",
    "43",
    "116",
    "10",
)
FIRES, UNCHECKED = "fires", "could_not_check"
YOUNG = adult(birth_date=date(1996, 1, 1), pregnancy=Pregnancy("not_pregnant", breastfeeding=False))
CHILD = replace(YOUNG, birth_date=date(2020, 6, 15), sex="male")
CD4 = "24467-3"


def vaccine(cvx: str) -> Proposal:
    return Proposal(order=OrderedService(Code(CVX.uri, cvx), f"vaccine {cvx}", "immunization"))


def said(facts: Facts, cvx: str) -> dict[str, str]:
    return {card.rule.id.partition(".")[2]: card.outcome.value for card in check(facts, vaccine(cvx))}


def the_card(facts: Facts, cvx: str, entry: str):
    (card,) = (card for card in check(facts, vaccine(cvx)) if card.rule.id.endswith(f".{entry}"))
    return card


@pytest.mark.parametrize("cvx", [MMR, VARICELLA, NASAL, INJECTED, HPV, HEP_B, YELLOW])
def test_nothing_speaks_against_a_vaccine_for_a_healthy_adult(cvx):
    assert said(YOUNG, cvx) == {}


def test_the_code_is_the_same_with_a_leading_zero_and_an_unlisted_one_is_told():
    pregnant = replace(YOUNG, pregnancy=Pregnancy("pregnant"))
    assert said(pregnant, "03") == said(pregnant, "3") == {"live_in_pregnancy": FIRES}
    assert said(YOUNG, "9999") == {"unlisted": UNCHECKED}
    assert check(YOUNG, Proposal(order=OrderedService(Code("http://loinc.org", "3")))) == ()


@pytest.mark.parametrize(
    ("state", "cvx", "expected"),
    [
        ("pregnant", MMR, {"live_in_pregnancy": FIRES}),
        ("pregnant", NASAL, {"live_in_pregnancy": FIRES}),
        ("pregnant", HPV, {"wait_for_birth": FIRES}),
        ("pregnant", INJECTED, {}),
        ("unknown", MMR, {"live_in_pregnancy": UNCHECKED}),
        ("unknown", HPV, {}),
        ("not_pregnant", MMR, {}),
    ],
)
def test_pregnancy(state, cvx, expected):
    assert said(replace(YOUNG, pregnancy=Pregnancy(state)), cvx) == expected


def test_a_live_vaccine_in_pregnancy_interrupts_and_takes_two_people_to_retire():
    card = the_card(replace(YOUNG, pregnancy=Pregnancy("pregnant")), MMR, "live_in_pregnancy")
    assert card.interrupts
    assert card.rule.needs_two_to_retire
    assert card.override_reasons


@pytest.mark.parametrize("who", [{"sex": "male"}, {"birth_date": date(1950, 1, 1)}])
def test_nobody_who_cannot_be_pregnant_is_asked(who):
    assert said(replace(YOUNG, **who, pregnancy=Pregnancy()), MMR) == {}


@pytest.mark.parametrize(
    ("facts", "cvx", "expected"),
    [
        ({"conditions": (problem("C91.00"),)}, MMR, FIRES),
        ({"conditions": (problem("C91.00"),)}, INJECTED, None),
        ({"conditions": (problem("C91.00", clinical_status="resolved"),)}, MMR, None),
        ({"conditions": (problem("B20"),)}, MMRV, FIRES),
        ({"conditions": (problem("Z21"),)}, NASAL, FIRES),
        ({"conditions": (problem("Z21"),)}, MMR, UNCHECKED),
        ({"conditions": (problem("B20"),), "results": (measured(CD4, 199, "/uL"),)}, MMR, FIRES),
        ({"conditions": (problem("B20"),), "results": (measured(CD4, 200, "/uL"),)}, MMR, None),
        (
            {"conditions": (problem("B20"),), "results": (measured(CD4, 500, "/uL", date(2025, 6, 14)),)},
            MMR,
            UNCHECKED,
        ),
        ({"medications": (drug("adalimumab"),)}, VARICELLA, FIRES),
        ({"medications": (drug("tacrolimus", route="topical"),)}, VARICELLA, None),
        ({"medications": (drug("methotrexate"),)}, VARICELLA, FIRES),
        ({"stopped_medications": (drug("rituximab", stopped_on=date(2026, 3, 16)),)}, MMR, FIRES),
        ({"stopped_medications": (drug("rituximab", stopped_on=date(2026, 3, 15)),)}, MMR, None),
        ({"unknowable": (Unknowable("conditions", "restricted"),)}, MMR, UNCHECKED),
        ({"unknowable": (Unknowable("medications", "could not be read"),)}, MMR, UNCHECKED),
    ],
)
def test_live_vaccines_and_weak_immunity(facts, cvx, expected):
    assert said(replace(YOUNG, **facts), cvx).get("live_and_weak") == expected


def test_what_depends_on_the_dose_or_has_ended_stands_inline():
    methotrexate = replace(YOUNG, medications=(drug("methotrexate"),))
    assert the_card(methotrexate, MMR, "live_and_weak").tier is Tier.INLINE
    assert the_card(replace(YOUNG, conditions=(problem("C91.00"),)), MMR, "live_and_weak").interrupts


@pytest.mark.parametrize(
    ("name", "mg", "a_day", "started", "expected"),
    [
        ("prednisone", 20, 1, TODAY - timedelta(days=14), FIRES),
        ("prednisone", 10, 2, None, FIRES),
        ("prednisone", 19, 1, None, None),
        ("prednisone", 40, 1, TODAY - timedelta(days=13), None),
        ("dexamethasone", 3, 1, None, FIRES),
        ("dexamethasone", 2.9, 1, None, None),
        ("hydrocortisone", 20, 1, None, None),
        ("prednisone", None, 1, None, UNCHECKED),
        ("prednisone", 20, None, None, UNCHECKED),
    ],
)
def test_steroids_by_dose_and_time(name, mg, a_day, started, expected):
    taking = replace(YOUNG, medications=(drug(name, mg, a_day, started_on=started),))
    assert said(taking, MMR).get("live_and_weak") == expected


@pytest.mark.parametrize(
    ("kg", "mg", "expected"), [(8, 16, FIRES), (8, 15, None), (None, 15, UNCHECKED), (None, 20, FIRES)]
)
def test_steroids_of_a_child_go_by_weight_too(kg, mg, expected):
    weights = () if kg is None else (Measurement(kg, "kg", TODAY),)
    taking = replace(CHILD, medications=(drug("prednisone", mg, 1),), weights_kg=weights)
    assert said(taking, MMR).get("live_and_weak") == expected


def test_a_small_child_with_hiv_is_judged_by_a_percentage_that_we_do_not_judge():
    small = replace(CHILD, birth_date=date(2021, 1, 1), conditions=(problem("B20"),))
    assert said(small, MMR)["live_and_weak"] == UNCHECKED


ANAPHYLAXIS = {"reactions": ("Anaphylaxis",), "severity": "severe"}


@pytest.mark.parametrize(
    ("allergy", "cvx", "entry", "expected"),
    [
        (Allergy("MMR vaccine", **ANAPHYLAXIS), MMR, "reaction_before", FIRES),
        (
            Allergy("a vaccine", codes=(Code(CVX.uri, "03"),), criticality="high"),
            MMRV,
            "reaction_before",
            FIRES,
        ),
        (Allergy("MMR vaccine", **ANAPHYLAXIS), INJECTED, "reaction_before", None),
        (Allergy("Influenza vaccine", **ANAPHYLAXIS), NASAL, "reaction_before", FIRES),
        (Allergy("Influenza vaccine"), NASAL, "reaction_before", UNCHECKED),
        (Allergy("Influenza vaccine", reactions=("Fatigue",)), NASAL, "reaction_before", None),
        (Allergy("Some vaccine", **ANAPHYLAXIS), HEP_B, "reaction_before", UNCHECKED),
        (Allergy("Gelatin", **ANAPHYLAXIS), MMR, "component", FIRES),
        (Allergy("Gelatin", **ANAPHYLAXIS), INJECTED, "component", None),
        (Allergy("Gelatin"), VARICELLA, "component", UNCHECKED),
        (Allergy("Neomycin", **ANAPHYLAXIS), IPV, "component", FIRES),
        (Allergy("Neomycin", **ANAPHYLAXIS), INJECTED, "component", UNCHECKED),
        (Allergy("Baker's yeast", **ANAPHYLAXIS), HEP_B, "component", FIRES),
        (Allergy("Egg", **ANAPHYLAXIS), YELLOW, "component", FIRES),
        (Allergy("Egg", **ANAPHYLAXIS), INJECTED, "component", None),
        (Allergy("Eggplant", **ANAPHYLAXIS), YELLOW, "component", None),
    ],
)
@pytest.mark.parametrize("listed_as", ["allergies", "other_allergies"])
def test_reactions_before_and_substances(allergy, cvx, entry, expected, listed_as):
    facts = replace(YOUNG, allergy_list="recorded", **{listed_as: (allergy,)})
    assert said(facts, cvx).get(entry) == expected


def test_a_reaction_interrupts_and_is_one_of_those_that_only_two_may_retire():
    facts = replace(YOUNG, allergy_list="recorded", allergies=(Allergy("Gelatin", **ANAPHYLAXIS),))
    card = the_card(facts, MMR, "component")
    assert card.interrupts
    assert card.rule.anaphylaxis


@pytest.mark.parametrize(
    "unknown",
    [
        {"allergy_list": "not_asked"},
        {"unknowable": (Unknowable("allergies", "restricted"),)},
        {"conditions": (problem("Z88.7"),)},
    ],
)
def test_allergies_that_nobody_asked_saw_or_named_are_not_taken_for_none(unknown):
    assert said(replace(YOUNG, **unknown), INJECTED)["reaction_before"] == UNCHECKED


@pytest.mark.parametrize(
    ("given", "days", "cvx", "expected"),
    [
        (VARICELLA, 27, MMR, FIRES),
        (VARICELLA, 28, MMR, None),
        (VARICELLA, 0, MMR, None),
        (ROTA, 5, MMR, None),
        (INJECTED, 5, MMR, None),
        (VARICELLA, 5, INJECTED, None),
        ("87", 300, MMR, FIRES),
        ("87", 340, MMR, None),
        ("86", 170, VARICELLA, FIRES),
        ("86", 190, VARICELLA, None),
        ("87", 5, NASAL, None),
        (None, 5, MMR, None),
    ],
)
def test_live_vaccines_keep_their_distance(given, days, cvx, expected):
    facts = replace(YOUNG, immunizations=(Immunization(given, TODAY - timedelta(days=days), "before"),))
    assert said(facts, cvx).get("live_spacing") == expected


def test_immunizations_that_cannot_be_seen_are_told():
    hidden = replace(YOUNG, unknowable=(Unknowable("immunizations", "restricted"),))
    assert said(hidden, MMR)["live_spacing"] == UNCHECKED


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"birth_date": date(2024, 6, 16)}, FIRES),
        ({"birth_date": date(2024, 6, 15)}, None),
        ({"birth_date": date(1976, 6, 16)}, None),
        ({"birth_date": date(1976, 6, 15)}, FIRES),
        ({"birth_date": None}, UNCHECKED),
        ({"conditions": (problem("J45.20"),), "birth_date": date(2021, 6, 16)}, FIRES),
        ({"conditions": (problem("J45.20"),), "birth_date": date(2021, 6, 15)}, None),
        ({"medications": (drug("aspirin"),), "birth_date": date(2010, 1, 1)}, FIRES),
        ({"medications": (drug("aspirin"),), "birth_date": date(2008, 6, 15)}, None),
        ({"medications": (drug("oseltamivir"),)}, FIRES),
    ],
)
def test_influenza_vaccine_by_the_nose(facts, expected):
    male = replace(YOUNG, sex="male", **facts)
    assert said(male, NASAL).get("nasal_influenza") == expected
    assert "nasal_influenza" not in said(male, INJECTED)


@pytest.mark.parametrize(
    ("code", "cvx", "entry", "tier"),
    [
        ("K56.1", ROTA, "intussusception", Tier.INTERRUPTS),
        ("D81.0", ROTA, "combined_immunodeficiency", Tier.INTERRUPTS),
        ("G61.0", INJECTED, "guillain_barre", Tier.INLINE),
        ("G61.0", MMR, "guillain_barre", None),
        ("K56.1", MMR, "intussusception", None),
    ],
)
def test_problems_that_speak_against_one_group(code, cvx, entry, tier):
    facts = replace(CHILD, conditions=(problem(code, clinical_status="resolved"),))
    found = [card.tier for card in check(facts, vaccine(cvx)) if card.rule.id == f"vaccine.{entry}"]
    assert found == ([] if tier is None else [tier])


def test_every_product_of_the_knowledge_is_a_vaccine_on_the_list_and_every_live_one_is_known():
    listed = {cvx for one in known()["live"].values() for cvx in one["cvx"]}
    listed |= {cvx for one in components() for cvx in one.cvx | one.some}
    assert [cvx for cvx in listed if product_of(cvx) is None] == []
    assert [one.cvx for one in vaccines().values() if one.live and live_entry(one.cvx) is None] == []


def test_every_rule_on_vaccines_has_its_source_and_says_that_nobody_reviewed_it():
    rules = [rule for rule in registry().rules.values() if rule.topic in ("vaccine", "vaccine_immunity")]
    assert len(rules) == 11
    assert all(rule.source.is_unreviewed and rule.source.url for rule in rules), KNOWLEDGE
