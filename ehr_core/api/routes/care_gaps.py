"""Care gaps of a patient, and the acts on one gap."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.care_gaps import (
    CareGap,
    DeclineGap,
    ExcludeGap,
    GapAct,
    GapList,
    OrderedGap,
    OrderGap,
    SnoozeGap,
)
from ehr_core.api.dependencies import Work
from ehr_core.care_gaps import reading, service
from ehr_core.workflows.close_gap import order_for_gap

router = APIRouter(prefix="/api", tags=["care gaps"])


@router.get("/patients/{patient_id}/care-gaps")
def of_patient(patient_id: str, work: Work) -> GapList:
    return reading.gaps_of_patient(work, patient_id)


@router.get("/care-gaps/{gap_id}")
def get(gap_id: str, work: Work) -> CareGap:
    return reading.gap_by_id(work, gap_id)


@router.post("/care-gaps/{gap_id}/exclude")
def exclude(gap_id: str, act: ExcludeGap, work: Work) -> CareGap:
    return service.exclude(work, gap_id, act)


@router.post("/care-gaps/{gap_id}/decline")
def decline(gap_id: str, act: DeclineGap, work: Work) -> CareGap:
    return service.decline(work, gap_id, act)


@router.post("/care-gaps/{gap_id}/snooze")
def snooze(gap_id: str, act: SnoozeGap, work: Work) -> CareGap:
    return service.snooze(work, gap_id, act)


@router.post("/care-gaps/{gap_id}/undo")
def undo(gap_id: str, act: GapAct, work: Work) -> CareGap:
    return service.undo(work, gap_id, act)


@router.post("/care-gaps/{gap_id}/order")
def order(gap_id: str, act: OrderGap, work: Work) -> OrderedGap:
    return order_for_gap(work, gap_id, act)
