"""History, procedures, documents, goals and care plans. Each route calls one act."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.chart import Recorded
from data_contracts.api.history import (
    ChangeCarePlan,
    ChangeGoal,
    HistoryView,
    HistoryWords,
    PlansView,
    RecordCarePlan,
    RecordDocument,
    RecordFamilyHistory,
    RecordGoal,
    RecordObstetric,
    RecordProcedure,
    RecordSocial,
    RecordSurgery,
)
from ehr_core.api.dependencies import Work
from ehr_core.charting import history, plans
from ehr_core.charting.history_words import offered

router = APIRouter(prefix="/api", tags=["history"])


@router.get("/history-words")
def history_words(work: Work) -> HistoryWords:
    """What may be chosen. No patient data."""
    work.actor.require("chart.read")
    return offered()


@router.get("/patients/{patient_id}/history")
def read(patient_id: str, work: Work) -> HistoryView:
    return history.read_history(work, patient_id=patient_id)


@router.post("/patients/{patient_id}/family-history")
def family(patient_id: str, told: RecordFamilyHistory, work: Work) -> Recorded:
    return history.record_family(work, patient_id=patient_id, told=told)


@router.post("/patients/{patient_id}/surgical-history")
def surgery(patient_id: str, told: RecordSurgery, work: Work) -> Recorded:
    return history.record_surgery(work, patient_id=patient_id, told=told)


@router.post("/patients/{patient_id}/obstetric-history")
def obstetric(patient_id: str, told: RecordObstetric, work: Work) -> Recorded:
    return history.record_obstetric(work, patient_id=patient_id, told=told)


@router.post("/patients/{patient_id}/social-history")
def social(patient_id: str, told: RecordSocial, work: Work) -> Recorded:
    return history.record_social(work, patient_id=patient_id, told=told)


@router.post("/patients/{patient_id}/procedures")
def procedure(patient_id: str, done: RecordProcedure, work: Work) -> Recorded:
    return history.record_procedure(work, patient_id=patient_id, done=done)


@router.post("/patients/{patient_id}/documents")
def document(patient_id: str, filed: RecordDocument, work: Work) -> Recorded:
    return history.record_document(work, patient_id=patient_id, filed=filed)


@router.get("/patients/{patient_id}/plans")
def read_plans(patient_id: str, work: Work) -> PlansView:
    return plans.read_plans(work, patient_id=patient_id)


@router.post("/patients/{patient_id}/goals")
def goal(patient_id: str, aimed: RecordGoal, work: Work) -> Recorded:
    return plans.record_goal(work, patient_id=patient_id, goal=aimed)


@router.post("/goals/{goal_id}/change")
def change_goal(goal_id: str, change: ChangeGoal, work: Work) -> Recorded:
    return plans.change_goal(work, goal_id=goal_id, change=change)


@router.post("/patients/{patient_id}/care-plans")
def care_plan(patient_id: str, plan: RecordCarePlan, work: Work) -> Recorded:
    return plans.record_care_plan(work, patient_id=patient_id, plan=plan)


@router.post("/care-plans/{plan_id}/change")
def change_care_plan(plan_id: str, change: ChangeCarePlan, work: Work) -> Recorded:
    return plans.change_care_plan(work, plan_id=plan_id, change=change)
