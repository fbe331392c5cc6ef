"""The answer key: complete, and true of the facts by a second, plainer reading of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta

import orjson
import pytest

from data_contracts.guidelines import definitions
from data_contracts.tables import TABLES
from data_contracts.valuesets import value_set
from ehr_core.population import answer_key, generate, people_without_gaps, stories, story_patient_id
from ehr_core.population.decisions import RECOMMENDATION_IDS

AS_OF = date(2026, 11, 22)
PEOPLE = 1000
COMBINATIONS = {
    "breast_cancer_screening": {"due", "up_to_date", "excluded", "not_applicable", "not_evaluable"},
    "colorectal_cancer_screening": {"due", "up_to_date", "excluded", "follow_up_due", "not_applicable"},
    "cervical_cancer_screening": {"due", "up_to_date", "excluded", "follow_up_due", "not_evaluable"},
    "glycemic_control": {"due", "up_to_date", "above_goal", "excluded", "not_applicable"},
    "blood_pressure_control": {"due", "up_to_date", "above_goal", "excluded", "not_applicable"},
    "kidney_health_diabetes": {"due", "up_to_date", "excluded", "not_applicable"},
    "statin_therapy": {"due", "up_to_date", "excluded", "not_applicable"},
    "depression_screening": {"due", "up_to_date", "follow_up_due", "excluded", "not_applicable"},
    "tobacco_screening": {"due", "up_to_date", "follow_up_due", "excluded", "not_applicable"},
    "influenza_immunization": {"due", "up_to_date", "excluded", "not_evaluable"},
    "pneumococcal_immunization": {"due", "up_to_date", "excluded", "not_applicable"},
}


@pytest.fixture(scope="module")
def key() -> dict[tuple[str, str], str]:
    found = answer_key(PEOPLE, seed=2026, as_of=AS_OF)
    assert len(found) == len({(line.patient_id, line.recommendation_id) for line in found})
    return {(line.patient_id, line.recommendation_id): line.status for line in found}


@pytest.fixture(scope="module")
def records() -> dict[str, dict[str, list[dict]]]:
    """Everybody's resources by patient and type."""
    found: dict[str, dict[str, list[dict]]] = {}
    current: dict[str, list[dict]] = {}
    for resource_type, line in generate(PEOPLE, seed=2026, as_of=AS_OF, time_zone="America/New_York"):
        resource = orjson.loads(line)
        if resource_type == "Patient":
            current = found[resource["id"]] = defaultdict(list)
        if found:
            current[resource_type].append(resource)
    return found


def test_the_key_covers_every_recommendation_and_every_status_it_can_have(key):
    seen = defaultdict(set)
    for (_, recommendation), status in key.items():
        seen[recommendation].add(status)
    assert set(seen) == set(RECOMMENDATION_IDS) == set(definitions())
    for recommendation, statuses in COMBINATIONS.items():
        assert statuses <= seen[recommendation], recommendation


def test_the_key_speaks_the_words_of_the_results_contract(key):
    allowed = TABLES["recommendation_results"].by_name["status"].values
    assert set(key.values()) <= set(allowed)


def test_the_key_knows_nearly_everybody(key, records):
    assert len(key) > 0.93 * len(records) * len(RECOMMENDATION_IDS)


def test_the_key_is_the_same_twice_and_other_for_another_seed():
    first = answer_key(150, seed=1, as_of=AS_OF)
    assert first == answer_key(150, seed=1, as_of=AS_OF)
    assert first != answer_key(150, seed=2, as_of=AS_OF)


def test_what_a_story_expects_is_in_the_key(key):
    for story in stories().values():
        for recommendation, status in story.get("expected", {}).items():
            assert key[story_patient_id(story["key"]), recommendation] == status, story["key"]


def test_people_who_get_no_gap_are_named_and_not_in_the_key(key):
    without = people_without_gaps(PEOPLE, seed=2026, as_of=AS_OF)
    assert {line.standing for line in without} == {
        "deceased",
        "merged",
        "inactive",
        "opted_out",
        "transferred_out",
    }
    assert not {line.patient_id for line in without} & {patient for patient, _ in key}


def coded(resource: dict, name: str) -> bool:
    """Whether the resource's code is in a value set of the guidelines."""
    concept = next(
        (
            resource[element]
            for element in ("code", "vaccineCode", "medicationCodeableConcept")
            if element in resource
        ),
        {},
    )
    return any(
        coding.get("system") == code.system.uri
        and (coding["code"].startswith(code.code) if code.is_prefix else coding["code"] == code.code)
        for coding in concept.get("coding", [])
        for code in value_set(name).codes
    )


def days_since(resource: dict) -> int:
    text = next(
        resource[element]
        for element in ("effectiveDateTime", "performedDateTime", "occurrenceDateTime")
        if element in resource
    )
    return (AS_OF - date.fromisoformat(text[:10])).days


def done(record: dict, types: tuple[str, ...], name: str) -> list[dict]:
    return [
        resource
        for resource_type in types
        for resource in record[resource_type]
        if resource["status"] in ("final", "corrected", "completed") and coded(resource, name)
    ]


