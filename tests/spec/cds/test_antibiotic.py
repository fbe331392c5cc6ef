"""Antibiotics outside hospital: need, choice, duration, and the label "allergic to penicillin"."""

from __future__ import annotations

from datetime import date

import pytest

from cds.facts import Allergy, Code, Medication, Pregnancy, Unknowable
from cds.ingredients import rxcui_of
from cds.rules.antibiotic import rxcui
from tests.spec.cds.drawn import ICD_10_CM, TODAY, adult, cards_of, measured, ordering, said_by

PENICILLIN_LABEL = Allergy(name="Penicillin", ingredients=(rxcui_of("penicillin"),))
CHILD_OF_4 = date(2022, 1, 15)


def antibiotic(*names: str, route: str = "oral") -> Medication:
    return Medication(name="-".join(names), ingredients=tuple(rxcui(name) for name in names), route=route)


def for_(code: str) -> tuple[Code, ...]:
    return (Code(ICD_10_CM, code),)


def asked(names, code, days=None, route="oral", **said):
    proposal = ordering(
        antibiotic(*names, route=route), reasons=for_(code) if code else (), duration_days=days
    )
    return said_by("antibiotic", adult(**said), proposal)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("J06.9", "fires"),
        ("J00", "fires"),
        ("J20.9", "fires"),
        ("J11.1", "fires"),
        ("U07.1", "fires"),
        ("A08.4", "fires"),
        ("R82.71", "fires"),
        ("J02.0", None),
        ("J18.9", None),
        ("J20.0", None),
        ("Z99.9", None),
    ],
)
def test_a_likely_viral_reason_is_said(code, outcome):
    assert asked(["amoxicillin"], code, 5).get("likely_viral") == outcome


def test_a_second_bacterial_reason_takes_the_viral_card_back():
    both = ordering(antibiotic("amoxicillin"), reasons=(*for_("J06.9"), *for_("H66.91")), duration_days=5)
    assert "likely_viral" not in said_by("antibiotic", adult(), both)


def test_bacteria_in_the_urine_are_treated_in_pregnancy():
    assert asked(["cephalexin"], "R82.71", 5, pregnancy=Pregnancy("pregnant")).get("likely_viral") is None


@pytest.mark.parametrize(
    ("words", "on", "outcome"),
    [
        (None, None, "fires"),
        ("Positive", TODAY, None),
        ("Group A Streptococcus detected", TODAY, None),
        ("Positive for group A, no group C", TODAY, None),
        ("Not detected", TODAY, "fires"),
        ("Negative", TODAY, "fires"),
        ("Invalid run", TODAY, "could_not_check"),
        (None, TODAY, "could_not_check"),
        ("Positive", date(2026, 6, 8), None),
        ("Positive", date(2026, 6, 7), "fires"),
    ],
)
def test_sore_throat_is_treated_after_a_positive_strep_test(words, on, outcome):
    results = (measured("78012-2", None, "", on, words=words),) if on else ()
    assert asked(["amoxicillin"], "J02.9", 10, results=results).get("likely_viral") == outcome


def test_sore_throat_with_results_that_cannot_be_seen():
    unseen = (Unknowable("results", "restricted"),)
    assert "could_not_check" in asked(["amoxicillin"], "J02.9", 10, unknowable=unseen).values()


def test_without_a_reason_nothing_is_guessed():
    assert asked(["amoxicillin"], None, 5) == {"reason": "could_not_check"}


@pytest.mark.parametrize("route", ["ophthalmic", "Topical", "otic route"])
def test_drops_and_creams_are_left_alone(route):
    assert asked(["erythromycin"], None, 5, route=route) == {}


@pytest.mark.parametrize(
    ("names", "code", "days", "said", "first_choice"),
    [
        (["nitrofurantoin"], "N30.00", 5, {}, None),
        (["sulfamethoxazole", "trimethoprim"], "N39.0", 3, {}, None),
        (["cephalexin"], "N39.0", 5, {}, "fires"),
        (["cephalexin"], "N39.0", 5, {"sex": "male"}, None),
        (["cephalexin"], "N39.0", 5, {"pregnancy": Pregnancy("pregnant")}, None),
        (["amoxicillin", "clavulanate"], "J01.90", 7, {}, None),
        (["azithromycin"], "J01.90", 5, {}, "fires"),
        (["doxycycline"], "J01.90", 5, {}, "fires"),
        (["doxycycline"], "J01.90", 5, {"allergies": (PENICILLIN_LABEL,)}, None),
        (["azithromycin"], "J01.90", 5, {"allergies": (PENICILLIN_LABEL,)}, "fires"),
        (["azithromycin"], "J02.0", 5, {}, "fires"),
        (["azithromycin"], "J02.0", 5, {"allergies": (PENICILLIN_LABEL,)}, None),
        (["amoxicillin"], "H66.91", 7, {"birth_date": CHILD_OF_4}, None),
        (["cefdinir"], "H66.91", 7, {"birth_date": CHILD_OF_4}, "fires"),
        (["amoxicillin"], "J18.9", 5, {}, None),
        (["cephalexin"], "L03.115", 5, {}, None),
        (["ciprofloxacin"], "N10", 7, {}, None),
        (["amoxicillin"], "A69.20", 14, {}, None),
    ],
)
def test_first_choice_by_infection_age_sex_and_allergy(names, code, days, said, first_choice):
    assert asked(names, code, days, **said).get("first_choice") == first_choice


