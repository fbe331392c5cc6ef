"""Builds family history, past surgery, obstetric and social history, and procedures done here. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from data_contracts.api.history import (
    RecordFamilyHistory,
    RecordObstetric,
    RecordProcedure,
    RecordSocial,
    RecordSurgery,
)
from data_contracts.code_systems import HCPCS, ICD_10_CM
from ehr_core.charting.history_words import choices, words_of
from ehr_core.charting.notes.diagnoses import CPT
from ehr_core.charting.parts import (
    LOINC,
    Resource,
    category,
    concept,
    day,
    instant,
    quantity,
    reference,
)
from ehr_core.charting.recordable import refused
from ehr_core.kernel.fhir_json import without_empty

ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
HISTORICAL = {"text": "Surgical history, as told by the patient"}
REPORTED_URL = "https://almoner.dev/fhir/StructureDefinition/told-by-patient"


def build_family(told: RecordFamilyHistory, *, patient_id: str, at: str) -> Resource:
    """Raises InvalidResource for an unknown relative, and when neither a condition nor 'nothing known' is said."""
    name = words_of("relationships", told.relationship, "relationship")
    if told.nothing_known == bool(told.condition):
        raise refused("condition", "Name a condition, or say that nothing is known of this relative.")
    coded = {"text": told.condition}
    if told.condition_code:
        ICD_10_CM.checked(told.condition_code)
        coded = concept(ICD_10_CM.uri, told.condition_code, told.condition or told.condition_code)
    onset = (
        None
        if told.onset_age_years is None
        else quantity(Decimal(told.onset_age_years), "a") | {"unit": "years"}
    )
    return without_empty(
        {
            "resourceType": "FamilyMemberHistory",
            "status": "health-unknown" if told.nothing_known else "partial",
            "patient": reference("Patient", patient_id),
            "date": at,
            "relationship": concept(ROLE_CODE, told.relationship, name),
            "deceasedBoolean": told.deceased,
            "note": [{"text": told.note}] if told.note else [],
            "condition": [{"code": coded, "onsetAge": onset}] if told.condition else [],
        }
    )


def build_surgery(told: RecordSurgery, *, patient_id: str, recorder: Resource) -> Resource:
    """A procedure of the past; without a day, its day is not recorded."""
    return without_empty(
        {
            "resourceType": "Procedure",
            "extension": [{"url": REPORTED_URL, "valueBoolean": True}],
            "status": "completed",
            "category": HISTORICAL,
            "code": {"text": told.name},
            "subject": reference("Patient", patient_id),
            "performedDateTime": told.on,
            "recorder": recorder,
            "asserter": reference("Patient", patient_id),
            "performer": [{"actor": {"display": told.where}}] if told.where else [],
            "note": [{"text": told.note}] if told.note else [],
        }
    )


def build_obstetric(
    told: RecordObstetric, *, patient_id: str, performer: Resource, issued: str
) -> list[Resource]:
    """One Observation for each thing that was said. Raises InvalidResource for nothing, or counts that contradict."""
    said = {field: value for field in choices()["obstetric"] if (value := getattr(told, field)) is not None}
    if not said:
        raise refused("pregnancies", "Enter at least one thing. What is left empty is not recorded.")
    births = [told.term_births, told.preterm_births, told.abortions]
    if told.pregnancies is not None and sum(filter(None, births)) > told.pregnancies:
        raise refused(
            "pregnancies", "There are more births and abortions than pregnancies. Check the counts."
        )
    return [
        {
            **_observation(*choices()["obstetric"][field], patient_id, performer, instant(told.at), issued),
            **_obstetric_value(value),
        }
        for field, value in said.items()
    ]


def build_social(told: RecordSocial, *, patient_id: str, performer: Resource, issued: str) -> Resource:
    """Raises InvalidResource for an unknown item, or when its words or number are missing or impossible."""
    row = choices()["social"].get(told.item)
    if row is None:
        raise refused("item", f"Choose one of: {', '.join(choices()['social'])}.")
    built = _observation(row["code"], row["words"], patient_id, performer, instant(told.at), issued)
    if "unit" in row:
        if told.number is None or not row["low"] <= told.number <= row["high"]:
            raise refused("number", f"{row['words']}: a number from {row['low']} to {row['high']}.")
        return {**built, "valueQuantity": quantity(told.number, row["unit"])}
    if not (told.words or "").strip():
        raise refused("words", f"{row['words']}: say it in words.")
    return {**built, "valueString": (told.words or "").strip()}


def build_procedure(
    done: RecordProcedure, *, patient_id: str, performer: Resource, recorded_at: str
) -> Resource:
    coded: Resource = {"text": done.name}
    if done.code:
        system = HCPCS.uri if done.code[0].isalpha() else CPT
        coded["coding"] = [{"system": system, "code": done.code}]
    site = " ".join(filter(None, (done.side, done.body_site)))
    return without_empty(
        {
            "resourceType": "Procedure",
            "status": "completed",
            "code": coded,
            "subject": reference("Patient", patient_id),
            "encounter": reference("Encounter", done.encounter_id) if done.encounter_id else None,
            "performedDateTime": instant(done.at),
            "recorder": performer,
            "performer": [{"actor": performer}],
            "bodySite": [{"text": site}] if site else [],
            "outcome": {"text": done.outcome} if done.outcome else None,
            "note": [{"text": done.note, "time": recorded_at}] if done.note else [],
        }
    )


def _obstetric_value(value: int | date | str) -> Resource:
    if isinstance(value, str):
        return {"valueCodeableConcept": concept(LOINC, *choices()["pregnancy"][value])}
    if isinstance(value, date):
        return {"valueDateTime": day(value)}
    return {"valueQuantity": quantity(Decimal(value), "{count}")}


def _observation(
    code: str, name: str, patient_id: str, performer: Resource, at: str, issued: str
) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [category("social-history")],
        "code": concept(LOINC, code, name),
        "subject": reference("Patient", patient_id),
        "effectiveDateTime": at,
        "issued": issued,
        "performer": [performer],
    }
