"""Writes what was found, given and done: conditions, medicines, allergies, vaccines, procedures, orders."""

from __future__ import annotations

from datetime import date
from typing import Any

from data_contracts.api.medications import REFILL_CODE, REFILL_SYSTEM
from ehr_core.population.assumptions import assumptions, snomed
from ehr_core.population.facts.chart import Chart
from ehr_core.population.site import clinician_reference, location_reference
from ehr_core.population.vocabulary import (
    ABSENT_OR_UNKNOWN,
    CVX,
    HCPCS,
    ICD10CM,
    ICD10PCS,
    LOINC,
    RXNORM,
    SNOMED,
    TERMINOLOGY,
    concept,
    labelled,
    profile,
    status_concept,
)

DAYS_SUPPLY, ASKED_AT_MINUTE = 90, 9 * 60 + 5
PROBLEM = [concept(f"{TERMINOLOGY}/condition-category", "problem-list-item", "Problem List Item")]
ENCOUNTER_DIAGNOSIS = [
    concept(f"{TERMINOLOGY}/condition-category", "encounter-diagnosis", "Encounter Diagnosis")
]
PROCEDURE_SYSTEMS = {"hcpcs": HCPCS, "icd10pcs": ICD10PCS}
GIVEN_MINUTE = 9 * 60 + 5


def write_condition(
    chart: Chart,
    code: str,
    name: str,
    onset: date,
    *,
    ended: date | None = None,
    verification: str = "confirmed",
    label: str | None = None,
    visit: bool = False,
    seen: date | None = None,
) -> str:
    """A problem, or with `visit` the diagnosis of one visit, of the day of onset or of the day it was `seen` again.

    A refuted one stays in the record as refuted.
    """
    meta = profile(
        "us-core-condition-encounter-diagnosis" if visit else "us-core-condition-problems-health-concerns"
    )
    body: dict[str, Any] = {"meta": labelled(meta, label) if label else meta}
    if verification != "entered-in-error":
        status = "resolved" if ended else "inactive" if verification == "refuted" else "active"
        body["clinicalStatus"] = status_concept("condition-clinical", status)
    body["verificationStatus"] = status_concept("condition-ver-status", verification)
    body["category"] = ENCOUNTER_DIAGNOSIS if visit else PROBLEM
    body["code"] = concept(ICD10CM, code, name)
    body["subject"] = chart.subject
    if visit and (encounter := chart.encounter_reference(seen or onset)):
        body["encounter"] = encounter
    body["onsetDateTime"] = onset.isoformat()
    if ended:
        body["abatementDateTime"] = ended.isoformat()
    body["recordedDate"] = (seen or onset).isoformat()
    return chart.add("Condition", body)


def write_medication(
    chart: Chart,
    drug: str,
    day: date,
    *,
    status: str = "active",
    stopped: date | None = None,
    label: str | None = None,
    parts: dict[str, Any] | None = None,
    supply: dict[str, Any] | None = None,
) -> str:
    """`parts` are those of the dosage that can be reckoned with; without them the directions are words."""
    code, name, directions = assumptions("treatments")["drug"][drug]
    meta = profile("us-core-medicationrequest")
    body: dict[str, Any] = {
        "meta": labelled(meta, label) if label else meta,
        "status": "stopped" if stopped else status,
        "intent": "order",
        "medicationCodeableConcept": concept(RXNORM, code, name),
        "subject": chart.subject,
        "authoredOn": day.isoformat(),
        "requester": clinician_reference(chart.person.clinician),
        "dosageInstruction": [{"text": directions, **(parts or {})}],
    }
    if supply:
        body["dispenseRequest"] = supply
    if stopped:
        body["dispenseRequest"] = {"validityPeriod": {"start": day.isoformat(), "end": stopped.isoformat()}}
    return chart.add("MedicationRequest", body)


