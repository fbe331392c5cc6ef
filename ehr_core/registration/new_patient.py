"""Checks what was asked of a new patient and builds the Patient. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from data_contracts.api.registration import NewPatient
from ehr_core.kernel.fhir_json import without_empty
from ehr_core.registration.problems import Problems
from ehr_core.registration.reading import IDENTIFIER_TYPE, INTERPRETER_URL, MRN_SYSTEM

Resource = dict[str, Any]

US_CORE_PATIENT = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"
LANGUAGE_SYSTEM = "urn:ietf:bcp:47"


def check_new_patient(person: NewPatient, *, today: date) -> None:
    """Raises InvalidResource naming each field that cannot be right."""
    problems = Problems()
    if not _said(person.family) and not _said(person.given):
        problems.add("family", "Give at least a family name or a first name.")
    problems.birth_date("birth_date", person.birth_date, today=today)
    problems.phone("phone", person.phone)
    problems.email("email", person.email)
    problems.address("address", state=person.state, postal_code=person.postal_code, country=None)
    problems.raise_any()


def build_patient(person: NewPatient, *, mrn: str | None) -> Resource:
    """What is not known is left out, and without a sex no profile is claimed. `mrn` None for comparing only."""
    return without_empty(
        {
            "resourceType": "Patient",
            "meta": {"profile": [US_CORE_PATIENT] if person.sex else []},
            "extension": [
                {"url": INTERPRETER_URL, "valueBoolean": person.interpreter_required}
                if person.interpreter_required is not None
                else None
            ],
            "identifier": [record_number(mrn)] if mrn else [],
            "active": True,
            "name": _names(person),
            "telecom": _telecom(person),
            "gender": person.sex,
            "birthDate": person.birth_date,
            "multipleBirthInteger": person.birth_order,
            "address": _address(person),
            "communication": _communication(person),
        }
    )


def record_number(mrn: str) -> Resource:
    kind = {"coding": [{"system": IDENTIFIER_TYPE, "code": "MR", "display": "Medical record number"}]}
    return {"use": "usual", "type": kind, "system": MRN_SYSTEM, "value": mrn}


def _names(person: NewPatient) -> list[Resource]:
    given = [*(_said(person.given) or "").split(), *(_said(person.middle) or "").split()]
    names = [
        {
            "use": "official",
            "family": _said(person.family),
            "given": given,
            "suffix": [_said(person.suffix)],
        }
    ]
    if used := _said(person.used_name):
        names.append({"use": "usual", "family": _said(person.family), "given": used.split()})
    return names


def _telecom(person: NewPatient) -> list[Resource]:
    return [
        {"system": system, "value": value, "use": use}
        for system, value, use in (
            ("phone", _said(person.phone), "mobile"),
            ("email", _said(person.email), "home"),
        )
        if value
    ]


def _address(person: NewPatient) -> list[Resource]:
    address = {
        "line": [_said(person.address_line)],
        "city": _said(person.city),
        "state": (_said(person.state) or "").upper() or None,
        "postalCode": _said(person.postal_code),
    }
    return [{"use": "home", **address, "country": "US"}] if without_empty(address) else []


def _communication(person: NewPatient) -> list[Resource]:
    if not person.language:
        return []
    return [
        {"language": {"coding": [{"system": LANGUAGE_SYSTEM, "code": person.language}]}, "preferred": True}
    ]


def _said(words: str | None) -> str | None:
    """Without blanks around; nothing but blanks is nothing."""
    return " ".join((words or "").split()) or None