@pytest.mark.parametrize(
    ("names", "code", "said", "missing"),
    [
        (["cefdinir"], "H66.91", {"birth_date": None}, "the birth date"),
        (
            ["cephalexin"],
            "N39.0",
            {"unknowable": (Unknowable("allergies", "restricted"),)},
            "the allergies (restricted)",
        ),
    ],
)
def test_unknown_age_or_allergies_are_said(names, code, said, missing):
    cards = cards_of(
        "antibiotic", adult(**said), ordering(antibiotic(*names), reasons=for_(code), duration_days=7)
    )
    assert missing in {words for card in cards.values() for words in card.missing}


@pytest.mark.parametrize(
    ("names", "code", "days", "outcome"),
    [
        (["nitrofurantoin"], "N30.00", 5, None),
        (["nitrofurantoin"], "N30.00", 7, "fires"),
        (["nitrofurantoin"], "N30.00", 3, "fires"),
        (["sulfamethoxazole", "trimethoprim"], "N30.00", 3, None),
        (["sulfamethoxazole", "trimethoprim"], "N30.00", 7, "fires"),
        (["fosfomycin"], "N30.00", 1, None),
        (["amoxicillin"], "J18.9", 4, "fires"),
        (["amoxicillin"], "J18.9", 5, None),
        (["amoxicillin"], "J18.9", 7, None),
        (["amoxicillin"], "J18.9", 8, "fires"),
        (["penicillin v"], "J02.0", 10, None),
        (["penicillin v"], "J02.0", 5, "fires"),
        (["azithromycin"], "J02.0", 5, None),
        (["cephalexin"], "L03.115", 6, None),
        (["cephalexin"], "L03.115", 10, "fires"),
        (["cephalexin"], "L03.115", None, "could_not_check"),
    ],
)
def test_the_shortest_course_that_works(names, code, days, outcome):
    assert asked(names, code, days).get("duration") == outcome


@pytest.mark.parametrize(
    ("born", "days", "outcome"),
    [
        (date(2024, 6, 16), 10, None),
        (date(2024, 6, 16), 7, "fires"),
        (date(2024, 6, 15), 7, None),
        (date(2024, 6, 15), 10, "fires"),
        (date(2020, 6, 16), 7, None),
        (date(2020, 6, 15), 5, None),
        (date(2020, 6, 16), 5, "fires"),
    ],
)
def test_middle_ear_infection_takes_less_time_in_older_children(born, days, outcome):
    assert asked(["amoxicillin"], "H66.91", days, birth_date=born).get("duration") == outcome


@pytest.mark.parametrize(
    ("names", "code", "outcome"),
    [
        (["ciprofloxacin"], "N39.0", "fires"),
        (["levofloxacin"], "J01.90", "fires"),
        (["levofloxacin"], "J20.9", "fires"),
        (["ciprofloxacin"], "N10", None),
        (["nitrofurantoin"], "N39.0", None),
    ],
)
def test_fluoroquinolones_are_kept_for_those_without_another_choice(names, code, outcome):
    assert asked(names, code, 5).get("fluoroquinolone_reserved") == outcome


@pytest.mark.parametrize(
    ("allergies", "outcome"),
    [
        ((), None),
        ((PENICILLIN_LABEL,), "fires"),
        ((Allergy(name="penicillin (unspecified)", coded=False),), "fires"),
        ((Allergy(name="Amoxicillin", ingredients=("723",), reactions=("rash",), severity="mild"),), "fires"),
        ((Allergy(name="Amoxicillin", ingredients=("723",), reactions=("Anaphylaxis",)),), None),
        ((Allergy(name="Amoxicillin", ingredients=("723",), severity="severe"),), None),
        ((Allergy(name="Amoxicillin", ingredients=("723",), criticality="high"),), None),
        ((PENICILLIN_LABEL, Allergy(name="Amoxicillin", ingredients=("723",), severity="severe")), None),
        ((Allergy(name="Sulfamethoxazole", ingredients=("10180",)),), None),
    ],
)
def test_a_label_without_a_severe_reaction_is_asked_about(allergies, outcome):
    said = asked(["doxycycline"], "J01.90", 5, allergies=allergies)
    assert said.get("penicillin_label") == outcome


def test_the_label_prompt_is_passive_and_never_calls_a_penicillin_safe():
    facts = adult(allergies=(PENICILLIN_LABEL,))
    card = cards_of("antibiotic", facts, ordering(antibiotic("doxycycline"), reasons=for_("J01.90")))[
        "penicillin_label"
    ]
    assert card.tier == 3
    assert "the allergy stands" in card.detail
    assert card.because[0].value == "the reaction is not recorded"


def test_no_penicillin_is_suggested_to_somebody_with_the_label():
    facts = adult(allergies=(PENICILLIN_LABEL,))
    proposal = ordering(antibiotic("azithromycin"), reasons=for_("J01.90"), duration_days=5)
    assert cards_of("antibiotic", facts, proposal)["first_choice"].suggestions == ()
