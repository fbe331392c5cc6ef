"""Measure/$evaluate-measure: a MeasureReport of stored results, for one subject, as a subject list or a summary."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import fhir_response, require_json_answer
from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.fhir.visibility import reading_store, shown
from ehr_core.kernel.errors import BadRequest, Forbidden
from ehr_core.kernel.fhir_json import encode
from ehr_core.kernel.settings import Settings
from ehr_core.quality.measure_reports import individual_report, subject_list_report, summary_report
from ehr_core.quality.reported import find_measures, reported

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("Measure", "evaluate-measure"),)
KNOWN = frozenset({"measure", "subject", "patient", "periodStart", "periodEnd", "reportType"})
KINDS = {
    "subject": "individual",
    "individual": "individual",
    "patient": "individual",
    "subject-list": "subject-list",
    "patient-list": "subject-list",
    "population": "summary",
    "summary": "summary",
}


@router.get("/Measure/$evaluate-measure")
@router.post("/Measure/$evaluate-measure")
def evaluate_any(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """The measure is named by `measure`: its id, name or canonical URL, with or without `|version`."""
    return _evaluated(request, body, work, None, parts.settings)


@router.get("/Measure/{measure_id}/$evaluate-measure")
@router.post("/Measure/{measure_id}/$evaluate-measure")
def evaluate_one(
    measure_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    return _evaluated(request, body, work, measure_id, parts.settings)


def _evaluated(
    request: Request, body: bytes, work: UnitOfWork, measure_id: str | None, settings: Settings
) -> Response:
    require_json_answer(request)
    require_person(work)
    given = Given(request, body, KNOWN)
    measures = find_measures(work, measure_id or given.required("measure"))
    groups = reported(work, measures, given.day("periodStart"), given.day("periodEnd"))
    subject = given.text("subject") or given.text("patient")
    kind = _kind(given.text("reportType"), subject)
    detail = {"measure": measures[0].name, "kind": kind, "period": groups[0].begin.isoformat()}
    if kind == "summary":
        report, patient_ids = summary_report(work, groups, settings.small_cell, settings.site_name), []
    else:
        work.actor.require("measure.drill")
        if kind == "individual":
            patient_ids = [seen_patient(work, subject)]
            report = individual_report(work, groups, patient_ids[0], settings.site_name)
        else:
            report, patient_ids = subject_list_report(work, groups, settings.site_name)
    work.audit("quality.measure_report.made", patient_ids=patient_ids, detail=detail)
    return fhir_response(request, encode(report))


def _kind(asked: str | None, subject: str | None) -> str:
    if asked is not None and asked not in KINDS:
        raise BadRequest(f"'reportType' is one of {', '.join(sorted(KINDS))}.")
    kind = KINDS[asked] if asked else ("individual" if subject else "summary")
    if (kind == "individual") != (subject is not None):
        raise BadRequest("A report of one subject needs 'subject', and no other report has one.")
    return kind


def require_person(work: UnitOfWork) -> None:
    """Staff with measures to read. Results are made of whole records, so no scope of an application covers them."""
    work.actor.require("measure.read")
    if work.actor.application is not None:
        raise Forbidden("Measures are not open to outside applications.")


def seen_patient(work: UnitOfWork, subject: str) -> str:
    """The patient's id; raises NotFound for one whom this actor may not see."""
    kind, _, patient_id = subject.rpartition("/")
    if kind not in ("", "Patient"):
        raise BadRequest("'subject' is a patient: Patient/id.")
    store = reading_store(work)
    shown(store, store.read("Patient", patient_id))
    return patient_id
