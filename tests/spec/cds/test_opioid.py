"""Opioids for pain: the arithmetic shown, what it asks for, whom it spares, and what cannot be checked."""

from __future__ import annotations

from datetime import date

import pytest

from cds.engine import check
from cds.facts import LOOKING_AT_THE_CHART, Code, IngredientDose, Medication, Unknowable
from cds.ingredients import rxcui_of
from cds.morphine import morphine_total
from tests.spec.cds.drawn import (
    ICD_10_CM,
    TODAY,
    adult,
    cards_of,
    drug,
    happened,
    measured,
    ordering,
    problem,
    said_by,
)

OXYCODONE_30_MME = drug("oxycodone", 5, 4, extended_release=False)
OXYCODONE_60_MME = drug("oxycodone", 10, 4, extended_release=False)
PATCH_25 = drug("fentanyl", 25, None, unit="ug/h")
REVIEWED = happened("pdmp_review", date(2026, 6, 1))


@pytest.mark.parametrize(
    ("medication", "mme"),
    [
        (drug("codeine", 30, 4), 18),
        (drug("hydrocodone", 5, 4), 20),
        (drug("hydromorphone", 2, 4), 40),
        (drug("methadone", 10, 2), 94),
        (drug("morphine", 15, 2), 30),
        (drug("oxycodone", 10, 2), 30),
        (drug("oxymorphone", 5, 2), 30),
        (drug("tapentadol", 50, 2), 40),
        (drug("tramadol", 50, 4), 40),
        (PATCH_25, 60),
        (drug("morphine", 15000, 2, unit="ug"), 30),
        (drug("oxycodone", 5, 6, prn=True), 45),
    ],
)
def test_morphine_milligram_equivalents_by_the_table_of_2022(medication, mme):
    assert morphine_total([medication]).known == pytest.approx(mme)


@pytest.mark.parametrize(
    ("medication", "words"),
    [
        (OXYCODONE_30_MME, "5 mg × 4 a day = 20 mg; × 1.5 = 30 MME/day"),
        (PATCH_25, "25 mcg/h × 2.4 = 60 MME/day"),
        (drug("oxycodone", 5, 6, prn=True), "as needed: counted at its maximum"),
        (drug("buprenorphine", 8, 2), "not converted"),
        (drug("oxycodone", 5, None), "how often oxycodone is taken is not known"),
        (drug("oxycodone", None, 4), "the dose of oxycodone is not known"),
        (drug("fentanyl", 100, 4, unit="ug"), "a conversion factor for fentanyl is not known"),
        (drug("meperidine", 50, 4), "a conversion factor for meperidine is not known"),
        (drug("oxycodone", 5, 4, unit="mL"), "the dose of oxycodone in milligrams is not known"),
    ],
)
def test_each_line_shows_its_arithmetic_or_what_is_not_known(medication, words):
    (line,) = morphine_total([medication]).lines
    assert words in line.arithmetic


@pytest.mark.parametrize(
    ("taken", "proposed", "total", "at_least_50"),
    [
        ((), OXYCODONE_30_MME, "fires", None),
        ((OXYCODONE_30_MME,), drug("morphine", 5, 4), None, "fires"),
        ((), drug("oxycodone", 8, 4), "fires", None),
        ((), drug("morphine", 25, 2), None, "fires"),
        ((), drug("morphine", 24.9, 2), "fires", None),
        ((), PATCH_25, None, "fires"),
        ((), drug("buprenorphine", 8, 2), None, None),
        ((PATCH_25,), drug("buprenorphine", 8, 2), None, "fires"),
        ((), drug("oxycodone", 5, None), None, "could_not_check"),
        ((PATCH_25,), drug("oxycodone", 5, None), None, "fires"),
        ((drug("tramadol", None, None),), OXYCODONE_30_MME, None, "could_not_check"),
    ],
)
def test_fifty_and_more_stands_inline(taken, proposed, total, at_least_50):
    said = said_by("opioid", adult(medications=taken), ordering(proposed))
    assert (said.get("total"), said.get("at_least_50")) == (total, at_least_50)


def test_an_unknown_part_makes_the_sum_a_lower_bound_and_says_so():
    facts = adult(medications=(PATCH_25,))
    card = cards_of("opioid", facts, ordering(drug("oxycodone", 5, None)))["at_least_50"]
    assert "at least 60 MME" in card.sentence
    (missing,) = cards_of("opioid", adult(), ordering(drug("oxycodone", 5, None)))["at_least_50"].missing
    assert missing == "how often oxycodone is taken (what is known comes to 0 MME a day)"


def test_a_renewal_is_not_counted_twice():
    old = drug("oxycodone", 5, 4, reference="MedicationRequest/1")
    renewal = ordering(OXYCODONE_30_MME, replaces=frozenset({"MedicationRequest/1"}))
    assert cards_of("opioid", adult(medications=(old,)), renewal)["total"].sentence == (
        "Opioids come to 30 MME a day."
    )


