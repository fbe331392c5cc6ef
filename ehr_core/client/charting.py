"""The chart: summary, results, and recording. Numbers travel as text, so that 7.10 stays 7.10."""

from __future__ import annotations

from data_contracts.api.chart import (
    ChartSummary,
    CheckVaccine,
    CorrectResult,
    MarkInError,
    PastCare,
    RecordableResult,
    RecordableResults,
    Recorded,
    RecordImmunization,
    RecordOutsideResult,
    RecordResult,
    RecordVitals,
    Reinstate,
    ResultsView,
    ResultType,
    RetractableType,
    ReviewResult,
)
from data_contracts.api.decision_support import CheckedCards
from data_contracts.api.growth import GrowthView
from data_contracts.api.problems import EndProblem, RecordProblem
from ehr_core.client.transport import Transport, segment


class ChartingRoom:
    """Raises InvalidResource naming the field that is wrong, StaleVersion when somebody else was first."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def summary(self, patient_id: str) -> ChartSummary:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/summary", ChartSummary)

    def growth(self, patient_id: str) -> GrowthView:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/growth", GrowthView)

    def results(self, patient_id: str, *, newest: int | None = None, code: str | None = None) -> ResultsView:
        """All of them; with `newest` only so many of each test; with `code` (`system|code`) one test in full."""
        params = {"newest": newest, "code": code}
        return self._transport.get(f"/api/patients/{segment(patient_id)}/results", ResultsView, params)

    def recordable(self) -> list[RecordableResult]:
        return self._transport.get("/api/recordable-results", RecordableResults).items

    def record_vitals(self, patient_id: str, vitals: RecordVitals) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/vitals", Recorded, vitals)

    def record_result(self, patient_id: str, result: RecordResult) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/results", Recorded, result)

    def record_outside_result(self, patient_id: str, record: RecordOutsideResult) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/outside-results", Recorded, record)

    def record_immunization(self, patient_id: str, given: RecordImmunization) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/immunizations", Recorded, given)

    def record_problem(self, patient_id: str, problem: RecordProblem) -> Recorded:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/problems", Recorded, problem)

    def end_problem(self, condition_id: str, end: EndProblem) -> Recorded:
        """Over, or never so; raises StaleVersion when somebody else was first."""
        return self._transport.post(f"/api/problems/{segment(condition_id)}/end", Recorded, end)

    def check_immunization(self, patient_id: str, code: str) -> CheckedCards:
        """What speaks against this vaccine (a CVX code), before it is given."""
        path = f"/api/patients/{segment(patient_id)}/immunizations/check"
        return self._transport.post(path, CheckedCards, CheckVaccine(code=code))

    def past_care(self, patient_id: str) -> PastCare:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/past-care", PastCare)

    def document(self, document_id: str) -> tuple[bytes, str]:
        """The content of a document and the type that it may be shown as."""
        answer = self._transport.request("GET", f"/api/documents/{segment(document_id)}/content")
        return answer.content, answer.headers.get("content-type", "").partition(";")[0]

    def correct_result(self, observation_id: str, correction: CorrectResult) -> Recorded:
        path = f"/api/observations/{segment(observation_id)}/correct"
        return self._transport.post(path, Recorded, correction)

    def mark_in_error(
        self, resource_id: str, mark: MarkInError, resource_type: RetractableType = "Observation"
    ) -> Recorded:
        return self._transport.post(f"{_of(resource_type, resource_id)}/entered-in-error", Recorded, mark)

    def reinstate(
        self, resource_id: str, act: Reinstate, resource_type: RetractableType = "Observation"
    ) -> Recorded:
        return self._transport.post(f"{_of(resource_type, resource_id)}/reinstate", Recorded, act)

    def review_result(
        self, resource_id: str, review: ReviewResult, resource_type: ResultType = "Observation"
    ) -> Recorded:
        return self._transport.post(f"{_of(resource_type, resource_id)}/review", Recorded, review)


def _of(resource_type: str, resource_id: str) -> str:
    return f"/api/record/{resource_type}/{segment(resource_id)}"
