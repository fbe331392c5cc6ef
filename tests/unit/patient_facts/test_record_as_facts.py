"""The stored record as facts: observations, allergies, events; what cannot be seen is named."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import pytest

from ehr_core.medications.products import SHIPPED
from ehr_core.workflows.patient_facts.build import facts_of
from ehr_core.workflows.patient_facts.record import Record

TODAY = date(2026, 11, 27)
LOINC, RXNORM = "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
SAFETY = "https://almoner.dev/fhir/CodeSystem/medication-safety"
SMOKING, PREGNANCY, DUE = "72166-2", "82810-3", "11778-8"


def record(unreadable=(), withheld=(), **kinds):
    found = defaultdict(list, {"Patient": [{"resourceType": "Patient", "id": "p", "gender": "female"}]})
    for kind, resources in kinds.items():
        found[kind] = [{"resourceType": kind, "id": f"x{n}"} | one for n, one in enumerate(resources)]
    return Record(found, set(unreadable), set(withheld))


def facts(**more):
    return facts_of(record(**more), TODAY, SHIPPED)


def observed(code, on="2026-11-01", **value):
    return {
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": on,
    } | value


def answer(code, system=LOINC):
    return {"valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}


@pytest.mark.parametrize(
    ("answers", "smokes"),
    [
        ([], None),
        ([("LA18976-3", "2026-01-01")], True),
        ([("LA18978-9", "2026-01-01")], False),
        ([("LA15920-4", "2026-01-01")], False),
        ([("LA18980-5", "2026-01-01")], None),
        ([("LA18976-3", "2025-01-01"), ("LA15920-4", "2026-01-01")], False),
        ([("LA18976-3", "2025-01-01"), ("LA18980-5", "2026-01-01")], None),
        ([("449868002", "2026-01-01")], True),
        ([("LA18976-3", "2027-01-01")], None),
    ],
)
def test_smoking_is_what_was_answered_last(answers, smokes):
    found = facts(Observation=[observed(SMOKING, on, **answer(code)) for code, on in answers])
    assert found.smokes is smokes


@pytest.mark.parametrize(
    ("code", "on", "state"),
    [
        ("LA15173-0", "2026-06-01", "pregnant"),
        ("LA26683-5", "2026-11-01", "not_pregnant"),
        ("LA4489-6", "2026-11-01", "unknown"),
        ("LA15173-0", "2026-01-31", "pregnant"),
        ("LA15173-0", "2026-01-30", "unknown"),
        ("77386006", "2026-11-01", "pregnant"),
    ],
)
def test_pregnancy_is_unknown_again_after_its_term(code, on, state):
    assert facts(Observation=[observed(PREGNANCY, on, **answer(code))]).pregnancy.state == state


def test_a_due_date_stays_when_the_answer_is_old():
    due = observed(DUE, "2026-01-05", valueDateTime="2026-08-20")
    assert facts(Observation=[due]).pregnancy.due_on == date(2026, 8, 20)


@pytest.mark.parametrize(
    ("code", "value", "unit", "weights", "heights"),
    [
        ("29463-7", 80, "kg", [80], []),
        ("29463-7", 3500, "g", [3.5], []),
        ("29463-7", 100, "[lb_av]", [45.359237], []),
        ("29463-7", 100, "stone", [], []),
        ("8302-2", 1.8, "m", [], [180]),
        ("8302-2", 70, "[in_i]", [], [177.8]),
    ],
)
def test_weights_are_kilograms_and_heights_centimetres_or_nothing(code, value, unit, weights, heights):
    found = facts(Observation=[observed(code, valueQuantity={"value": value, "code": unit})])
    assert [one.value for one in found.weights_kg] == [pytest.approx(one) for one in weights]
    assert [one.value for one in found.heights_cm] == [pytest.approx(one) for one in heights]


def test_a_bound_a_component_and_a_result_without_a_day():
    pressure = observed("85354-9") | {"component": [{"code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
                                                     "valueQuantity": {"value": 130, "code": "mm[Hg]"}}]}  # fmt: skip
    bound = observed("2823-3", valueQuantity={"value": 6, "comparator": ">", "code": "mmol/L"})
    undated = observed("2160-0") | {"effectiveDateTime": "2026-11"}
    found = facts(Observation=[pressure, bound, undated])
    assert {(one.loinc, one.value, one.comparator) for one in found.results} == {
        ("85354-9", None, None),
        ("8480-6", 130, None),
        ("2823-3", 6, ">"),
    }


def allergy(code=None, **more):
    concept = {"coding": [{"system": RXNORM, "code": code}], "text": "it"} if code else {"text": "something"}
    return {"code": concept} | more


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({}, True),
        ({"category": ["medication"]}, True),
        ({"category": ["food"]}, False),
        ({"category": ["food", "medication"]}, True),
        ({"category": ["biologic"]}, True),
        ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "unconfirmed"}]}}, True),
    ],
)
def test_which_allergies_may_be_to_a_drug(more, counts):
    assert bool(facts(AllergyIntolerance=[allergy("723", **more)]).allergies) is counts


def test_what_is_known_of_an_allergy():
    told = allergy(
        "151392",
        type="intolerance",
        criticality="high",
        verificationStatus={"coding": [{"code": "confirmed"}]},
        recordedDate="2020-01-02",
        reaction=[
            {"manifestation": [{"text": "Hives"}], "severity": "mild"},
            {"manifestation": [{"text": "Wheezing"}], "severity": "severe"},
        ],
    )
    (found,) = facts(AllergyIntolerance=[told]).allergies
    assert (found.ingredients, found.severity, found.intolerance) == (("48203", "723"), "severe", True)
    assert (found.reactions, found.verification, found.reference) == (
        ("Hives", "Wheezing"),
        "confirmed",
        "AllergyIntolerance/x0",
    )


@pytest.mark.parametrize(("kind", "said"), [("allergy", False), ("intolerance", True), (None, None)])
def test_an_intolerance_is_what_the_record_calls_one(kind, said):
    (found,) = facts(AllergyIntolerance=[allergy("723", **({"type": kind} if kind else {}))]).allergies
    assert found.intolerance is said


def test_a_substance_in_words_is_uncoded_and_one_in_the_reaction_counts():
    words, inside = facts(
        AllergyIntolerance=[
            allergy(),
            {
                "code": {"text": "?"},
                "reaction": [{"substance": {"coding": [{"system": RXNORM, "code": "723"}]}}],
            },
        ]
    ).allergies
    assert (words.coded, words.ingredients) == (False, ())
    assert (inside.coded, inside.ingredients) == (True, ("723",))


@pytest.mark.parametrize(
    ("kind", "resource", "event"),
    [
        ("Procedure", {"performedDateTime": "2026-10-01", "code": {"coding": [
            {"system": SAFETY, "code": "pdmp_review"}]}}, "pdmp_review"),
        ("Procedure", {"performedPeriod": {"start": "2026-10-01"}, "code": {"coding": [
            {"system": SAFETY, "code": "urine_drug_test"}]}},
         "urine_drug_test"),
        ("Procedure", {"performedDateTime": "2026-10-01", "code": {"coding": [{"system": "x", "code": "pdmp_review"}]}},
         "procedure"),
        ("Procedure", {"code": {"text": "undated"}}, None),
        ("Encounter", {"period": {"start": "2026-10-01T09:00:00-04:00"}, "class": {"code": "EMER"}}, "ed_visit"),
        ("Encounter", {"period": {"start": "2026-10-01"}, "class": {"code": "IMP"}}, "inpatient_stay"),
        ("Encounter", {"period": {"start": "2026-10-01"}, "class": {"code": "AMB"}}, "encounter"),
        ("MedicationDispense", {"whenHandedOver": "2026-10-01", "medicationCodeableConcept": {"coding": [
            {"system": RXNORM, "code": "7242"}]}}, "naloxone_supplied"),
        ("MedicationAdministration", {"effectiveDateTime": "2026-10-01", "medicationCodeableConcept": {"coding": [
            {"system": RXNORM, "code": "7242"}]}}, "naloxone_supplied"),
        ("MedicationDispense", {"whenHandedOver": "2026-10-01", "medicationCodeableConcept": {"coding": [
            {"system": RXNORM, "code": "351267"}]}}, None),
    ],
)  # fmt: skip
def test_what_happened_is_an_event_of_its_kind(kind, resource, event):
    found = facts(**{kind: [resource]}).events
    assert [one.kind for one in found] == ([event] if event else [])
    assert all(one.reference == f"{kind}/x0" for one in found)


def test_a_visit_for_an_overdose_is_both_a_visit_and_an_overdose():
    visit = {
        "period": {"start": "2026-10-01"},
        "class": {"code": "EMER"},
        "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "T40.2X1A"}]}],
        "hospitalization": {"dischargeDisposition": {"coding": [{"system": "d", "code": "hosp"}]}},
    }
    found = facts(Encounter=[visit]).events
    assert [one.kind for one in found] == ["ed_visit", "opioid_overdose"]
    assert ("d", "hosp") in {(code.system, code.code) for code in found[0].codes}


def test_what_cannot_be_read_or_is_kept_back_is_named():
    found = facts(unreadable={"Observation"}, withheld={"Condition", "Encounter"})
    assert {(one.part, one.why) for one in found.unknowable} == {
        ("results", "could not be read"),
        ("weights", "could not be read"),
        ("conditions", "restricted"),
        ("events", "restricted"),
    }


def test_a_person_of_whom_nothing_is_recorded():
    found = facts()
    assert (found.allergy_list, found.smokes, found.pregnancy.state, found.events) == (
        "not_asked",
        None,
        "unknown",
        (),
    )


def test_the_part_that_a_patient_sees_says_what_is_kept_back():
    label = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}
    whole = record(Condition=[{"meta": label, "code": {"text": "restricted"}}, {"code": {"text": "open"}}])
    assert whole.seen_by(lambda resources: (resources, 0)).withheld == set()
    part = whole.seen_by(
        lambda resources: (
            without := [one for one in resources if "meta" not in one],
            len(resources) - len(without),
        )
    )
    assert (len(part.of("Condition")), part.withheld) == (1, {"Condition"})
