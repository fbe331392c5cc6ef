"""Writes a prescription: checks it against the whole record, asks for reasons where it must, signs it once only.

Crosses medications (the prescription), decision support (the checks) and charting (the record that both stand on).
"""

from __future__ import annotations

from sqlalchemy import text

from cds.facts import Facts, Proposal
from data_contracts.api.medications import (
    ChangePrescription,
    PrescriptionChecked,
    PrescriptionDraft,
    PrescriptionWritten,
    SignPrescription,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person
from ehr_core.decision_support.service import (
    Checked,
    check_proposal,
    record_signed,
    require_answers,
    settle_dropped,
)
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.medications.prescriptions import (
    REQUEST_IDENTIFIER,
    build_prescription,
    check_draft,
    state_of,
    stopped,
    why_not_here,
)
from ehr_core.medications.queries import dispensed_times, prescription_of_request
from ehr_core.medications.sig import arithmetic, with_quantity
from ehr_core.store.locks import identity_lock
from ehr_core.store.repository import Store
from ehr_core.workflows.patient_facts import build_facts, medication_of

ALLERGY_OVERRIDES = {
    "emergency": "Emergency: it cannot wait for the question",
    "cannot_answer": "The patient cannot answer and nobody else can",
    "asked_now": "Asked just now; it is being recorded",
}
ALLERGIES_FIRST = (
    "Nobody has recorded whether this patient has allergies. Ask and record them first, "
    "or choose why it cannot wait."
)
PATIENT_IN_USE = text("SELECT deceased, replaced_by FROM fhir.patient WHERE id = :id AND NOT deleted")


def check_prescription(work: UnitOfWork, *, patient_id: str, draft: PrescriptionDraft) -> PrescriptionChecked:
    """What decision support says of a draft; recorded as shown. Nothing is written to the chart."""
    work.actor.require("medication.prescribe")
    _require_in_use(work, patient_id)
    facts, checked = _checked(work, patient_id, draft)
    settle_dropped(work, patient_id=patient_id)
    work.audit("check_prescription", patient_id=patient_id, detail={"cards": len(checked.cards)})
    return PrescriptionChecked(
        arithmetic=arithmetic(draft), cards=checked.shown(), blocked=_blocked(draft, facts)
    )


def sign_prescription(work: UnitOfWork, *, patient_id: str, order: SignPrescription) -> PrescriptionWritten:
    """Signs a new prescription and ends those that it replaces, in one transaction; a repeated request changes nothing.

    The checks run again now: what has changed since the screen was drawn counts. Raises Conflict for a warning without
    a reason, for controlled substances, for an unasked allergy list; InvalidResource naming the field.
    """
    work.actor.require("medication.prescribe")
    _require_in_use(work, patient_id)
    identity_lock(
        work.connection, "MedicationRequest", [("identifier", f"{REQUEST_IDENTIFIER}|{order.request_id}")]
    )
    already = prescription_of_request(work.connection, patient_id, order.request_id)
    if already is not None:
        return already
    draft = with_quantity(order.draft)
    check_draft(draft)
    facts, checked = _checked(work, patient_id, draft)
    _require_allergies(facts, order.allergy_override)
    answers = require_answers(checked, order.acknowledged)
    now = instant(work.now())
    built = build_prescription(
        draft,
        patient_id=patient_id,
        requester=person(work.actor),
        authored_on=now,
        request_id=order.request_id,
        sent=order.send and bool(draft.pharmacy),
        prior=draft.replaces[0] if draft.replaces else None,
    )
    written = Store(work).create("MedicationRequest", encode(built))
    for replaced in draft.replaces:
        _end_replaced(work, patient_id, replaced)
    record_signed(work, checked, answers)
    return PrescriptionWritten(
        prescription_id=written.id, version_id=written.version_id, state=state_of(built, dispensed=False)
    )


def stop_prescription(
    work: UnitOfWork, *, prescription_id: str, act: ChangePrescription
) -> PrescriptionWritten:
    """Stops a prescription for a coded reason; one that was never given out is cancelled.

    Bound to the version that was on the screen.
    """
    work.actor.require("medication.prescribe")
    store = Store(work)
    found = store.read("MedicationRequest", prescription_id)
    if found.version_id != act.version_id:
        raise StaleVersion("Somebody else changed this prescription a moment ago, so nothing was saved.")
    request = decode(found.body)
    if request.get("status") not in ("active", "on-hold", "draft"):
        raise Conflict("This prescription has ended already.")
    times = dispensed_times(work.connection, prescription_id)
    changed = stopped(
        request, reason=act.reason, words=act.words, never_taken=not times and request["status"] == "draft"
    )
    written = store.update("MedicationRequest", prescription_id, encode(changed), if_match=found.version_id)
    return PrescriptionWritten(
        prescription_id=prescription_id,
        version_id=written.version_id,
        state=state_of(changed, dispensed=False),
    )


def _checked(work: UnitOfWork, patient_id: str, draft: PrescriptionDraft) -> tuple[Facts, Checked]:
    facts = build_facts(work, patient_id)
    proposal = Proposal(
        medication=medication_of(draft, work.today()),
        duration_days=draft.days_supply or draft.sig.duration_days,
        reasons=medication_of(draft, work.today()).indications,
        replaces=frozenset(f"MedicationRequest/{replaced}" for replaced in draft.replaces),
    )
    return facts, check_proposal(work, patient_id=patient_id, facts=facts, proposal=proposal)


def _blocked(draft: PrescriptionDraft, facts: Facts) -> str | None:
    if refused := why_not_here(draft.rxcui):
        return refused
    return ALLERGIES_FIRST if facts.allergy_list == "not_asked" else None


def _require_allergies(facts: Facts, override: str | None) -> None:
    if facts.allergy_list != "not_asked":
        return
    if override is None:
        raise Conflict(ALLERGIES_FIRST)
    if override not in ALLERGY_OVERRIDES:
        raise InvalidResource([Issue("allergy_override", "is not a reason on the list.", "code-invalid")])


def _require_in_use(work: UnitOfWork, patient_id: str) -> None:
    row = work.connection.execute(PATIENT_IN_USE, {"id": patient_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such patient. Search again and open the record from the list.")
    if row.replaced_by:
        raise Conflict(
            "This record was merged into another one. Open the surviving record and prescribe there."
        )
    if row.deceased:
        raise Conflict(
            "This patient has died: nothing can be prescribed. If that is wrong, correct the record first."
        )


def _end_replaced(work: UnitOfWork, patient_id: str, prescription_id: str) -> None:
    store = Store(work)
    found = store.read("MedicationRequest", prescription_id)
    request = decode(found.body)
    if (request.get("subject") or {}).get("reference") != f"Patient/{patient_id}":
        raise Conflict("The prescription that this one should replace belongs to another record.")
    if request.get("status") in ("active", "on-hold"):
        ended = {**request, "status": "completed", "statusReason": {"text": "Replaced by a new prescription"}}
        store.update("MedicationRequest", prescription_id, encode(ended), if_match=found.version_id)
