"""Questionnaires, who answers a crisis, and the urgent items that one opens. Each route calls one act."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.questionnaires import (
    AnsweredQuestionnaires,
    CrisisCoverage,
    FilledQuestionnaire,
    FillQuestionnaire,
    FinishUrgent,
    QuestionnaireForms,
    TakeUrgent,
    UrgentItems,
)
from ehr_core.api.dependencies import Work
from ehr_core.charting.questionnaires import service
from ehr_core.charting.questionnaires.definitions import definitions
from ehr_core.workflows import urgent_items as urgent

router = APIRouter(prefix="/api", tags=["questionnaires"])


@router.get("/questionnaires")
def forms(work: Work) -> QuestionnaireForms:
    """What may be filled in. No patient data."""
    work.actor.require("chart.read")
    return QuestionnaireForms(forms=[definition.form for definition in definitions().values()])


@router.get("/patients/{patient_id}/questionnaires")
def answered(patient_id: str, work: Work) -> AnsweredQuestionnaires:
    return service.read_questionnaires(work, patient_id=patient_id)


@router.post("/patients/{patient_id}/questionnaires/{questionnaire_id}")
def fill(
    patient_id: str, questionnaire_id: str, filled: FillQuestionnaire, work: Work
) -> FilledQuestionnaire:
    return service.fill_questionnaire(
        work, patient_id=patient_id, questionnaire_id=questionnaire_id, filled=filled
    )


@router.get("/crisis-coverage")
def coverage(work: Work) -> CrisisCoverage:
    return service.read_crisis_coverage(work)


@router.put("/crisis-coverage")
def name_coverage(named: CrisisCoverage, work: Work) -> CrisisCoverage:
    return service.name_coverage(work, coverage=named)


@router.get("/urgent-items")
def urgent_items(work: Work) -> UrgentItems:
    return urgent.urgent_items(work)


@router.post("/urgent-items/{task_id}/take", status_code=204)
def take(task_id: str, asked: TakeUrgent, work: Work) -> None:
    urgent.take_urgent(work, task_id=task_id, take=asked)


@router.post("/urgent-items/{task_id}/finish", status_code=204)
def finish(task_id: str, asked: FinishUrgent, work: Work) -> None:
    urgent.finish_urgent(work, task_id=task_id, finish=asked)
