"""The chart: summary, results, and recording. Numbers travel as text, so that 7.10 stays 7.10."""

from __future__ import annotations

from data_contracts.api.chart import (
    ChartSummary,
    CorrectResult,
    MarkInError,
    RecordableResult,
    RecordableResults,
    Recorded,
    RecordOutsideResult,
    RecordResult,
    RecordVitals,
    ResultsView,
    ReviewResult,
)
from ehr_core.client.transport import Transport, segment


class ChartingRoom:
    """Raises InvalidResource naming the field that is wrong, StaleVersion when somebody else was first."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def summary(self, patient_id: str) -> ChartSummary:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/summary", ChartSummary)

    def results(self, patient_id: str) -> ResultsView:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/results", ResultsView)

    def recordable(self) -> list[RecordableResult]:
        return self._transport.get("/api/recordable-results", RecordableResults).items

    def record_vitals(self, patient_id: str, vitals: RecordVitals) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/vitals", Recorded, vitals)

    def record_result(self, patient_id: str, result: RecordResult) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/results", Recorded, result)

    def record_outside_result(self, patient_id: str, record: RecordOutsideResult) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/outside-results", Recorded, record)

    def correct_result(self, observation_id: str, correction: CorrectResult) -> Recorded:
        return self._transport.post(f"{_of(observation_id)}/correct", Recorded, correction)

    def mark_in_error(self, observation_id: str, mark: MarkInError) -> Recorded:
        return self._transport.post(f"{_of(observation_id)}/entered-in-error", Recorded, mark)

    def review_result(self, observation_id: str, review: ReviewResult) -> Recorded:
        return self._transport.post(f"{_of(observation_id)}/review", Recorded, review)


def _of(observation_id: str) -> str:
    return f"/api/observations/{segment(observation_id)}"
