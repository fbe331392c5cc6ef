"""A prescription as a FHIR MedicationRequest, and back: states, refills, what may be done next. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from data_contracts.api.medications import PrescriptionDraft, PrescriptionState
from data_contracts.code_systems import ICD_10_CM
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue
from ehr_core.kernel.fhir_json import extension, without_empty
from ehr_core.medications.products import RXNORM, SHIPPED, Lookup, Product
from ehr_core.medications.sig import arithmetic, check_sig, dosage

Resource = dict[str, Any]

STOP_REASON = "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason"
REQUEST_IDENTIFIER = "https://almoner.dev/fhir/NamingSystem/prescribing-request"
SENT = "https://almoner.dev/fhir/StructureDefinition/prescription-sent"
"""Extension on MedicationRequest: when it went to the pharmacy. The status of the order itself stays `active`."""
STATUS_CHANGED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged"
"""FHIR R5's statusChanged, as an extension in R4: when the order ended, was held or went on."""
COUNTED_STATES = {
    "on-hold": "on_hold",
    "stopped": "stopped",
    "cancelled": "cancelled",
    "completed": "completed",
}
STOP_REASONS = {
    "altchoice": "Another treatment was chosen",
    "clarif": "The prescription needed clarifying",
    "drughigh": "Drug level too high",
    "hospadm": "Admitted to hospital",
    "labint": "Would disturb a laboratory test",
    "non-avail": "Not available",
    "preg": "Pregnant or may become so",
    "salg": "Allergy",
    "sddi": "Interaction with another drug",
    "sdupther": "Two treatments of the same kind",
    "sintol": "Not tolerated",
    "surg": "Surgery is planned",
    "washout": "To wash it out before another drug",
}
CONTROLLED = (
    "Schedule {schedule}: electronic prescribing of controlled substances needs a certified system, and this one is "
    "not certified. Write it on paper or in a certified system, and record it here as reported."
)


def why_not_here(rxcui: str | None, lookup: Lookup = SHIPPED) -> str | None:
    """Why this product cannot be prescribed here, as a sentence; None where it can."""
    found = lookup.product(rxcui)
    return refused(found) if found else None


def refused(found: Product) -> str | None:
    return CONTROLLED.format(schedule=found.schedule) if found.schedule else None


def check_draft(draft: PrescriptionDraft, lookup: Lookup = SHIPPED) -> None:
    """Raises InvalidResource naming each field, or Conflict for what cannot be prescribed here."""
    if refused := why_not_here(draft.rxcui, lookup):
        raise Conflict(refused)
    check_sig(draft.sig)
    issues = []
    if draft.rxcui and lookup.product(draft.rxcui) is None:
        issues.append(
            Issue(
                "rxcui",
                "is not a product on the list. Choose from the search, or write it as words.",
                "code-invalid",
            )
        )
    if draft.quantity is None:
        issues.append(Issue("quantity", "Say how much the pharmacy gives out.", "required"))
    if not (draft.quantity_unit or draft.sig.dose_unit):
        issues.append(
            Issue("quantity_unit", "Say of what the quantity is: tablets, mL, inhalers.", "required")
        )
    if draft.indication_code and not draft.indication:
        issues.append(Issue("indication", "Say what the code stands for.", "required"))
    if disagreement := arithmetic(draft).disagreement:
        issues.append(Issue("quantity", disagreement, "invariant"))
    if issues:
        raise InvalidResource(issues)


def build_prescription(
    draft: PrescriptionDraft,
    *,
    patient_id: str,
    writer: Resource,
    authored_on: str,
    request_id: str,
    signed: bool = True,
    sent: bool = False,
    lookup: Lookup = SHIPPED,
) -> Resource:
    """The order: signed by its writer, or a draft that the writer has prepared. It renews what it replaces."""
    unit = draft.quantity_unit or draft.sig.dose_unit
    days = draft.days_supply or arithmetic(draft).days_supply
    built = {
        "resourceType": "MedicationRequest",
        "extension": [{"url": SENT, "valueDateTime": authored_on}] if sent else [],
        "identifier": [{"system": REQUEST_IDENTIFIER, "value": request_id}],
        "status": "active" if signed else "draft",
        "intent": "order",
        "category": [{"text": "Outpatient"}],
        "medicationCodeableConcept": _medication(draft, lookup),
        "subject": {"reference": f"Patient/{patient_id}"},
        "encounter": {"reference": f"Encounter/{draft.encounter_id}"} if draft.encounter_id else None,
        "authoredOn": authored_on,
        "requester" if signed else "recorder": writer,
        "reasonCode": [_indication(draft)] if draft.indication else [],
        "note": [{"text": f"To the pharmacist: {draft.note_to_pharmacist}"}]
        if draft.note_to_pharmacist
        else [],
        "dosageInstruction": [dosage(draft.sig)],
        "dispenseRequest": {
            "numberOfRepeatsAllowed": draft.refills,
            "quantity": {"value": draft.quantity, "unit": unit},
            "expectedSupplyDuration": _days(days) if days else None,
            "performer": {"display": draft.pharmacy} if draft.pharmacy else None,
        },
        "substitution": {"allowedBoolean": draft.substitution_allowed},
        "priorPrescription": {"reference": f"MedicationRequest/{draft.replaces[0].prescription_id}"}
        if draft.replaces
        else None,
    }
    return without_empty(built)