def write_prescription(
    chart: Chart,
    drug: str,
    day: date,
    *,
    unit: str,
    per_day: int,
    dispensed: date | None,
    refill: date | None,
) -> None:
    """A prescription whose parts can be reckoned with, when it was given out, and a refill that waits."""
    parts = {
        "timing": {"repeat": {"frequency": per_day, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": 1, "unit": unit}}],
    }
    supply = {"numberOfRepeatsAllowed": 1, "quantity": {"value": DAYS_SUPPLY * per_day, "unit": unit}}
    order = {
        "reference": f"MedicationRequest/{write_medication(chart, drug, day, parts=parts, supply=supply)}"
    }
    if dispensed:
        code, name, _ = assumptions("treatments")["drug"][drug]
        write_dispense(chart, concept(RXNORM, code, name), order, dispensed)
    if refill:
        write_refill_request(chart, order, refill)


def write_dispense(chart: Chart, medication: dict[str, Any], order: dict[str, str], day: date) -> None:
    chart.add(
        "MedicationDispense",
        {
            "status": "completed",
            "medicationCodeableConcept": medication,
            "subject": chart.subject,
            "authorizingPrescription": [order],
            "whenHandedOver": day.isoformat(),
        },
    )


def write_refill_request(chart: Chart, order: dict[str, str], day: date) -> None:
    chart.add(
        "Task",
        {
            "status": "requested",
            "intent": "order",
            "code": concept(REFILL_SYSTEM, REFILL_CODE, "Refill request"),
            "focus": order,
            "for": chart.subject,
            "authoredOn": chart.calendar.instant(day, ASKED_AT_MINUTE),
            "description": "Refill asked for by pharmacy",
        },
    )


def write_allergies(chart: Chart) -> None:
    """Known, none known, or not recorded (nothing at all is written, which is never read as none)."""
    facts = assumptions("treatments")["allergy"]
    state = chart.person.allergies or chart.draws.weighted(facts["state"])
    day = chart.calendar.days_ago(chart.draws.whole(100, 1400))
    if chart.person.birth_date:
        day = max(day, chart.person.birth_date)
    if state == "none_known":
        write_no_known_allergies(chart, day)
    elif state == "known":
        shares = {str(place): row[3] for place, row in enumerate(facts["substances"])}
        code, name, reaction, _ = facts["substances"][int(chart.draws.weighted(shares))]
        write_allergy(chart, code, name, reaction, day)


def write_allergy(
    chart: Chart, rxcui: str, substance: str, reaction: str, day: date, *, kind: str = "allergy"
) -> str:
    severe = reaction in ("Wheezing", "Hives")
    return chart.add(
        "AllergyIntolerance",
        {
            "meta": profile("us-core-allergyintolerance"),
            "clinicalStatus": status_concept("allergyintolerance-clinical", "active"),
            "verificationStatus": status_concept("allergyintolerance-verification", "confirmed"),
            "type": kind,
            "category": ["medication"],
            "criticality": "high" if severe else "low",
            "code": concept(RXNORM, rxcui, substance),
            "patient": chart.subject,
            "recordedDate": day.isoformat(),
            "reaction": [
                {"manifestation": [{"text": reaction}], "severity": "moderate" if severe else "mild"}
            ],
        },
    )


def write_no_known_allergies(chart: Chart, day: date) -> None:
    code = concept(ABSENT_OR_UNKNOWN, "no-known-allergies", "No known allergies")
    if codes := snomed():
        row = codes["allergy"]["none_known"]
        code["coding"].insert(0, {"system": SNOMED, **row})
    chart.add(
        "AllergyIntolerance",
        {
            "meta": profile("us-core-allergyintolerance"),
            "clinicalStatus": status_concept("allergyintolerance-clinical", "active"),
            "verificationStatus": status_concept("allergyintolerance-verification", "confirmed"),
            "code": code,
            "patient": chart.subject,
            "recordedDate": day.isoformat(),
        },
    )


def write_vaccine(chart: Chart, vaccine: str, day: date, *, refused: bool = False) -> None:
    code, name = assumptions("treatments")["vaccine"][vaccine]
    body: dict[str, Any] = {
        "meta": profile("us-core-immunization"),
        "status": "not-done" if refused else "completed",
    }
    if refused:
        body["statusReason"] = concept(f"{TERMINOLOGY}/v3-ActReason", "PATOBJ", "patient objection")
    body |= {
        "vaccineCode": concept(CVX, code, name),
        "patient": chart.subject,
        "occurrenceDateTime": day.isoformat(),
        "primarySource": True,
        "location": location_reference(chart.person.clinician),
    }
    chart.add("Immunization", body)


def write_procedure(
    chart: Chart,
    procedure: str,
    day: date,
    *,
    status: str = "completed",
    reason: tuple[str, str] | None = None,
) -> str:
    system, code, name = assumptions("treatments")["procedure"][procedure]
    body: dict[str, Any] = {
        "meta": profile("us-core-procedure"),
        "status": status,
        "code": concept(PROCEDURE_SYSTEMS[system], code, name),
        "subject": chart.subject,
    }
    if status == "not-done":
        body["statusReason"] = {"text": "Patient declined on the day"}
    body["performedDateTime"] = chart.calendar.instant(day, GIVEN_MINUTE)
    if reason:
        body["reasonCode"] = [concept(ICD10CM, *reason)]
    body["performer"] = [{"actor": clinician_reference(chart.person.clinician)}]
    return chart.add("Procedure", body)


def write_order(chart: Chart, loinc: str, name: str, day: date, *, status: str = "active") -> str:
    """An order: a plan, never evidence that anything was done."""
    return chart.add(
        "ServiceRequest",
        {
            "meta": profile("us-core-servicerequest"),
            "status": status,
            "intent": "order",
            "code": concept(LOINC, loinc, name),
            "subject": chart.subject,
            "occurrenceDateTime": day.isoformat(),
            "authoredOn": chart.calendar.instant(day, GIVEN_MINUTE),
            "requester": clinician_reference(chart.person.clinician),
        },
    )
