"""Questionnaires, crisis coverage and urgent items, as the screens use them."""

from __future__ import annotations

from data_contracts.api.questionnaires import (
    AnsweredQuestionnaires,
    CrisisCoverage,
    FilledQuestionnaire,
    FillQuestionnaire,
    FinishUrgent,
    QuestionnaireForm,
    QuestionnaireForms,
    TakeUrgent,
    UrgentItems,
)
from ehr_core.client.transport import Transport, segment


class QuestionnairesRoom:
    """Raises InvalidResource naming the item that is wrong, Conflict for a remote one without crisis coverage."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def forms(self) -> list[QuestionnaireForm]:
        return self._transport.get("/api/questionnaires", QuestionnaireForms).forms

    def of_patient(self, patient_id: str) -> AnsweredQuestionnaires:
        return self._transport.get(
            f"/api/patients/{segment(patient_id)}/questionnaires", AnsweredQuestionnaires
        )

    def fill(self, patient_id: str, questionnaire_id: str, filled: FillQuestionnaire) -> FilledQuestionnaire:
        path = f"/api/patients/{segment(patient_id)}/questionnaires/{segment(questionnaire_id)}"
        return self._transport.post(path, FilledQuestionnaire, filled)

    def coverage(self) -> CrisisCoverage:
        return self._transport.get("/api/crisis-coverage", CrisisCoverage)

    def name_coverage(self, coverage: CrisisCoverage) -> CrisisCoverage:
        return self._transport.put("/api/crisis-coverage", CrisisCoverage, coverage)

    def urgent(self) -> UrgentItems:
        return self._transport.get("/api/urgent-items", UrgentItems)

    def take(self, task_id: str, version_id: int) -> None:
        sent = TakeUrgent(version_id=version_id)
        self._transport.send("POST", f"/api/urgent-items/{segment(task_id)}/take", sent)

    def finish(self, task_id: str, finish: FinishUrgent) -> None:
        self._transport.send("POST", f"/api/urgent-items/{segment(task_id)}/finish", finish)