def _medication(draft: PrescriptionDraft, lookup: Lookup) -> Resource:
    if not draft.rxcui:
        return {"text": draft.name}
    found = lookup.product(draft.rxcui)
    name = found.name if found else draft.name
    return {"coding": [{"system": RXNORM, "code": draft.rxcui, "display": name}], "text": name}


def _indication(draft: PrescriptionDraft) -> Resource:
    if not draft.indication_code:
        return {"text": draft.indication}
    coding = {"system": ICD_10_CM.uri, "code": draft.indication_code, "display": draft.indication}
    return {"coding": [coding], "text": draft.indication}


def _days(days: int) -> Resource:
    return {"value": days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}


def state_of(request: Resource, *, dispensed: bool) -> PrescriptionState:
    """Where a prescription stands. `dispensed`: the pharmacy has given it out at least once."""
    status = request.get("status", "")
    if status in COUNTED_STATES:
        return COUNTED_STATES[status]
    if status == "draft":
        return "draft"
    if dispensed:
        return "dispensed"
    return "sent" if extension(request, SENT) else "signed"


def signed(draft: Resource, *, requester: Resource, at: str) -> Resource:
    """A prepared order, signed; it goes to the pharmacy where one is named."""
    pharmacy = ((draft.get("dispenseRequest") or {}).get("performer") or {}).get("display")
    found = {**draft, "status": "active", "requester": requester, "authoredOn": at}
    return sent(found, pharmacy=pharmacy, at=at) if pharmacy else found


def sent(request: Resource, *, pharmacy: str, at: str) -> Resource:
    """The same order, on its way to that pharmacy."""
    others = [one for one in request.get("extension") or () if one.get("url") != SENT]
    supply = {**(request.get("dispenseRequest") or {}), "performer": {"display": pharmacy}}
    return {**request, "extension": [*others, {"url": SENT, "valueDateTime": at}], "dispenseRequest": supply}


def stopped(request: Resource, *, reason: str | None, words: str | None, at: str) -> Resource:
    """The request, stopped; a draft is cancelled. Raises InvalidResource without a reason."""
    ended = "cancelled" if request.get("status") == "draft" else "stopped"
    return changed(request, status=ended, reason=_reason(reason, words), at=at)


def held(request: Resource, *, reason: str | None, words: str | None, at: str) -> Resource:
    """The request, not taken for now. Raises InvalidResource without a reason."""
    return changed(request, status="on-hold", reason=_reason(reason, words), at=at)


def resumed(request: Resource, *, at: str) -> Resource:
    return changed(request, status="active", reason=None, at=at)


def changed(request: Resource, *, status: str, reason: Resource | None, at: str) -> Resource:
    """The request in another status, with the moment of the change and why."""
    others = [one for one in request.get("extension") or () if one.get("url") != STATUS_CHANGED]
    found = {
        **request,
        "extension": [*others, {"url": STATUS_CHANGED, "valueDateTime": at}],
        "status": status,
        "statusReason": reason,
    }
    return without_empty(found)


def _reason(code: str | None, words: str | None) -> Resource:
    if code not in STOP_REASONS:
        raise InvalidResource([Issue("reason", "Choose why.", "required")])
    coding = {"system": STOP_REASON, "code": code, "display": STOP_REASONS[code]}
    said = f"{STOP_REASONS[code]}: {words}" if words else STOP_REASONS[code]
    return {"coding": [coding], "text": said}


def refills_left(request: Resource, dispensed_times: int) -> int | None:
    """Refills that the pharmacy may still give out; None where the prescription does not say how many."""
    allowed = (request.get("dispenseRequest") or {}).get("numberOfRepeatsAllowed")
    return None if allowed is None else max(0, int(allowed) - max(0, dispensed_times - 1))


def days_supply(request: Resource) -> Decimal | None:
    found = (request.get("dispenseRequest") or {}).get("expectedSupplyDuration") or {}
    return found.get("value") if found.get("code") in ("d", None) else None


def is_in_force(request: Resource, today: date) -> bool:
    """May be taken now: active or on hold, and its validity has not ended."""
    end = ((request.get("dispenseRequest") or {}).get("validityPeriod") or {}).get("end")
    return request.get("status") in ("active", "on-hold") and not (end and end[:10] < today.isoformat())
