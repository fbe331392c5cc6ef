"""History, procedures, documents, goals and care plans, as the screens use them."""

from __future__ import annotations

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
from ehr_core.client.transport import Transport, segment


class HistoryRoom:
    """Raises InvalidResource naming the field that is wrong, StaleVersion when somebody else was first."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def words(self) -> HistoryWords:
        return self._transport.get("/api/history-words", HistoryWords)

    def read(self, patient_id: str) -> HistoryView:
        return self._transport.get(f"{_of(patient_id)}/history", HistoryView)

    def family(self, patient_id: str, told: RecordFamilyHistory) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/family-history", Recorded, told)

    def surgery(self, patient_id: str, told: RecordSurgery) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/surgical-history", Recorded, told)

    def obstetric(self, patient_id: str, told: RecordObstetric) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/obstetric-history", Recorded, told)

    def social(self, patient_id: str, told: RecordSocial) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/social-history", Recorded, told)

    def procedure(self, patient_id: str, done: RecordProcedure) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/procedures", Recorded, done)

    def document(self, patient_id: str, filed: RecordDocument) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/documents", Recorded, filed)

    def plans(self, patient_id: str) -> PlansView:
        return self._transport.get(f"{_of(patient_id)}/plans", PlansView)

    def goal(self, patient_id: str, goal: RecordGoal) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/goals", Recorded, goal)

    def change_goal(self, goal_id: str, change: ChangeGoal) -> Recorded:
        return self._transport.post(f"/api/goals/{segment(goal_id)}/change", Recorded, change)

    def care_plan(self, patient_id: str, plan: RecordCarePlan) -> Recorded:
        return self._transport.post(f"{_of(patient_id)}/care-plans", Recorded, plan)

    def change_care_plan(self, plan_id: str, change: ChangeCarePlan) -> Recorded:
        return self._transport.post(f"/api/care-plans/{segment(plan_id)}/change", Recorded, change)


def _of(patient_id: str) -> str:
    return f"/api/patients/{segment(patient_id)}"
