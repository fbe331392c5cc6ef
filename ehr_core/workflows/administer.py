"""Records a dose given in the clinic, checked against the whole record as a prescription is; or why it was not given.

Crosses medications (the administration record), decision support (the checks) and charting (the record).
"""

from __future__ import annotations

from cds.facts import Medication, Proposal
from data_contracts.api.administration import CheckDose, Dose, DoseChecked, GivenDose, GivenDoses, RecordDose
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person
from ehr_core.decision_support.service import Asked, Checked, check_proposal, record_signed, require_answers
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import decode, encode, reference_id
from ehr_core.medications.administrations import (
    GIVEN_IDENTIFIER,
    build_administration,
    check_dose,
    given_dose,
)
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.products import Lookup
from ehr_core.medications.queries import Kept, administration_of_request, administrations
from ehr_core.store.locks import identity_lock
from ehr_core.store.repository import Store
from ehr_core.store.tokens import identifier_token
from ehr_core.workflows.patient_facts import PatientFacts, build_facts
from ehr_core.workflows.patient_facts.taken import dose_as_medication
from ehr_core.workflows.prescribe import ALLERGIES_FIRST, require_allergies, require_in_use

MOST = 50
"""Doses on the page, newest first."""


def check_administration(work: UnitOfWork, *, patient_id: str, asked: CheckDose) -> DoseChecked:
    """What decision support says of a dose before it is given; recorded as shown."""
    work.actor.require("medication.administer")
    require_in_use(work, patient_id)
    facts, checked = _checked(work, patient_id, asked.dose, _lookup(work, asked.dose), asked.request_id)
    work.audit("check_dose", patient_id=patient_id, detail={"cards": len(checked.cards)})
    blocked = ALLERGIES_FIRST if facts.whole.allergy_list == "not_asked" else None
    return DoseChecked(cards=checked.shown(), blocked=blocked)


def record_administration(work: UnitOfWork, *, patient_id: str, record: RecordDose) -> GivenDose:
    """Records it once, however often it is sent. Raises Conflict for a warning without a reason."""
    work.actor.require("medication.administer")
    require_in_use(work, patient_id)
    identity_lock(
        work.connection,
        "MedicationAdministration",
        [("identifier", f"{GIVEN_IDENTIFIER}|{record.request_id}")],
    )
    already = administration_of_request(
        work.connection, patient_id, identifier_token(GIVEN_IDENTIFIER, record.request_id)
    )
    if already is not None:
        return given_dose(already)
    lookup = _lookup(work, record.dose)
    check_dose(record, lookup, now=work.now())
    _require_own_prescription(work, patient_id, record.dose)
    if record.not_given_because is None:
        facts, checked = _checked(work, patient_id, record.dose, lookup, record.request_id)
        require_allergies(facts.whole, record.allergy_override)
        answers = require_answers(checked, record.acknowledged)
        record_signed(work, checked, answers)
    built = build_administration(
        record, patient_id=patient_id, performer=person(work.actor), at=instant(record.at), lookup=lookup
    )
    written = Store(work).create("MedicationAdministration", encode(built))
    return given_dose(Kept("MedicationAdministration", written.id, written.version_id, built))


def read_administrations(work: UnitOfWork, *, patient_id: str) -> GivenDoses:
    """What was given in the clinic, and what was not, newest first."""
    work.actor.require("chart.read")
    items = [given_dose(kept) for kept in administrations(work.connection, patient_id, most=MOST)]
    work.audit("read_administrations", patient_id=patient_id, detail={"doses": len(items)})
    return GivenDoses(items=items)


def _checked(
    work: UnitOfWork, patient_id: str, dose: Dose, lookup: Lookup, name: str | None
) -> tuple[PatientFacts, Checked]:
    """Against everything but the prescription that it carries out: a dose of it is no second drug."""
    facts = build_facts(work, patient_id)
    medication: Medication = dose_as_medication(dose, work.today(), lookup)
    order = f"MedicationRequest/{dose.prescription_id}"
    replaces = frozenset({order}) if dose.prescription_id else frozenset()
    asked = Asked(
        patient_id, facts.whole, facts.visible, Proposal(medication=medication, replaces=replaces), name=name
    )
    return facts, check_proposal(work, asked)


def _lookup(work: UnitOfWork, dose: Dose) -> Lookup:
    return lookup_for(work.connection, [dose.rxcui] if dose.rxcui else [])


def _require_own_prescription(work: UnitOfWork, patient_id: str, dose: Dose) -> None:
    if dose.prescription_id is None:
        return
    order = decode(Store(work).read("MedicationRequest", dose.prescription_id).body)
    if reference_id(order.get("subject"), "Patient") != patient_id:
        raise NotFound("There is no such prescription in this record.")