def test_other_drafts_of_the_basket_count():
    basket = ordering(OXYCODONE_30_MME, alongside=(drug("morphine", 15, 2),))
    assert "60 MME" in cards_of("opioid", adult(), basket)["at_least_50"].sentence


SPARED = [
    {"conditions": (problem("D57.1"),)},
    {"conditions": (problem("D57.00"),)},
    {"conditions": (problem("G89.3"),)},
    {"conditions": (problem("C50.911"),)},
    {"conditions": (problem("Z51.5"),)},
    {"events": (happened("hospice", date(2026, 5, 1)),)},
    {
        "events": (
            happened(
                "encounter",
                date(2025, 6, 15),
                codes=(Code("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "Q5001"),),
            ),
        )
    },
    {"birth_date": date(2008, 6, 16)},
]


@pytest.mark.parametrize("said", SPARED)
def test_the_guideline_is_silent_for_people_it_does_not_speak_of(said):
    sedated = (drug("lorazepam", 1, 2), PATCH_25)
    assert said_by("opioid", adult(medications=sedated, **said), ordering(OXYCODONE_60_MME)) == {}


@pytest.mark.parametrize(
    "said",
    [
        {"conditions": (problem("D57.3", "sickle-cell trait"),)},
        {"conditions": (problem("C50.911", clinical_status="resolved", abated_on=date(2015, 1, 1)),)},
        {"conditions": (problem("C44.91", "basal cell carcinoma"),)},
        {"events": (happened("hospice", date(2025, 6, 14)),)},
        {"birth_date": date(2008, 6, 15)},
    ],
)
def test_people_just_outside_those_groups_are_checked(said):
    assert said_by("opioid", adult(**said), ordering(OXYCODONE_60_MME))["at_least_50"] == "fires"


def test_cancer_pain_as_the_reason_of_the_order_spares_too():
    reason = (Code(ICD_10_CM, "G89.3"),)
    assert said_by("opioid", adult(), ordering(OXYCODONE_60_MME, reasons=reason)) == {}


@pytest.mark.parametrize(
    "said",
    [{"birth_date": None}, {"unknowable": (Unknowable("conditions", "restricted"),)}],
)
def test_without_age_or_problems_nothing_is_said_to_be_safe(said):
    said_now = said_by("opioid", adult(**said), ordering(OXYCODONE_60_MME))
    assert set(said_now.values()) == {"could_not_check"}
    assert {"at_least_50", "naloxone", "pdmp_review", "urine_drug_test", "extended_release_start"} <= set(
        said_now
    )


@pytest.mark.parametrize(
    ("taken", "proposed"),
    [
        ((drug("lorazepam", 1, 2),), OXYCODONE_30_MME),
        ((OXYCODONE_30_MME,), drug("lorazepam", 1, 2)),
    ],
)
def test_a_benzodiazepine_beside_an_opioid_is_one_card_of_the_interactions_and_a_reason_for_naloxone(
    taken, proposed
):
    facts = adult(medications=taken)
    assert "naloxone" in said_by("opioid", facts, ordering(proposed))
    pairs = [
        card for card in check(facts, ordering(proposed)) if card.rule.id.endswith("opioid-benzodiazepine")
    ]
    assert len(pairs) == 1


NASAL_NALOXONE = Medication(name="naloxone nasal spray", ingredients=("7242",))
WITH_BUPRENORPHINE = Medication(
    name="buprenorphine-naloxone", ingredients=(rxcui_of("buprenorphine"), "7242")
)


@pytest.mark.parametrize(
    ("said", "proposed", "outcome"),
    [
        ({}, OXYCODONE_30_MME, None),
        ({}, OXYCODONE_60_MME, "fires"),
        ({"medications": (drug("lorazepam", 1, 2),)}, OXYCODONE_30_MME, "fires"),
        ({"conditions": (problem("T40.2X1A", clinical_status="resolved"),)}, OXYCODONE_30_MME, "fires"),
        ({"events": (happened("opioid_overdose", date(2019, 1, 1)),)}, OXYCODONE_30_MME, "fires"),
        ({"conditions": (problem("F10.20"),)}, OXYCODONE_30_MME, "fires"),
        ({"conditions": (problem("G47.33"),)}, OXYCODONE_30_MME, "fires"),
        ({"conditions": (problem("G47.33", clinical_status="resolved"),)}, OXYCODONE_30_MME, None),
        ({"medications": (NASAL_NALOXONE,)}, OXYCODONE_60_MME, None),
        ({"medications": (WITH_BUPRENORPHINE,)}, OXYCODONE_60_MME, "fires"),
        ({"events": (happened("naloxone_supplied", date(2025, 6, 16)),)}, OXYCODONE_60_MME, None),
        ({"events": (happened("naloxone_supplied", date(2025, 6, 15)),)}, OXYCODONE_60_MME, "fires"),
        ({}, drug("oxycodone", 5, None), "could_not_check"),
        ({"unknowable": (Unknowable("events", "restricted"),)}, OXYCODONE_30_MME, "could_not_check"),
    ],
)
def test_naloxone_is_offered_where_the_risk_is_raised(said, proposed, outcome):
    assert said_by("opioid", adult(**said), ordering(proposed)).get("naloxone") == outcome


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({}, "fires"),
        ({"events": (REVIEWED,)}, None),
        ({"events": (happened("pdmp_review", date(2026, 3, 16)),)}, None),
        ({"events": (happened("pdmp_review", date(2026, 3, 15)),)}, "fires"),
        ({"unknowable": (Unknowable("events", "could not be read"),)}, "could_not_check"),
    ],
)
def test_the_monitoring_program_is_looked_at_every_three_months(said, outcome):
    assert said_by("opioid", adult(**said), ordering(OXYCODONE_30_MME)).get("pdmp_review") == outcome


