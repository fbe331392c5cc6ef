"""The chart: summary, results, past care, and recording. Each route calls one act."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from data_contracts.api.chart import (
    ChartSummary,
    CheckVaccine,
    CorrectResult,
    MarkInError,
    PastCare,
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
from ehr_core.api.dependencies import Work
from ehr_core.charting import service
from ehr_core.charting.document_reading import open_document
from ehr_core.charting.growth_reading import read_growth
from ehr_core.charting.problems import end_problem, record_problem
from ehr_core.charting.reading import read_past_care, read_results
from ehr_core.charting.recordable import recordables
from ehr_core.charting.vitals import record_vitals as record_vitals_of
from ehr_core.workflows.open_chart import open_chart
from ehr_core.workflows.review_result import review_result as review_result_workflow
from ehr_core.workflows.vaccinate import check_vaccine, record_vaccination

router = APIRouter(prefix="/api", tags=["charting"])


@router.get("/patients/{patient_id}/summary")
def summary(patient_id: str, work: Work) -> ChartSummary:
    return open_chart(work, patient_id=patient_id)


@router.get("/patients/{patient_id}/results")
def results(
    patient_id: str,
    work: Work,
    newest: Annotated[int | None, Query(ge=1, le=1000)] = None,
    code: str | None = None,
) -> ResultsView:
    return read_results(work, patient_id=patient_id, newest=newest, code=code)


@router.get("/recordable-results")
def recordable_results(work: Work) -> RecordableResults:
    """What may be recorded by hand, for those who may read charts. No patient data."""
    work.actor.require("chart.read")
    return RecordableResults(items=[item.offer() for item in recordables()])


@router.post("/patients/{patient_id}/vitals")
def record_vitals(patient_id: str, vitals: RecordVitals, work: Work) -> Recorded:
    return record_vitals_of(work, patient_id=patient_id, vitals=vitals)


@router.get("/patients/{patient_id}/growth")
def growth(patient_id: str, work: Work) -> GrowthView:
    return read_growth(work, patient_id=patient_id)


@router.post("/patients/{patient_id}/results")
def record_result(patient_id: str, result: RecordResult, work: Work) -> Recorded:
    return service.record_result(work, patient_id=patient_id, result=result)


@router.post("/patients/{patient_id}/outside-results")
def record_outside_result(patient_id: str, record: RecordOutsideResult, work: Work) -> Recorded:
    return service.record_outside_result(work, patient_id=patient_id, record=record)


@router.post("/patients/{patient_id}/immunizations")
def record_immunization(patient_id: str, given: RecordImmunization, work: Work) -> Recorded:
    return record_vaccination(work, patient_id=patient_id, given=given)


@router.post("/patients/{patient_id}/immunizations/check")
def check_immunization(patient_id: str, asked: CheckVaccine, work: Work) -> CheckedCards:
    return check_vaccine(work, patient_id=patient_id, asked=asked)


@router.post("/patients/{patient_id}/problems")
def add_problem(patient_id: str, problem: RecordProblem, work: Work) -> Recorded:
    return record_problem(work, patient_id=patient_id, problem=problem)


@router.post("/problems/{condition_id}/end")
def finish_problem(condition_id: str, end: EndProblem, work: Work) -> Recorded:
    return end_problem(work, condition_id=condition_id, end=end)


@router.get("/patients/{patient_id}/past-care")
def past_care(patient_id: str, work: Work) -> PastCare:
    return read_past_care(work, patient_id=patient_id)


@router.get("/documents/{document_id}/content")
def document_content(document_id: str, work: Work) -> Response:
    """The document's bytes, to be saved and never to be run: no browser may guess another type."""
    document = open_document(work, document_id=document_id)
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return Response(document.content, media_type=document.content_type, headers=headers)


@router.post("/observations/{observation_id}/correct")
def correct_result(observation_id: str, correction: CorrectResult, work: Work) -> Recorded:
    return service.correct_result(work, observation_id=observation_id, correction=correction)


@router.post("/record/{resource_type}/{resource_id}/entered-in-error")
def mark_in_error(
    resource_type: RetractableType, resource_id: str, mark: MarkInError, work: Work
) -> Recorded:
    return service.mark_in_error(work, resource_type=resource_type, resource_id=resource_id, mark=mark)


@router.post("/record/{resource_type}/{resource_id}/reinstate")
def reinstate(resource_type: RetractableType, resource_id: str, act: Reinstate, work: Work) -> Recorded:
    return service.reinstate(work, resource_type=resource_type, resource_id=resource_id, act=act)


@router.post("/record/{resource_type}/{resource_id}/review")
def review_result(resource_type: ResultType, resource_id: str, review: ReviewResult, work: Work) -> Recorded:
    return review_result_workflow(work, resource_type=resource_type, resource_id=resource_id, review=review)