def test_breast_by_a_plain_reading(key, records):
    tests = ("Observation", "DiagnosticReport", "Procedure")
    for (patient, recommendation), status in key.items():
        if recommendation == "breast_cancer_screening" and status in ("due", "up_to_date"):
            ages = [days_since(found) for found in done(records[patient], tests, "mammography")]
            assert (min(ages, default=9999) < 730) == (status == "up_to_date")


def test_colorectal_by_a_plain_reading(key, records):
    tests = ("Observation", "DiagnosticReport", "Procedure")
    intervals = {
        "stool_blood_test": 365,
        "stool_dna_test": 1095,
        "ct_colonography": 1825,
        "flexible_sigmoidoscopy": 1825,
        "colonoscopy": 3652,
    }
    for (patient, recommendation), status in key.items():
        if recommendation == "colorectal_cancer_screening" and status in ("due", "up_to_date"):
            within = [
                days_since(found) < days
                for name, days in intervals.items()
                for found in done(records[patient], tests, name)
            ]
            assert any(within) == (status == "up_to_date")


def percent(observation: dict) -> float | None:
    value = observation["valueQuantity"]
    if "code" not in value:
        return None
    return value["value"] * 0.09148 + 2.152 if value["code"] == "mmol/mol" else value["value"]


def test_glycemia_by_a_plain_reading(key, records):
    for (patient, recommendation), status in key.items():
        if recommendation == "glycemic_control" and status in ("due", "up_to_date", "above_goal"):
            readable = [
                (days_since(found), percent(found))
                for found in done(records[patient], ("Observation",), "hba1c")
                if percent(found) is not None
            ]
            age, value = min(readable, default=(9999, 0.0))
            plain = "due" if age > 183 else "above_goal" if value >= 8 else "up_to_date"
            assert plain == status


def test_blood_pressure_by_a_plain_reading(key, records):
    for (patient, recommendation), status in key.items():
        if recommendation == "blood_pressure_control" and status in ("due", "up_to_date", "above_goal"):
            readings = [
                (days_since(found), [part["valueQuantity"]["value"] for part in found["component"]])
                for found in done(records[patient], ("Observation",), "blood_pressure")
            ]
            age, (systolic, diastolic) = min(readings, default=(9999, [0, 0]))
            plain = (
                "due" if age > 365 else "up_to_date" if systolic < 130 and diastolic < 80 else "above_goal"
            )
            assert plain == status


def test_influenza_by_a_plain_reading(key, records):
    season = (AS_OF - date(2026, 7, 1)).days
    for (patient, recommendation), status in key.items():
        if recommendation == "influenza_immunization" and status in ("due", "up_to_date"):
            ages = [
                days_since(found) for found in done(records[patient], ("Immunization",), "influenza_vaccine")
            ]
            assert (min(ages, default=9999) <= season) == (status == "up_to_date")


def test_nobody_was_seen_after_a_positive_depression_screen_without_follow_up(key, records):
    for (patient, recommendation), status in key.items():
        if recommendation == "depression_screening" and status == "follow_up_due":
            scores = done(records[patient], ("Observation",), "phq9")
            scores += done(records[patient], ("Observation",), "phq2")
            seen = [found["period"]["start"][:10] for found in records[patient]["Encounter"]]
            assert max(seen, default="") <= max(found["effectiveDateTime"][:10] for found in scores)
            started = [
                found["authoredOn"] for found in done_prescriptions(records[patient], "antidepressants")
            ]
            assert not started


def done_prescriptions(record: dict, name: str) -> list[dict]:
    return [found for found in record["MedicationRequest"] if coded(found, name)]


def test_conditions_and_ages_put_people_where_the_key_says(key, records):
    for (patient, recommendation), status in key.items():
        diabetic = any(
            coded(found, "diabetes")
            for found in records[patient]["Condition"]
            if found["verificationStatus"]["coding"][0]["code"] == "confirmed"
        )
        if recommendation == "glycemic_control" and status not in ("not_applicable", "not_evaluable"):
            assert diabetic
        if recommendation == "kidney_health_diabetes" and status == "not_applicable":
            born = records[patient]["Patient"][0].get("birthDate")
            age = (AS_OF - date.fromisoformat(born)) / timedelta(days=365.2425) if born else None
            assert not diabetic or age < 18 or age >= 86


def test_gaps_are_larger_where_care_is_harder_to_reach(key, records):
    share = Counter()
    for (patient, recommendation), status in key.items():
        if recommendation in (
            "colorectal_cancer_screening",
            "breast_cancer_screening",
            "influenza_immunization",
        ):
            payer = records[patient]["Coverage"][0]["type"]["coding"][0]["code"]
            if status in ("due", "up_to_date"):
                share[payer, status] += 1
    rate = {
        payer: share[payer, "due"] / (share[payer, "due"] + share[payer, "up_to_date"])
        for payer in ("2", "5", "81")
    }
    assert rate["81"] > rate["5"]
    assert rate["2"] > rate["5"]
