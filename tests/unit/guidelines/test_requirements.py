"""Data requirements: which definitions a change touches."""

from __future__ import annotations

import pytest

from pipelines import measures, recommendations

LOINC, ICD = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"
CONTROL = {"glycemic_control"}
EVERYTHING = set(recommendations.data_requirements())


def touched(resource_type: str, *tokens: str) -> set[str]:
    requirements = recommendations.data_requirements()
    return {topic for topic, needs in requirements.items() if needs.touched_by(resource_type, tokens)}


@pytest.mark.parametrize(
    ("resource_type", "tokens", "expected"),
    [
        ("Observation", [f"{LOINC}|4548-4"], CONTROL),
        ("Observation", [f"{LOINC}|85354-9"], {"blood_pressure_control"}),
        ("Observation", [f"{LOINC}|44261-6"], {"depression_screening"}),
        ("Observation", [f"{LOINC}|8867-4"], set()),
        ("ServiceRequest", [f"{LOINC}|4548-4"], set()),
        ("DiagnosticReport", [f"{LOINC}|24606-6"], {"breast_cancer_screening"}),
        (
            "Condition",
            [f"{ICD}|E11.65"],
            {
                "glycemic_control",
                "kidney_health_diabetes",
                "statin_therapy",
                "pneumococcal_immunization",
            },
        ),
        ("Condition", [f"{ICD}|E16.2"], set()),
        ("Patient", [], EVERYTHING),
        ("Flag", [], EVERYTHING),
        ("Encounter", ["http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets|T2042"], EVERYTHING),
        ("Medication", ["http://www.nlm.nih.gov/research/umls/rxnorm|617310"], {"statin_therapy"}),
        ("AllergyIntolerance", ["http://www.nlm.nih.gov/research/umls/rxnorm|36567"], {"statin_therapy"}),
        ("Immunization", ["http://hl7.org/fhir/sid/cvx|140"], {"influenza_immunization"}),
    ],
)
def test_a_change_touches_only_what_reads_it(resource_type, tokens, expected):
    assert touched(resource_type, *tokens) == expected


def test_a_change_without_codes_touches_all_that_read_its_type():
    assert "glycemic_control" in touched("Observation")
    assert "influenza_immunization" not in touched("Observation")


def test_measures_publish_theirs_too():
    needs = measures.data_requirements()["glycemic_control"]
    assert f"{LOINC}|4548-4" in needs.code_tokens
    assert f"{ICD}|E11*" in needs.code_tokens
    assert {"Observation", "Condition", "Encounter", "Patient", "Flag"} <= needs.resource_types
