"""Builds an allergy, its correction and its removal, and the answer 'no known allergies'. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from data_contracts.api.allergies import AllergyDetails, RecordAllergy, RecordedAllergy
from ehr_core.charting.allergies import absence_codes
from ehr_core.kernel.fhir_json import codes, codings, without_empty, words

Resource = dict[str, Any]

REQUEST_IDENTIFIER = "https://almoner.dev/fhir/NamingSystem/allergy-request"
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
NONE_KNOWN = {"coding": [{"system": ABSENT, "code": "no-known-allergies", "display": "No known allergies"}]}
NOT_TRUE = frozenset({"entered-in-error", "refuted"})
OVER = frozenset({"inactive", "resolved"})


def build_allergy(
    record: RecordAllergy, *, coding: Resource | None, patient_id: str, recorder: Resource, recorded_on: str
) -> Resource:
    """`coding` None: the substance is in words only, and checks by ingredient cannot be done against it."""
    found = _entry(patient_id=patient_id, recorder=recorder, recorded_on=recorded_on)
    found |= {
        "identifier": [{"system": REQUEST_IDENTIFIER, "value": record.request_id}],
        "category": [record.category],
        "code": {"coding": [coding] if coding else [], "text": record.name.strip()},
    }
    return without_empty(with_details(found, record.details))


def build_none_known(*, patient_id: str, recorder: Resource, recorded_on: str) -> Resource:
    code = {**NONE_KNOWN, "text": "No known allergies"}
    return _entry(patient_id=patient_id, recorder=recorder, recorded_on=recorded_on) | {"code": code}


def _entry(*, patient_id: str, recorder: Resource, recorded_on: str) -> Resource:
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": "confirmed"}]},
        "patient": {"reference": f"Patient/{patient_id}"},
        "recorder": recorder,
        "recordedDate": recorded_on,
    }


def with_details(allergy: Resource, details: AllergyDetails) -> Resource:
    """The same allergy with these details in the place of its own; what is not said is taken out."""
    said = [one.strip() for one in details.reactions if one.strip()]
    reaction = {"manifestation": [{"text": one} for one in said], "severity": details.severity}
    kind = None if details.intolerance is None else "intolerance" if details.intolerance else "allergy"
    if details.severity and not said:
        reaction["manifestation"] = [{"text": "Reaction not recorded"}]
    return without_empty(
        {
            **allergy,
            "type": kind,
            "criticality": details.criticality,
            "reaction": [reaction] if reaction["manifestation"] else [],
        }
    )


def removed(allergy: Resource) -> Resource:
    """Entered in error: it stays in the history and counts for nothing. FHIR forbids a clinical status beside it."""
    kept = {key: value for key, value in allergy.items() if key != "clinicalStatus"}
    return {**kept, "verificationStatus": {"coding": [{"system": VERIFICATION, "code": "entered-in-error"}]}}


def set_aside(denial: Resource) -> Resource:
    """A denial that an allergy has overtaken: it was true when it was said, and is no longer."""
    return {**denial, "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "inactive"}]}}


def counts(allergy: Resource) -> bool:
    return not (
        codes(allergy.get("verificationStatus")) & NOT_TRUE or codes(allergy.get("clinicalStatus")) & OVER
    )


def is_of(allergy: Resource, coding: Resource | None, name: str) -> bool:
    """Whether it is about this substance: by code where there is one, otherwise by the words."""
    if coding is not None:
        return (coding["system"], coding["code"]) in set(codings(allergy.get("code")))
    return (words(allergy.get("code")) or "").strip().lower() == name.strip().lower()


def is_denial(allergy: Resource) -> bool:
    return any(coding in absence_codes() for coding in codings(allergy.get("code")))


def recorded(allergy: Resource, version_id: int) -> RecordedAllergy:
    return RecordedAllergy(
        allergy_id=allergy["id"],
        version_id=version_id,
        name=words(allergy.get("code")) or "substance not recorded",
        is_denial=is_denial(allergy),
        details=_details(allergy),
    )


def _details(allergy: Resource) -> AllergyDetails:
    reactions = allergy.get("reaction") or ()
    severities = {one.get("severity") for one in reactions}
    kind = allergy.get("type")
    return AllergyDetails(
        reactions=list(filter(None, map(words, _manifestations(reactions))))[:10],
        severity=next((one for one in ("severe", "moderate", "mild") if one in severities), None),
        criticality=allergy.get("criticality") if allergy.get("criticality") in ("low", "high") else None,
        intolerance=None if kind is None else kind == "intolerance",
    )


def _manifestations(reactions: Iterable[Resource]) -> Iterable[Resource]:
    return (said for reaction in reactions for said in reaction.get("manifestation") or ())
