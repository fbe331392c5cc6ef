"""Statins, blood pressure and diabetes: what is added to the care gaps, and that nothing about care ever interrupts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from cds.cards import Tier
from cds.engine import registry
from cds.facts import (
    LOOKING_AT_THE_CHART,
    Allergy,
    Code,
    Measurement,
    Medication,
    OrderedService,
    Pregnancy,
    Proposal,
    Unknowable,
)
from cds.ingredients import rxcui_of
from tests.spec.cds.drawn import ICD_10_CM, TODAY, adult, cards_of, drug, measured, ordering, problem, said_by

HYPERTENSION, DIABETES, CHEST_PAIN = problem("I10"), problem("E11.9"), problem("I25.10")
RECENT = date(2026, 5, 1)


def pressure(systolic: float, diastolic: float, on: date = RECENT):
    return measured("8480-6", systolic, "mm[Hg]", on), measured("8462-4", diastolic, "mm[Hg]", on)


def blood(total: float = 213, hdl: float = 50, creatinine: float = 0.8, on: date = RECENT):
    return (
        measured("2093-3", total, "mg/dL", on),
        measured("2085-9", hdl, "mg/dL", on),
        measured("2160-0", creatinine, "mg/dL", on),
    )


WEIGHED = {
    "weights_kg": (Measurement(80, "kg", RECENT),),
    "heights_cm": (Measurement(172, "cm", RECENT),),
}
KNOWN = adult(
    birth_date=date(1966, 1, 15),
    sex="male",
    races=("2106-3",),
    smokes=True,
    conditions=(HYPERTENSION,),
    results=(*pressure(136, 84), *blood(260, 38)),
    **WEIGHED,
)


def at_the_chart(topic, facts):
    return said_by(topic, facts, LOOKING_AT_THE_CHART)


# --- statins ---


def test_the_risk_is_the_pooled_cohort_risk_with_its_values():
    card = cards_of("statin_prevention", KNOWN, LOOKING_AT_THE_CHART)["risk"]
    assert "by the pooled cohort equations" in card.sentence
    assert "grade B" in card.sentence
    assert {"race", "PREVENT"}.isdisjoint(reason.words for reason in card.because)
    assert ("smokes", "yes") in {(reason.words, reason.value) for reason in card.because}


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "fires"),
        ({"smokes": None}, "could_not_check"),
        ({"races": ()}, "could_not_check"),
        ({"races": ("2106-3", "2054-5")}, "could_not_check"),
        ({"races": ("UNK",)}, "could_not_check"),
        ({"sex": None}, "could_not_check"),
        ({"birth_date": None}, "could_not_check"),
        ({"results": (*pressure(136, 84),)}, "could_not_check"),
        ({"results": (*pressure(136, 84), *blood(260, 38, on=date(2021, 6, 1)))}, "could_not_check"),
        ({"results": (*pressure(136, 84), *blood(400, 38))}, "could_not_check"),
        ({"unknowable": (Unknowable("conditions", "restricted"),)}, "could_not_check"),
        ({"birth_date": date(1986, 6, 16)}, None),
        ({"birth_date": date(1949, 6, 15)}, None),
        ({"conditions": (HYPERTENSION, CHEST_PAIN)}, None),
        ({"medications": (drug("atorvastatin", 40, 1),)}, None),
        ({"medications": (Medication(name="white pill", coded=False),)}, "could_not_check"),
        ({"conditions": (HYPERTENSION, problem("Z33.1"))}, None),
        ({"conditions": (), "smokes": False}, None),
        ({"conditions": (), "smokes": None}, "could_not_check"),
        ({"smokes": False, "results": (*pressure(120, 70), *blood(160, 60))}, None),
    ],
)
def test_the_risk_is_told_where_the_uspstf_asks_for_it(change, outcome):
    assert at_the_chart("statin_prevention", replace(KNOWN, **change)).get("risk") == outcome


def test_everything_that_is_missing_is_named_at_once():
    facts = replace(KNOWN, smokes=None, races=(), results=pressure(136, 84))
    card = cards_of("statin_prevention", facts, LOOKING_AT_THE_CHART)["risk"]
    assert len(card.missing) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conditions": (CHEST_PAIN,)}, "high intensity"),
        ({"conditions": (CHEST_PAIN,), "birth_date": date(1950, 6, 15)}, "moderate intensity"),
        ({"conditions": (DIABETES,)}, "moderate intensity"),
        (
            {"conditions": (), "results": (measured("13457-7", 195, "mg/dL", date(2019, 1, 1)),)},
            "high intensity",
        ),
        ({"conditions": (), "results": (measured("13457-7", 189, "mg/dL", RECENT),)}, None),
        ({"conditions": (DIABETES,), "birth_date": date(1986, 6, 16)}, None),
        ({"conditions": (CHEST_PAIN,), "medications": (drug("rosuvastatin", 20, 1),)}, None),
        ({"conditions": (CHEST_PAIN, problem("N18.6"))}, None),
        ({"conditions": (CHEST_PAIN,), "allergies": (Allergy("statin", (rxcui_of("atorvastatin"),)),)}, None),
    ],
)
def test_the_intensity_to_propose_by_benefit_group(change, words):
    card = cards_of("statin_prevention", replace(KNOWN, **change), LOOKING_AT_THE_CHART).get("to_propose")
    assert (card is None) is (words is None)
    if words:
        assert words in card.sentence
        assert card.suggestions[0].kind == "order"


@pytest.mark.parametrize(
    ("statin", "mg", "a_day", "conditions", "outcome"),
    [
        ("atorvastatin", 40, 1, (CHEST_PAIN,), None),
        ("atorvastatin", 20, 1, (CHEST_PAIN,), "fires"),
        ("simvastatin", 40, 1, (CHEST_PAIN,), "fires"),
        ("rosuvastatin", 20, 1, (CHEST_PAIN,), None),
        ("simvastatin", 20, 1, (DIABETES,), None),
        ("pravastatin", 20, 1, (DIABETES,), "fires"),
        ("pravastatin", None, 1, (DIABETES,), "could_not_check"),
        ("pravastatin", 20, None, (DIABETES,), "could_not_check"),
        ("pravastatin", 20, 1, (), None),
    ],
)
def test_a_statin_too_weak_for_its_group(statin, mg, a_day, conditions, outcome):
    facts = replace(KNOWN, conditions=conditions)
    assert said_by("statin_prevention", facts, ordering(drug(statin, mg, a_day))).get("intensity") == outcome


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, None),
        ({"conditions": (problem("M62.82"),)}, "fires"),
        ({"conditions": (problem("G72.0"),)}, "fires"),
        ({"allergies": (Allergy("simvastatin", (rxcui_of("simvastatin"),)),)}, None),
        ({"unknowable": (Unknowable("allergies", "restricted"),)}, "could_not_check"),
    ],
)
def test_harm_from_a_statin_is_remembered(change, outcome):
    facts = replace(KNOWN, **change)
    assert (
        said_by("statin_prevention", facts, ordering(drug("atorvastatin", 40, 1))).get("harm_before")
        == outcome
    )


# --- blood pressure ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"results": (*pressure(140, 80), *blood())}, "a drug together with healthy habits"),
        ({"results": (*pressure(132, 90), *blood())}, "a drug together with healthy habits"),
        ({"results": (*pressure(139, 89), *blood(260, 38))}, "the 10-year risk by PREVENT is"),
        (
            {
                "results": (*pressure(130, 79), *blood(160, 60)),
                "smokes": False,
                "birth_date": date(1986, 1, 1),
            },
            "healthy habits first",
        ),
        (
            {
                "results": (*pressure(129, 80), *blood(160, 60)),
                "smokes": False,
                "birth_date": date(1986, 1, 1),
            },
            "healthy habits first",
        ),
        (
            {"results": pressure(130, 79), "conditions": (HYPERTENSION, CHEST_PAIN)},
            "because of cardiovascular disease",
        ),
        (
            {"results": pressure(130, 79), "conditions": (HYPERTENSION, problem("N18.31"))},
            "because of chronic kidney disease",
        ),
        ({"results": pressure(130, 79), "conditions": (DIABETES,)}, "because of diabetes"),
    ],
)
def test_who_is_advised_a_drug_for_blood_pressure(change, words):
    assert (
        words in cards_of("blood_pressure", replace(KNOWN, **change), LOOKING_AT_THE_CHART)["treat"].sentence
    )


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"results": (*pressure(129, 79), *blood())}, None),
        ({"results": blood()}, None),
        ({"results": (*pressure(150, 95, date(2025, 6, 15)), *blood())}, None),
        ({"results": (*pressure(150, 95, date(2025, 6, 16)), *blood())}, "fires"),
        ({"results": (measured("8480-6", 150, "mm[Hg]", RECENT),)}, "could_not_check"),
        ({"results": pressure(132, 82)}, "could_not_check"),
        ({"smokes": None}, "could_not_check"),
        ({"birth_date": date(1940, 1, 1)}, "could_not_check"),
        ({"weights_kg": ()}, "could_not_check"),
        ({"medications": (drug("lisinopril", 10, 1),)}, None),
        ({"conditions": (HYPERTENSION, problem("O10.011")), "pregnancy": Pregnancy("pregnant")}, None),
        ({"unknowable": (Unknowable("results", "restricted"),)}, "could_not_check"),
    ],
)
def test_treatment_is_weighed_only_on_what_is_known(change, outcome):
    assert at_the_chart("blood_pressure", replace(KNOWN, **change)).get("treat") == outcome


@pytest.mark.parametrize(
    ("results", "pregnancy", "outcome"),
    [
        (pressure(180, 90, TODAY), Pregnancy(), "fires"),
        (pressure(150, 120, TODAY), Pregnancy(), "fires"),
        (pressure(179, 119, TODAY), Pregnancy(), None),
        (pressure(180, 90, date(2026, 6, 8)), Pregnancy(), "fires"),
        (pressure(180, 90, date(2026, 6, 7)), Pregnancy(), None),
        (pressure(160, 90, TODAY), Pregnancy("pregnant"), "fires"),
        (pressure(160, 90, TODAY), Pregnancy("unknown"), None),
    ],
)
def test_very_high_pressure_is_said_inline(results, pregnancy, outcome):
    facts = replace(KNOWN, results=results, pregnancy=pregnancy)
    assert at_the_chart("blood_pressure", facts).get("severe") == outcome


def beginning(name: str, *reasons: str) -> Proposal:
    return ordering(drug(name, 5, 1), reasons=tuple(Code(ICD_10_CM, code) for code in reasons))


@pytest.mark.parametrize(
    ("name", "reasons", "change", "said"),
    [
        ("metoprolol", ["I10"], {}, {"first_choice"}),
        ("metoprolol", ["I10"], {"results": pressure(150, 95)}, {"first_choice", "two_drugs"}),
        ("lisinopril", ["I10"], {}, set()),
        ("lisinopril", ["I10"], {"results": pressure(140, 80)}, {"two_drugs"}),
        ("lisinopril", ["I10"], {"results": pressure(139, 89)}, set()),
        ("metoprolol", [], {"results": pressure(150, 95)}, set()),
        ("metoprolol", ["I48.91"], {"results": pressure(150, 95)}, set()),
        ("metoprolol", ["I10"], {"conditions": (HYPERTENSION, problem("I50.22"))}, set()),
        (
            "metoprolol",
            ["I10"],
            {"medications": (drug("amlodipine", 5, 1),), "results": pressure(150, 95)},
            set(),
        ),
    ],
)
def test_what_to_begin_with(name, reasons, change, said):
    assert set(said_by("blood_pressure", replace(KNOWN, **change), beginning(name, *reasons))) == said


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "fires"),
        ({"results": (measured("9318-7", 12, "mg/g", RECENT),)}, None),
        ({"results": (measured("9318-7", 30, "mg/g", RECENT),)}, "fires"),
        (
            {"results": (measured("9318-7", 30, "mg/g", RECENT),), "medications": (drug("losartan", 50, 1),)},
            None,
        ),
        ({"conditions": (HYPERTENSION, DIABETES)}, None),
        ({"conditions": ()}, None),
        ({"results": (measured("9318-7", None, "mg/g", RECENT),)}, "could_not_check"),
    ],
)
def test_albumin_in_the_urine(change, outcome):
    assert at_the_chart("blood_pressure", replace(KNOWN, **change)).get("albumin") == outcome


# --- diabetes ---

OLDER = replace(
    KNOWN,
    birth_date=date(1950, 1, 1),
    conditions=(DIABETES,),
    results=(measured("4548-4", 7.4, "%", RECENT),),
)


@pytest.mark.parametrize(
    ("name", "change", "outcome"),
    [
        ("glipizide", {}, None),
        ("glipizide", {"results": (measured("4548-4", 6.9, "%", RECENT),)}, "fires"),
        ("glipizide", {"results": (measured("4548-4", 7.0, "%", RECENT),)}, None),
        ("glipizide", {"results": ()}, "could_not_check"),
        ("glipizide", {"results": (measured("4548-4", 6.0, "%", date(2025, 6, 1)),)}, "could_not_check"),
        ("glipizide", {"conditions": (DIABETES, problem("F03.90"))}, "fires"),
        ("glipizide", {"conditions": (DIABETES, problem("E11.649", clinical_status="resolved"))}, "fires"),
        ("glipizide", {"conditions": (DIABETES, problem("N18.4"))}, "fires"),
        ("insulin glargine", {"conditions": (DIABETES, problem("F03.90"))}, "fires"),
        ("empagliflozin", {"conditions": (DIABETES, problem("F03.90"))}, None),
        ("glipizide", {"birth_date": date(1961, 6, 16), "conditions": (DIABETES, problem("F03.90"))}, None),
        (
            "glipizide",
            {"birth_date": date(1961, 6, 15), "conditions": (DIABETES, problem("F03.90"))},
            "fires",
        ),
        ("glipizide", {"birth_date": None}, "could_not_check"),
    ],
)
def test_low_sugar_in_older_people(name, change, outcome):
    facts = replace(OLDER, **change)
    assert said_by("diabetes", facts, ordering(drug(name, 5, 1))).get("low_sugar_in_older_adults") == outcome


WITH_KIDNEYS = replace(KNOWN, conditions=(DIABETES,), results=blood(creatinine=0.9))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conditions": (DIABETES, problem("I50.22"))}, "heart failure: an SGLT2 inhibitor"),
        ({"conditions": (DIABETES, problem("N18.31"))}, "chronic kidney disease"),
        ({"conditions": (DIABETES, CHEST_PAIN)}, "cardiovascular disease"),
        ({"conditions": (DIABETES, problem("E66.9"))}, "obesity"),
        ({"conditions": (DIABETES, CHEST_PAIN), "medications": (drug("semaglutide", 1, None),)}, None),
        (
            {"conditions": (DIABETES, problem("I50.22")), "medications": (drug("semaglutide", 1, None),)},
            "heart failure",
        ),
        ({"conditions": (problem("E10.9"), CHEST_PAIN)}, None),
        ({"conditions": (DIABETES,)}, None),
    ],
)
def test_what_an_illness_beside_diabetes_asks_for(change, words):
    card = cards_of("diabetes", replace(WITH_KIDNEYS, **change), LOOKING_AT_THE_CHART).get("illness_beside")
    assert (card is None) is (words is None)
    if words:
        assert words in card.sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"conditions": (DIABETES, CHEST_PAIN, problem("K85.90", clinical_status="resolved"))},
            "Pancreatitis before",
        ),
        ({"conditions": (DIABETES, CHEST_PAIN, problem("E31.22"))}, "MEN 2"),
        ({"conditions": (DIABETES, CHEST_PAIN, problem("E11.10"))}, "Ketoacidosis before"),
        ({"results": blood(creatinine=5.0), "conditions": (DIABETES, CHEST_PAIN)}, "not begun below 20"),
    ],
)
def test_what_speaks_against_a_class_is_said_with_it(change, words):
    card = cards_of("diabetes", replace(WITH_KIDNEYS, **change), LOOKING_AT_THE_CHART)["illness_beside"]
    assert words in card.detail


def test_unknown_kidneys_are_not_taken_for_healthy():
    facts = replace(WITH_KIDNEYS, results=(), conditions=(DIABETES, CHEST_PAIN))
    said = at_the_chart("diabetes", facts)
    assert said["illness_beside"] == said["first_drug"] == "could_not_check"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "fires"),
        ({"medications": (drug("glipizide", 5, 1),)}, None),
        ({"results": blood(creatinine=2.5)}, None),
        ({"conditions": (problem("E10.9"),)}, None),
        ({"birth_date": date(2010, 1, 1)}, None),
    ],
)
def test_a_first_drug_where_the_kidneys_allow(change, outcome):
    assert at_the_chart("diabetes", replace(WITH_KIDNEYS, **change)).get("first_drug") == outcome


@pytest.mark.parametrize(
    ("order", "last_on", "outcome"),
    [
        ("4548-4", date(2026, 3, 16), "fires"),
        ("4548-4", date(2026, 3, 15), None),
        ("4548-4", None, None),
        ("2160-0", date(2026, 6, 1), None),
    ],
)
def test_an_hba1c_before_it_can_have_changed(order, last_on, outcome):
    results = (measured("4548-4", 8.1, "%", last_on),) if last_on else ()
    asked = Proposal(order=OrderedService(Code("http://loinc.org", order)))
    assert said_by("diabetes", replace(OLDER, results=results), asked).get("hba1c_too_soon") == outcome


@pytest.mark.parametrize(
    ("name", "code", "outcome"),
    [
        ("empagliflozin", "E10.9", "fires"),
        ("empagliflozin", "E11.10", "fires"),
        ("empagliflozin", "K85.90", None),
        ("semaglutide", "E31.22", "fires"),
        ("semaglutide", "K85.90", "fires"),
        ("semaglutide", "E10.9", None),
    ],
)
def test_drugs_that_do_not_suit_the_person(name, code, outcome):
    facts = replace(OLDER, conditions=(problem(code, clinical_status="resolved"),))
    assert said_by("diabetes", facts, ordering(drug(name, 1, 1))).get("not_for_this_person") == outcome


# --- all of them ---


def test_nothing_about_care_interrupts_or_says_that_it_is_due():
    topics = {"statin_prevention", "blood_pressure", "diabetes"}
    rules = [one for one in registry().rules.values() if one.topic in topics]
    assert len(rules) == 14
    assert all(one.tier is not Tier.INTERRUPTS for one in rules)
    cards = [
        card
        for topic in topics
        for facts in (KNOWN, OLDER, WITH_KIDNEYS)
        for card in cards_of(topic, facts, LOOKING_AT_THE_CHART).values()
    ]
    assert cards
    assert not any(
        word in f" {card.sentence} {card.detail} ".lower() for card in cards for word in (" due", "overdue")
    )
