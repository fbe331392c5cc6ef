"""Measures: list, page, the patients behind a rate, CSV."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from data_contracts.api.quality import (
    MeasureFacts,
    MeasureList,
    MeasurePage,
    MeasurePatients,
    MembershipStatus,
    StratumKind,
)
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.quality import quality_data, reading
from ehr_core.quality.reported import find_measures, reported
from ehr_core.workflows.measure_patients import measure_facts, measure_patients

router = APIRouter(prefix="/api/measures", tags=["quality"])


@router.get("")
def measures(parts: ProcessParts, work: Work) -> MeasureList:
    return reading.measure_list(work, parts.settings.small_cell)


@router.get("/{measure_id}")
def measure(measure_id: str, parts: ProcessParts, work: Work) -> MeasurePage:
    return reading.measure_page(work, measure_id, parts.settings.small_cell)


@router.get("/{measure_id}/patients")
def patients(
    measure_id: str,
    work: Work,
    membership: MembershipStatus | None = None,
    stratum_kind: StratumKind | None = None,
    stratum_value: str | None = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 25,
) -> MeasurePatients:
    return measure_patients(
        work,
        measure_id,
        membership=membership,
        stratum_kind=stratum_kind,
        stratum_value=stratum_value,
        page=page,
        size=size,
    )


@router.get("/{measure_id}/patients/{patient_id}/facts")
def facts(measure_id: str, patient_id: str, work: Work) -> MeasureFacts:
    return measure_facts(work, measure_id, patient_id)


@router.get("/{measure_id}/export.csv")
def export(measure_id: str, parts: ProcessParts, work: Work) -> Response:
    work.audit("quality.measure.export", detail={"measure_id": measure_id})
    body = reading.measure_csv(work, measure_id, parts.settings.small_cell)
    disposition = {"Content-Disposition": f'attachment; filename="{measure_id}.csv"'}
    return Response(body, media_type="text/csv", headers=disposition)


@router.get("/{measure_id}/export/figures.json")
def export_figures(measure_id: str, work: Work) -> Response:
    """What a category III quality report says of the measure, every count told."""
    groups = reported(work, find_measures(work, measure_id), None, None)
    made = quality_data.figures(work, groups)
    work.audit("quality.measure.export", detail={"measure_id": measure_id, "as": "figures"})
    return Response(msgspec.json.encode(made), media_type="application/json")


@router.get("/{measure_id}/export/people.ndjson")
def export_people(measure_id: str, work: Work) -> Response:
    """What category I quality reports say of each person. Identified."""
    groups = reported(work, find_measures(work, measure_id), None, None)
    lines, patient_ids = quality_data.people(work, groups)
    work.audit(
        "quality.measure.export", patient_ids=patient_ids, detail={"measure_id": measure_id, "as": "people"}
    )
    disposition = {"Content-Disposition": f'attachment; filename="{measure_id}.ndjson"'}
    return Response(b"\n".join(lines), media_type="application/x-ndjson", headers=disposition)
