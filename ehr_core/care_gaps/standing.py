"""Where a person stands with this clinic, read again at the moment of acting.

Death, merge, an inactive record, opt-out, transfer, hospice: whatever the last run said and the screen still shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from data_contracts.code_systems import PANEL_STATUS
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.hospice import in_hospice
from ehr_core.kernel.errors import Conflict, NotFound

OPTED_OUT, TRANSFERRED_OUT = "outreach-opt-out", "transferred-out"

IN_FORCE = (
    "NOT deleted AND status = 'active' AND (date_low IS NULL OR date_low <= :now) "
    "AND (date_high IS NULL OR date_high >= :now)"
)
"""An SQL condition on a flag."""

SENTENCES = {
    "deceased": "The patient is recorded as deceased: nobody is contacted and no gap is acted on.",
    "merged": "This record was merged into another one. Open the surviving record and act there.",
    "inactive": "The record is inactive: nobody is contacted and no gap is acted on.",
    OPTED_OUT: "The patient has opted out of outreach. Do not contact them about care gaps.",
    TRANSFERRED_OUT: "The patient's care was transferred out. Do not contact them about care gaps.",
    "hospice": "The patient is under hospice care: comfort is its goal. Do not contact them about care gaps.",
}


def check_on_panel(work: UnitOfWork, patient_id: str) -> None:
    """Raises Conflict with the sentence why nobody acts for this person now; NotFound when there is no such one."""
    row = work.connection.execute(
        text("SELECT deleted, deceased, replaced_by, active FROM fhir.patient WHERE id = :id"),
        {"id": patient_id},
    ).one_or_none()
    if row is None or row.deleted:
        raise NotFound("There is no such patient.")
    if row.deceased:
        raise Conflict(SENTENCES["deceased"])
    if row.replaced_by is not None:
        raise Conflict(SENTENCES["merged"])
    if row.active is False:
        raise Conflict(SENTENCES["inactive"])
    for code in (OPTED_OUT, TRANSFERRED_OUT):
        if code in _flags(work, patient_id):
            raise Conflict(SENTENCES[code])
    if in_hospice(work, patient_id):
        raise Conflict(SENTENCES["hospice"])


def left_the_panel(work: UnitOfWork, patient_ids: Sequence[str]) -> list[str]:
    """Those of these people of whom no run would say anything: died, merged away, inactive, opted out, moved."""
    found = work.connection.execute(
        text(
            "SELECT id FROM fhir.patient WHERE id = ANY(:ids) "
            "AND (deleted OR deceased OR replaced_by IS NOT NULL OR active IS FALSE) "
            f"UNION SELECT patient_id FROM fhir.flag WHERE patient_id = ANY(:ids) AND {IN_FORCE} "
            "AND code_tokens && CAST(:left AS text[]) ORDER BY 1"
        ),
        {
            "ids": list(patient_ids),
            "now": work.now(),
            "left": [f"{PANEL_STATUS.uri}|{code}" for code in (OPTED_OUT, TRANSFERRED_OUT)],
        },
    )
    return list(found.scalars())


def _flags(work: UnitOfWork, patient_id: str) -> set[str]:
    """Codes of panel-status flags that are active now."""
    found = work.connection.execute(
        text(
            f"SELECT code_tokens FROM fhir.flag WHERE patient_id = :id AND {IN_FORCE} "
            "AND code_tokens IS NOT NULL"
        ),
        {"id": patient_id, "now": work.now()},
    ).scalars()
    prefix = f"{PANEL_STATUS.uri}|"
    return {token.removeprefix(prefix) for tokens in found for token in tokens if token.startswith(prefix)}
