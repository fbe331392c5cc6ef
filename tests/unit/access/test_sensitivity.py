"""Labels and who is kept from what: a table of actors and labels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_contracts.sensitivity import ADOLESCENT_CONFIDENTIAL, CONFIDENTIALITY
from ehr_core.access.actor import Actor
from ehr_core.access.roles import own_labels
from ehr_core.access.sensitive_codes import SENSITIVITY
from ehr_core.access.sensitivity import labels, may_see

PSYCHIATRY = (SENSITIVITY, "PSY")
RESTRICTED = (CONFIDENTIALITY, "R")
ORDINARY = (CONFIDENTIALITY, "N")


@pytest.mark.parametrize(
    ("kind", "found", "seen"),
    [
        ("patient", [], True),
        ("patient", [ORDINARY], True),
        ("patient", [RESTRICTED], False),
        ("patient", [(CONFIDENTIALITY, "V")], False),
        ("patient", [PSYCHIATRY], False),
        ("patient", [ORDINARY, (SENSITIVITY, "HIV")], False),
        ("patient", [ADOLESCENT_CONFIDENTIAL], False),
        ("grown up", [RESTRICTED, PSYCHIATRY, ADOLESCENT_CONFIDENTIAL, ORDINARY], True),
        ("grown up", [PSYCHIATRY, (CONFIDENTIALITY, "V")], False),
        ("grown up", [(SENSITIVITY, "PSYTHPN")], False),
        ("grown up", [("https://elsewhere.example/labels", "HIV")], False),
        ("grown up", [("", "")], False),
        ("patient", [("https://elsewhere.example/labels", "N")], False),
        ("patient", [("", "")], False),
        ("proxy", [(SENSITIVITY, "SUD")], False),
        ("proxy", [], True),
        ("something new", [PSYCHIATRY], False),
        ("user", [PSYCHIATRY, RESTRICTED], True),
        ("service", [PSYCHIATRY], True),
    ],
)
def test_a_restricting_or_unknown_label_keeps_an_item_from_who_is_not_named(kind, found, seen):
    sees = own_labels() if kind == "grown up" else frozenset()
    assert may_see("patient" if kind == "grown up" else kind, sees, found) is seen


NURSE = Actor("n", "user", "Nurse", ("nurse",), frozenset(), sees=frozenset({"HIV"}))
PATIENT = Actor("p", "patient", "Ana", ("patient",), frozenset(), patient_id="ana")
GROWN_UP = replace(PATIENT, sees=own_labels())
DOCTOR = Actor("d", "user", "Doctor", ("clinician",), frozenset())


@pytest.mark.parametrize(
    ("actor", "labels", "seen"),
    [
        (PATIENT, None, True),
        (PATIENT, "N", True),
        (PATIENT, "PSY", False),
        (PATIENT, f"{SENSITIVITY}|HIV", False),
        (DOCTOR, "PSY", True),
        (NURSE, "PSY", False),
        (NURSE, f"{SENSITIVITY}|HIV", True),
        (NURSE, "HIV N", True),
        (NURSE, "HIV SUD", False),
        (DOCTOR, "HIV SUD", True),
        (PATIENT, "M N", True),
        (PATIENT, "HIV N", False),
        (GROWN_UP, "HIV N SUD", True),
        (GROWN_UP, "HIV V", False),
        (GROWN_UP, f"{SENSITIVITY}|HIV", False),
    ],
)
def test_the_inherited_labels_of_a_gap_count_the_same(actor, labels, seen):
    assert actor.sees_labels(labels) is seen


LOINC, ICD = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"


def coded(system: str, code: str, element: str = "code", **more: object) -> dict:
    concept = {"coding": [{"system": system, "code": code}]}
    return {element: [concept] if element in ("reasonCode", "conclusionCode") else concept, **more}


@pytest.mark.parametrize(
    ("resource", "label"),
    [
        (coded(LOINC, "56888-1"), "HIV"),
        (coded(LOINC, "2106-3"), "SEX"),
        (coded(LOINC, "21613-5"), "SEX"),
        (coded(LOINC, "3397-7"), "SUD"),
        (coded(LOINC, "89204-2"), "PSY"),
        (coded(ICD, "F32.1"), "PSY"),
        (coded(ICD, "A56.02", "conclusionCode"), "SEX"),
        (coded(ICD, "Z30.011", "reasonCode"), "SEX"),
        ({"component": [coded(LOINC, "7918-6")]}, "HIV"),
    ],
)
def test_what_nobody_labelled_is_judged_by_its_codes(resource, label):
    assert list(labels(resource)) == [(SENSITIVITY, label)]
    assert not may_see("patient", (), labels(resource))
    assert not may_see("proxy", (), labels(resource))
    assert may_see("patient", own_labels(), labels(resource))
    assert may_see("user", (), labels(resource))


@pytest.mark.parametrize(
    "resource",
    [
        coded(LOINC, "4548-4"),
        coded(LOINC, "10524-7"),
        coded(ICD, "F17.210"),
        coded("https://elsewhere.example", "56888-1"),
        {},
    ],
)
def test_ordinary_codes_and_codes_of_another_system_hide_nothing(resource):
    assert list(labels(resource)) == []


def test_an_ordinary_label_does_not_unsay_a_sensitive_code():
    hiv = coded(LOINC, "56888-1", meta={"security": [{"system": CONFIDENTIALITY, "code": "N"}]})
    assert list(labels(hiv)) == [ORDINARY, (SENSITIVITY, "HIV")]
