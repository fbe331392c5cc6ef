"""Measures: list, page, the patients behind a rate, CSV."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from data_contracts.api.quality import (
    MeasureList,
    MeasurePage,
    MeasurePatients,
    MembershipStatus,
    StratumKind,
)
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.quality import reading
from ehr_core.workflows.measure_patients import measure_patients

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


@router.get("/{measure_id}/export.csv")
def export(measure_id: str, parts: ProcessParts, work: Work) -> Response:
    work.audit("quality.measure.export", detail={"measure_id": measure_id})
    body = reading.measure_csv(work, measure_id, parts.settings.small_cell)
    disposition = {"Content-Disposition": f'attachment; filename="{measure_id}.csv"'}
    return Response(body, media_type="text/csv", headers=disposition)
