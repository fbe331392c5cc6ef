"""Data quality: the newest night's findings, their CSV, and the records with a defect."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from data_contracts.api.data_quality import DataQuality, DefectiveRecords
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.quality import data_quality
from ehr_core.workflows.data_records import defective_records

router = APIRouter(prefix="/api/data-quality", tags=["quality"])


@router.get("")
def findings(parts: ProcessParts, work: Work) -> DataQuality:
    return data_quality.data_quality(work, parts.settings.small_cell)


@router.get("/export.csv")
def export(parts: ProcessParts, work: Work) -> Response:
    body = data_quality.data_quality_csv(work, parts.settings.small_cell)
    work.audit("quality.data_quality.export")
    disposition = {"Content-Disposition": 'attachment; filename="data-quality.csv"'}
    return Response(body, media_type="text/csv", headers=disposition)


@router.get("/{check_id}/records")
def records(check_id: str, work: Work) -> DefectiveRecords:
    return defective_records(work, check_id)
