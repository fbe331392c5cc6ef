"""The accounting of disclosures, for whoever answers for it, and for the patient."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from data_contracts.api.disclosures import Accounting, Disclosed, DisclosureMade, NewDisclosure
from ehr_core.access import disclosures
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.api.known_patients import require_known

router = APIRouter(prefix="/api", tags=["disclosures"])


@router.get("/disclosures")
def accounting(
    parts: ProcessParts, work: Work, patient_id: Annotated[str, Query(max_length=64)]
) -> Accounting:
    """Of one patient. Needs audit.read."""
    require_known(parts, work, "audit.read", patient_id)
    return _told(disclosures.accounting(work, patient_id))


@router.post("/disclosures", status_code=201)
def record(asked: NewDisclosure, parts: ProcessParts, work: Work) -> DisclosureMade:
    """What left the house by another way than this system. Needs disclosure.manage."""
    require_known(parts, work, "disclosure.manage", asked.patient_id)
    return DisclosureMade(
        disclosure_id=disclosures.record_disclosure(work, disclosures.NewDisclosure(**asked.model_dump()))
    )


@router.get("/portal/disclosures")
def own_accounting(parts: ProcessParts, work: Work) -> Accounting:
    """Of the record that I look at. Needs own.read."""
    work.actor.require("own.read")
    work.audit("own_accounting_read", patient_id=work.actor.patient_id)
    zone = parts.settings.site_time_zone
    with begin(parts.database, disclosures.ACCOUNTANT, parts.clock, zone) as looking:
        return _told(disclosures.accounting(looking, work.actor.patient_id or ""))


def _told(found: list[disclosures.Disclosed]) -> Accounting:
    return Accounting(disclosures=[Disclosed(**vars(one)) for one in found])
