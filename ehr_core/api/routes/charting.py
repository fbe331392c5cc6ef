"""The chart: summary, results, and recording. Each route calls one act."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.chart import (
    ChartSummary,
    CorrectResult,
    MarkInError,
    RecordableResults,
    Recorded,
    RecordOutsideResult,
    RecordResult,
    RecordVitals,
    ResultsView,
    ReviewResult,
)
from ehr_core.api.dependencies import Work
from ehr_core.charting import service
from ehr_core.charting.reading import read_results
from ehr_core.charting.recordable import recordables
from ehr_core.workflows.open_chart import open_chart

router = APIRouter(prefix="/api", tags=["charting"])


@router.get("/patients/{patient_id}/summary")
def summary(patient_id: str, work: Work) -> ChartSummary:
    return open_chart(work, patient_id=patient_id)


@router.get("/patients/{patient_id}/results")
def results(patient_id: str, work: Work) -> ResultsView:
    return read_results(work, patient_id=patient_id)


@router.get("/recordable-results")
def recordable_results(work: Work) -> RecordableResults:
    """What may be recorded by hand, for those who may read charts. No patient data."""
    work.actor.require("chart.read")
    return RecordableResults(items=[item.offer() for item in recordables()])


@router.post("/patients/{patient_id}/vitals")
def record_vitals(patient_id: str, vitals: RecordVitals, work: Work) -> Recorded:
    return service.record_vitals(work, patient_id=patient_id, vitals=vitals)


@router.post("/patients/{patient_id}/results")
def record_result(patient_id: str, result: RecordResult, work: Work) -> Recorded:
    return service.record_result(work, patient_id=patient_id, result=result)


@router.post("/patients/{patient_id}/outside-results")
def record_outside_result(patient_id: str, record: RecordOutsideResult, work: Work) -> Recorded:
    return service.record_outside_result(work, patient_id=patient_id, record=record)


@router.post("/observations/{observation_id}/correct")
def correct_result(observation_id: str, correction: CorrectResult, work: Work) -> Recorded:
    return service.correct_result(work, observation_id=observation_id, correction=correction)


@router.post("/observations/{observation_id}/entered-in-error")
def mark_in_error(observation_id: str, mark: MarkInError, work: Work) -> Recorded:
    return service.mark_in_error(work, observation_id=observation_id, mark=mark)


@router.post("/observations/{observation_id}/review")
def review_result(observation_id: str, review: ReviewResult, work: Work) -> Recorded:
    return service.review_result(work, observation_id=observation_id, review=review)
