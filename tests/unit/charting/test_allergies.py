"""The four allergy states: entries in, exactly one state out."""

from __future__ import annotations

import pytest

from ehr_core.charting.allergies import judge_allergies

SNOMED = "http://snomed.info/sct"
ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"


def entry(code: str = "7980", *, system: str = "rx", clinical="active", verification="confirmed", **more):
    return {
        "id": code,
        "code": {"coding": [{"system": system, "code": code}], "text": more.pop("text", f"Substance {code}")},
        "clinicalStatus": {"coding": [{"code": clinical}]} if clinical else None,
        "verificationStatus": {"coding": [{"code": verification}]} if verification else None,
        **more,
    }


NONE_KNOWN = entry("716186003", system=SNOMED)
NO_DRUG_ALLERGY = entry("409137002", system=SNOMED)


@pytest.mark.parametrize(
    ("recorded", "hidden", "state"),
    [
        ([], False, "not_recorded"),
        (None, False, "unavailable"),
        ([entry()], False, "known"),
        ([entry(clinical=None, verification=None)], False, "known"),
        ([NONE_KNOWN], False, "none_known"),
        ([entry("no-known-allergies", system=ABSENT)], False, "none_known"),
        ([NONE_KNOWN, entry()], False, "known"),
        ([NO_DRUG_ALLERGY], False, "not_recorded"),
        (
            [entry("NASK", system="http://terminology.hl7.org/CodeSystem/v3-NullFlavor")],
            False,
            "not_recorded",
        ),
        ([entry("716186003", system="https://elsewhere.example")], False, "known"),
        ([entry(verification="refuted")], False, "not_recorded"),
        ([entry(verification="entered-in-error")], False, "not_recorded"),
        ([entry(clinical="resolved")], False, "not_recorded"),
        ([entry("716186003", system=SNOMED, verification="entered-in-error")], False, "not_recorded"),
        ([], True, "unavailable"),
        ([NONE_KNOWN], True, "unavailable"),
        ([entry()], True, "known"),
    ],
)
def test_the_state_is_one_of_four_and_nothing_is_never_said_as_none(recorded, hidden, state):
    assert judge_allergies(recorded, some_are_hidden=hidden)[0] == state


def test_the_worst_allergy_stands_first_with_reaction_and_severity():
    peanut = entry("p", text="Peanut", reaction=[{"manifestation": [{"text": "Hives"}], "severity": "mild"}])
    bee = entry("b", text="Bee venom", criticality="high", reaction=[{"severity": "severe"}])
    _, lines = judge_allergies([peanut, bee])
    assert [(line.substance, line.severity, line.reactions) for line in lines] == [
        ("Bee venom", "severe", []),
        ("Peanut", "mild", ["Hives"]),
    ]


def test_an_allergy_without_a_named_substance_is_still_shown():
    _, lines = judge_allergies([{"id": "x", "reaction": [{"substance": {"text": "Latex"}}]}, {"id": "y"}])
    assert {line.substance for line in lines} == {"Latex", "substance not recorded"}