SINCE_MAY = drug("oxycodone", 5, 4, started_on=date(2026, 5, 18))


@pytest.mark.parametrize(
    ("said", "days", "outcome"),
    [
        ({}, 5, None),
        ({}, 28, None),
        ({}, 29, "fires"),
        ({"medications": (SINCE_MAY,)}, 5, "fires"),
        ({"medications": (drug("oxycodone", 5, 4, started_on=date(2026, 5, 19)),)}, 5, None),
        ({"medications": (drug("oxycodone", 5, 4),)}, 5, "could_not_check"),
        (
            {"medications": (SINCE_MAY,), "results": (measured("19295-5", None, "", date(2025, 6, 16)),)},
            5,
            None,
        ),
        (
            {"medications": (SINCE_MAY,), "results": (measured("19295-5", None, "", date(2025, 6, 15)),)},
            5,
            "fires",
        ),
        ({"medications": (SINCE_MAY,), "events": (happened("urine_drug_test", TODAY),)}, 5, None),
        (
            {"medications": (SINCE_MAY,), "unknowable": (Unknowable("results", "restricted"),)},
            5,
            "could_not_check",
        ),
    ],
)
def test_urine_drug_testing_is_for_opioids_that_go_on(said, days, outcome):
    proposal = ordering(OXYCODONE_30_MME, duration_days=days)
    assert said_by("opioid", adult(**said), proposal).get("urine_drug_test") == outcome


@pytest.mark.parametrize(
    ("said", "proposed", "outcome"),
    [
        ({}, OXYCODONE_30_MME, None),
        ({}, drug("oxycodone", 10, 2, extended_release=True), "fires"),
        ({}, drug("oxycodone", 10, 2), "could_not_check"),
        ({}, drug("methadone", 5, 2), "fires"),
        ({}, PATCH_25, "fires"),
        ({"medications": (OXYCODONE_30_MME,)}, PATCH_25, None),
        ({"stopped_medications": (drug("oxycodone", 5, 4, stopped_on=date(2026, 3, 17)),)}, PATCH_25, None),
        (
            {"stopped_medications": (drug("oxycodone", 5, 4, stopped_on=date(2026, 3, 16)),)},
            PATCH_25,
            "fires",
        ),
        ({}, drug("methadone", 40, 1, indications=(Code(ICD_10_CM, "F11.20"),)), None),
        ({"unknowable": (Unknowable("medications", "restricted"),)}, PATCH_25, "could_not_check"),
    ],
)
def test_nobody_starts_on_a_long_acting_opioid_unnoticed(said, proposed, outcome):
    assert said_by("opioid", adult(**said), ordering(proposed)).get("extended_release_start") == outcome


def test_no_card_asks_anybody_to_stop_or_interrupts():
    facts = adult(medications=(PATCH_25, drug("lorazepam", 1, 2)), conditions=(problem("F11.20"),))
    cards = cards_of("opioid", facts, ordering(OXYCODONE_60_MME, duration_days=60))
    assert len(cards) >= 4
    assert not any(card.interrupts for card in cards.values())
    assert not any(one.kind == "stop" for card in cards.values() for one in card.suggestions)
    assert "not ended or cut down abruptly" in cards["at_least_50"].detail


def test_methadone_for_opioid_use_disorder_is_not_counted_as_pain_treatment():
    methadone = drug("methadone", 80, 1, indications=(Code(ICD_10_CM, "F11.20"),))
    assert morphine_total([methadone]).known == 0


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ((PATCH_25,), {"at_least_50": "fires", "naloxone": "fires"}),
        ((), {}),
        ((OXYCODONE_30_MME,), {"total": "fires"}),
    ],
)
def test_looking_at_the_chart_shows_what_is_taken(taken, said):
    assert said_by("opioid", adult(medications=taken), LOOKING_AT_THE_CHART) == said


def test_a_combination_product_counts_its_opioid_alone():
    combined = Medication(
        name="hydrocodone-acetaminophen",
        ingredients=(rxcui_of("hydrocodone"), "161"),
        ingredient_doses=(IngredientDose(rxcui_of("hydrocodone"), 5, "mg"), IngredientDose("161", 325, "mg")),
        doses_per_day=4,
    )
    assert morphine_total([combined]).known == 20
