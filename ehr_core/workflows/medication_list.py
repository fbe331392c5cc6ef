"""A patient's medications with what waits about them: what is taken, what is to be signed, which refills are asked for.

Crosses registration (who this is), medications (the list) and decision support (what speaks against what waits).
"""

from __future__ import annotations

from sqlalchemy import text

from data_contracts.api.medications import MedicationList, PreparedPrescription
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.decision_support.service import check_proposals
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.listing import Listed, medication_entries
from ehr_core.medications.prescriptions import why_not_here
from ehr_core.medications.products import Lookup
from ehr_core.medications.queries import codes_on_list, medication_records
from ehr_core.medications.service import coverage
from ehr_core.registration.presenters import present_banner
from ehr_core.registration.service import person_by_id
from ehr_core.workflows.patient_facts import build_facts, medication_of_order
from ehr_core.workflows.prescribe import ALLERGIES_FIRST, asked_of_order, why_no_single_click
from ehr_core.workflows.refill import LOOKED_THROUGH, refills_of

MERGED_FLAG = "https://almoner.dev/fhir/CodeSystem/record-flag|reconcile-medications"
ASKED_FOR = text("""
SELECT CAST(body AS jsonb) -> 'code' ->> 'text' FROM fhir.flag
 WHERE patient_id = :id AND NOT deleted AND status = 'active' AND code_tokens @> ARRAY[:code] LIMIT 1
""")


def read_medication_list(work: UnitOfWork, *, patient_id: str) -> MedicationList:
    """Current and past medications, drafts and waiting refills. Raises Forbidden or NotFound."""
    work.actor.require("chart.read")
    banner = present_banner(person_by_id(work, patient_id), work.today())
    records = medication_records(work.connection, patient_id)
    lookup = lookup_for(work.connection, codes_on_list(records))
    listed = medication_entries(records, work.today(), lookup)
    shown = MedicationList(
        banner=banner,
        current=listed.current,
        past=listed.past,
        prepared=_prepared(work, patient_id, listed, lookup),
        refill_requests=refills_of(work, patient_id),
        must_be_reconciled=must_be_reconciled(work, patient_id),
        coverage=coverage(work),
        as_of=work.now(),
    )
    work.audit(
        "medication_list",
        resource_type="MedicationRequest",
        patient_id=patient_id,
        detail={"current": len(shown.current), "past": len(shown.past), "drafts": len(shown.prepared)},
    )
    return shown


def must_be_reconciled(work: UnitOfWork, patient_id: str) -> str | None:
    """The words of a flag that asks for it; None where none does."""
    found = work.connection.execute(ASKED_FOR, {"id": patient_id, "code": MERGED_FLAG}).first()
    return None if found is None else found[0] or "Medications must be reconciled"


def _prepared(
    work: UnitOfWork, patient_id: str, listed: Listed, lookup: Lookup
) -> list[PreparedPrescription]:
    """Each draft with its checks beside the other drafts."""
    if not listed.drafts:
        return []
    facts = build_facts(work, patient_id)
    drafts = [(kept.resource, medication_of_order(kept.resource, lookup=lookup)) for kept, _ in listed.drafts]
    asked = [
        asked_of_order(
            patient_id, facts, order, lookup, [other for made, other in drafts if made is not order]
        )
        for order, _ in drafts
    ]
    checks = check_proposals(work, asked, moment=LOOKED_THROUGH)
    blocked = ALLERGIES_FIRST if facts.whole.allergy_list == "not_asked" else None
    found = []
    for (_, entry), checked in zip(listed.drafts, checks, strict=True):
        why_not = why_no_single_click(checked, why_not_here(entry.rxcui, lookup) or blocked)
        found.append(
            PreparedPrescription(
                entry=entry,
                prepared_by=entry.written_by or "not recorded",
                cards=checked.shown(),
                one_click=why_not is None,
                why_not=why_not,
                blocked=blocked,
            )
        )
    return found
