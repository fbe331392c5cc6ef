"""Writes a prescription: checks it against the whole record, asks for reasons where it must, signs it once only.

Crosses medications (the prescription), decision support (the checks) and charting (the record that both stand on).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from cds.cards import Outcome
from cds.facts import Facts, Medication, Proposal
from data_contracts.api.medications import (
    PreparePrescription,
    PrescriptionChecked,
    PrescriptionDraft,
    PrescriptionWritten,
    SignPrepared,
    SignPrescription,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person
from ehr_core.decision_support.service import (
    Asked,
    Checked,
    check_proposal,
    record_signed,
    require_answers,
    settle_dropped,
)
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, Issue, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode, reference_id
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.listing import rxcui_of
from ehr_core.medications.prescriptions import (
    REQUEST_IDENTIFIER,
    Resource,
    build_prescription,
    changed,
    check_draft,
    signed,
    state_of,
    why_not_here,
)
from ehr_core.medications.products import Lookup
from ehr_core.medications.queries import prescription_of_request
from ehr_core.medications.sig import arithmetic, with_quantity
from ehr_core.store.locks import identity_lock
from ehr_core.store.repository import Store
from ehr_core.workflows.patient_facts import PatientFacts, build_facts, medication_of, medication_of_order

ALLERGY_OVERRIDES = {
    "emergency": "Emergency: it cannot wait for the question",
    "cannot_answer": "The patient cannot answer and nobody else can",
    "asked_now": "Asked just now; it is being recorded",
}
ALLERGIES_FIRST = (
    "Nobody has recorded whether this patient has allergies. Ask and record them first, "
    "or choose why it cannot wait."
)
REPLACED = {"text": "Replaced by a new prescription"}
CHANGED_MEANWHILE = "Somebody else changed this prescription a moment ago, so nothing was saved."
PATIENT_IN_USE = text("SELECT deceased, replaced_by FROM fhir.patient WHERE id = :id AND NOT deleted")
PRIOR = re.compile(r"MedicationRequest/([^/]+)/_history/(\d+)")
MONITORING_RULES = "lab_check."


@dataclass(frozen=True)
class Read:
    """A draft with what it was checked against."""

    facts: PatientFacts
    lookup: Lookup
    checked: Checked


def check_prescription(
    work: UnitOfWork, *, patient_id: str, draft: PrescriptionDraft, request_id: str | None = None
) -> PrescriptionChecked:
    """What decision support says of a draft; recorded as shown. Nothing is written to the chart."""
    require_writing(work)
    require_in_use(work, patient_id)
    read = _checked(work, patient_id, draft, request_id)
    settle_dropped(work, patient_id=patient_id)
    work.audit("check_prescription", patient_id=patient_id, detail={"cards": len(read.checked.cards)})
    return PrescriptionChecked(
        arithmetic=arithmetic(draft), cards=read.checked.shown(), blocked=_blocked(draft, read)
    )


def sign_prescription(work: UnitOfWork, *, patient_id: str, order: SignPrescription) -> PrescriptionWritten:
    """Signs a new prescription and ends those that it replaces, in one transaction; a repeated request changes nothing.

    The checks run again now: what has changed since the screen was drawn counts. Raises Conflict for a warning without
    a reason, for controlled substances, for an unasked allergy list; InvalidResource naming the field; StaleVersion
    where somebody has changed what it replaces.
    """
    work.actor.require("medication.prescribe")
    require_in_use(work, patient_id)
    if already := _written_before(work, patient_id, order.request_id):
        return already
    draft = with_quantity(order.draft)
    read = _checked(work, patient_id, draft, order.request_id)
    check_draft(draft, read.lookup)
    require_allergies(read.facts.whole, order.allergy_override)
    answers = require_answers(read.checked, order.acknowledged)
    now = instant(work.now())
    built = build_prescription(
        draft,
        patient_id=patient_id,
        writer=person(work.actor),
        authored_on=now,
        request_id=order.request_id,
        sent=order.send and bool(draft.pharmacy),
        lookup=read.lookup,
    )
    written = Store(work).create("MedicationRequest", encode(built))
    for replaced in draft.replaces:
        end_replaced(work, patient_id, replaced.prescription_id, version_id=replaced.version_id)
    record_signed(work, read.checked, answers)
    return written_of(written.id, written.version_id, built)


def prepare_prescription(
    work: UnitOfWork, *, patient_id: str, order: PreparePrescription
) -> PrescriptionWritten:
    """Puts a draft before the prescribers; it is not on the list before somebody signs it."""
    require_writing(work)
    require_in_use(work, patient_id)
    if already := _written_before(work, patient_id, order.request_id):
        return already
    draft = with_quantity(order.draft)
    lookup = lookup_for(work.connection, [draft.rxcui] if draft.rxcui else [])
    check_draft(draft, lookup)
    if draft.replaces:
        raise InvalidResource(
            [
                Issue(
                    "replaces",
                    "A prepared prescription replaces none. Ask the prescriber to change it.",
                    "invariant",
                )
            ]
        )
    built = build_prescription(
        draft,
        patient_id=patient_id,
        writer=person(work.actor),
        authored_on=instant(work.now()),
        request_id=order.request_id,
        signed=False,
        lookup=lookup,
    )
    written = Store(work).create("MedicationRequest", encode(built))
    return written_of(written.id, written.version_id, built)


def sign_prepared(work: UnitOfWork, *, prescription_id: str, act: SignPrepared) -> PrescriptionWritten:
    """Signs what somebody prepared, bound to the version on the screen; the checks run again now."""
    work.actor.require("medication.prescribe")
    store = Store(work)
    found = store.read("MedicationRequest", prescription_id)
    if found.version_id != act.version_id:
        raise StaleVersion(CHANGED_MEANWHILE)
    draft = decode(found.body)
    if draft.get("status") != "draft":
        raise Conflict("This prescription has been signed or discarded already.")
    patient_id = reference_id(draft.get("subject"), "Patient") or ""
    require_in_use(work, patient_id)
    facts = build_facts(work, patient_id)
    rxcui = rxcui_of(draft.get("medicationCodeableConcept"))
    lookup = lookup_for(work.connection, [rxcui] if rxcui else [])
    if refused := why_not_here(rxcui, lookup):
        raise Conflict(refused)
    checked = check_proposal(work, asked_of_order(patient_id, facts, draft, lookup))
    require_allergies(facts.whole, act.allergy_override)
    answers = require_answers(checked, act.acknowledged)
    done = signed(draft, requester=person(work.actor), at=instant(work.now()))
    written = store.update("MedicationRequest", prescription_id, encode(done), if_match=found.version_id)
    if prior := _prior(draft):
        end_replaced(work, patient_id, prior[0], version_id=prior[1])
    record_signed(work, checked, answers)
    return written_of(prescription_id, written.version_id, done)


def _prior(draft: Resource) -> tuple[str, int] | None:
    """The prescription, and its version, that a prepared change replaces."""
    written = (draft.get("priorPrescription") or {}).get("reference") or ""
    found = PRIOR.fullmatch(written)
    return (found[1], int(found[2])) if found else None


def asked_of_order(
    patient_id: str,
    facts: PatientFacts,
    order: Resource,
    lookup: Lookup,
    alongside: Sequence[Medication] = (),
) -> Asked:
    """A prepared order as a proposal, beside the other drafts of the same patient."""
    medication = medication_of_order(order, lookup=lookup)
    proposal = Proposal(
        medication=medication,
        duration_days=_days(order),
        reasons=medication.indications,
        replaces=frozenset({f"MedicationRequest/{prior[0]}"}) if (prior := _prior(order)) else frozenset(),
        alongside=tuple(alongside),
    )
    return Asked(patient_id, facts.whole, facts.visible, proposal, name=f"prescription:{order['id']}")


def _days(order: Resource) -> float | None:
    supply = (order.get("dispenseRequest") or {}).get("expectedSupplyDuration") or {}
    return None if supply.get("value") is None or supply.get("code") != "d" else float(supply["value"])


def why_no_single_click(checked: Checked, refused: str | None) -> str | None:
    """Why this must be opened before it is signed, as a sentence; None where one click may do it."""
    if refused:
        return refused
    if checked.interrupting:
        return f"A safety warning must be answered first: {checked.interrupting[0].title}."
    unchecked = [card for card in checked.cards if card.outcome is Outcome.COULD_NOT_CHECK]
    if unchecked:
        return f"A check could not be done: {unchecked[0].title} ({'; '.join(unchecked[0].missing)})."
    if any(card.rule.id.startswith(MONITORING_RULES) for card in checked.cards):
        return "Monitoring is overdue or its last value speaks against it. Look at it first."
    return None


def require_writing(work: UnitOfWork) -> None:
    """Who prescribes, and who prepares it for them."""
    if not (work.actor.may("medication.prescribe") or work.actor.may("medication.reconcile")):
        raise Forbidden(
            "This needs the permission to prescribe or to prepare, which your role does not give."
        )


def require_allergies(facts: Facts, override: str | None) -> None:
    if facts.allergy_list != "not_asked":
        return
    if override is None:
        raise Conflict(ALLERGIES_FIRST)
    if override not in ALLERGY_OVERRIDES:
        raise InvalidResource([Issue("allergy_override", "is not a reason on the list.", "code-invalid")])


def require_in_use(work: UnitOfWork, patient_id: str) -> None:
    """Raises NotFound, or Conflict for a merged record or for somebody who has died."""
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


def end_replaced(work: UnitOfWork, patient_id: str, prescription_id: str, *, version_id: int) -> None:
    """Ends the prescription that a new one replaces, bound to the version that was on the screen."""
    store = Store(work)
    found = store.read("MedicationRequest", prescription_id)
    request = decode(found.body)
    if reference_id(request.get("subject"), "Patient") != patient_id:
        raise Conflict("The prescription that this one should replace belongs to another record.")
    if found.version_id != version_id:
        raise StaleVersion(CHANGED_MEANWHILE)
    if request.get("status") in ("active", "on-hold"):
        ended = changed(request, status="completed", reason=REPLACED, at=instant(work.now()))
        store.update("MedicationRequest", prescription_id, encode(ended), if_match=found.version_id)


def written_of(prescription_id: str, version_id: int, request: Resource) -> PrescriptionWritten:
    return PrescriptionWritten(
        prescription_id=prescription_id, version_id=version_id, state=state_of(request, dispensed=False)
    )


def _written_before(work: UnitOfWork, patient_id: str, request_id: str) -> PrescriptionWritten | None:
    """What an earlier sending of the same request wrote; a second sender waits here for the first."""
    identity_lock(
        work.connection, "MedicationRequest", [("identifier", f"{REQUEST_IDENTIFIER}|{request_id}")]
    )
    return prescription_of_request(work.connection, patient_id, request_id)


def _checked(work: UnitOfWork, patient_id: str, draft: PrescriptionDraft, request_id: str | None) -> Read:
    facts = build_facts(work, patient_id)
    lookup = lookup_for(work.connection, [draft.rxcui] if draft.rxcui else [])
    medication = medication_of(draft, work.today(), lookup)
    proposal = Proposal(
        medication=medication,
        duration_days=draft.days_supply or draft.sig.duration_days,
        reasons=medication.indications,
        replaces=frozenset(f"MedicationRequest/{one.prescription_id}" for one in draft.replaces),
    )
    asked = Asked(patient_id, facts.whole, facts.visible, proposal, name=request_id)
    return Read(facts, lookup, check_proposal(work, asked))


def _blocked(draft: PrescriptionDraft, read: Read) -> str | None:
    if refused := why_not_here(draft.rxcui, read.lookup):
        return refused
    return ALLERGIES_FIRST if read.facts.whole.allergy_list == "not_asked" else None
