"""Records a vaccination given here, checked against the whole record first; or that it was offered and not given.

Crosses charting (the record) and decision support (the checks).
"""

from __future__ import annotations

from cds.facts import Code, OrderedService, Proposal
from data_contracts.api.chart import CheckVaccine, Recorded, RecordImmunization
from data_contracts.api.decision_support import CheckedCards
from data_contracts.code_systems import CVX
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.recordable import find_recordable
from ehr_core.charting.service import record_immunization, subject_to_write
from ehr_core.decision_support.service import Asked, Checked, check_proposal, record_signed, require_answers
from ehr_core.workflows.patient_facts import build_facts


def check_vaccine(work: UnitOfWork, *, patient_id: str, asked: CheckVaccine) -> CheckedCards:
    """What speaks against this vaccine now; recorded as shown. Nothing is written to the chart."""
    subject_to_write(work, patient_id, None)
    checked = _checked(work, patient_id, asked.code)
    work.audit("check_vaccine", patient_id=patient_id, detail={"cards": len(checked.cards)})
    return checked.shown()


def record_vaccination(work: UnitOfWork, *, patient_id: str, given: RecordImmunization) -> Recorded:
    """Checked again now. Raises Conflict for a warning without a reason, InvalidResource naming the field.

    One that was not given is not checked: nothing can come of it.
    """
    subject_to_write(work, patient_id, given.encounter_id)
    if given.not_given_reason is None:
        checked = _checked(work, patient_id, given.code)
        answers = require_answers(checked, given.acknowledged)
        record_signed(work, checked, answers)
    return record_immunization(work, patient_id=patient_id, given=given)


def _checked(work: UnitOfWork, patient_id: str, cvx: str) -> Checked:
    item = find_recordable(cvx, system=CVX.uri, kind="immunization")
    facts = build_facts(work, patient_id)
    order = OrderedService(Code(CVX.uri, item.code, item.name), item.name, "immunization")
    name = f"vaccine:{patient_id}:{item.code}:{work.today()}"
    return check_proposal(
        work, Asked(patient_id, facts.whole, facts.visible, Proposal(order=order), name=name)
    )
