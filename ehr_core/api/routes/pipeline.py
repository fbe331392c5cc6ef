"""What only the pipeline may do: take the key and the changes, read records, write results back, tell of a run."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from sqlalchemy import text

from data_contracts.api.official_measures import ActiveMeasures
from data_contracts.api.pipeline import (
    ChangeBatch,
    ChangesWaiting,
    FinishedBatch,
    PseudonymKeyGrant,
    RecordsWanted,
    RefusedPeople,
    RefusedResources,
    RunReport,
    WriteBackReceipt,
)
from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.kernel.errors import Conflict
from ehr_core.quality.official import active_measures, package_content
from ehr_core.quality.runs import note_run
from ehr_core.store.repository import Store
from ehr_core.workflows import changes
from ehr_core.workflows.official_measures import let_lapse
from ehr_core.workflows.set_aside import set_aside_not_checked
from ehr_core.workflows.write_back.crosswalk import extend_to_all
from ehr_core.workflows.write_back.keys import key_in_use, retire_drained
from ehr_core.workflows.write_back.refused import people_of_refused
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.staging import NOT_CHECKED, patients_named_in
from ehr_core.workflows.write_back.take import (
    take_care_gaps,
    take_facts,
    take_measure_results,
    take_official_gaps,
    take_official_results,
)
from ehr_core.workflows.write_back.take_data_quality import take_findings, take_records, take_touches
from ehr_core.workflows.write_back.take_risk import take_care_tiers, take_risk_drivers, take_risk_scores
from ehr_core.workflows.write_back.take_strata import take_strata

router = APIRouter(prefix="/api/pipeline", tags=["pipeline"])

TAKERS = {
    "care_gaps": take_care_gaps,
    "measure_results": take_measure_results,
    "patient_strata": take_strata,
    "official_results": take_official_results,
    "official_evidence": take_facts,
    "official_gaps": take_official_gaps,
    "data_quality_findings": take_findings,
    "data_quality_touches": take_touches,
    "data_quality_records": take_records,
    "risk_drivers": take_risk_drivers,
    "risk_scores": take_risk_scores,
    "care_tiers": take_care_tiers,
}
WrittenBack = Literal[
    "care_gaps",
    "measure_results",
    "patient_strata",
    "official_results",
    "official_evidence",
    "official_gaps",
    "data_quality_findings",
    "data_quality_touches",
    "data_quality_records",
    "risk_drivers",
    "risk_scores",
    "care_tiers",
]
MOST_ROWS_A_CLAIM = 500


@router.get("/key")
def pseudonym_key(
    parts: ProcessParts, work: Work, zone: Literal["limited", "safe_harbor"] = "limited"
) -> PseudonymKeyGrant:
    """The key of a new snapshot, with everybody in the crosswalk. The secret goes to this step and nowhere else."""
    work.actor.require("pipeline.write_back")
    key = key_in_use(work, parts.secrets.pseudonym_master_key, zone)
    entered = extend_to_all(work, key)
    work.audit("pipeline.key.granted", detail={"key_id": key.key_id, "zone": zone, "entered": entered})
    return PseudonymKeyGrant(key_id=key.key_id, secret_hex=key.secret.hex())


@router.get("/changes")
def changes_waiting(work: Work) -> ChangesWaiting:
    work.actor.require("pipeline.changes")
    return changes.waiting(work)


@router.post("/changes/claim", response_model=None)
def claim_changes(
    parts: ProcessParts, work: Work, limit: Annotated[int, Query(ge=1, le=MOST_ROWS_A_CLAIM)] = 100
) -> ChangeBatch | Response:
    work.actor.require("pipeline.changes")
    batch = changes.claim(work, limit, parts.secrets.pseudonym_master_key)
    return batch if batch is not None else Response(status_code=204)


@router.post("/changes/{batch_id}/done", status_code=204)
def finish_changes(batch_id: str, finished: FinishedBatch, work: Work) -> None:
    work.actor.require("pipeline.changes")
    changes.finish(work, batch_id, finished.failed_patient_ids)


@router.get("/official-measures")
def official_measures(work: Work) -> ActiveMeasures:
    """The official measures that are active now, and the packages that hold their logic."""
    work.actor.require("pipeline.write_back")
    if work.actor.may("measure.manage"):
        let_lapse(work)
    return active_measures(work)


@router.get("/official-measures/packages/{package_id}")
def official_package(package_id: str, work: Work) -> Response:
    work.actor.require("pipeline.write_back")
    return Response(package_content(work, package_id), media_type="application/gzip")


@router.post("/records")
def records(wanted: RecordsWanted, work: Work) -> Response:
    """Records as NDJSON. The headers say what this read has seen; anything later counts as changed since."""
    work.actor.require("pipeline.changes")
    seen, before = work.connection.execute(
        text("SELECT pg_current_snapshot()::text, pg_snapshot_xmin(pg_current_snapshot())::text")
    ).one()
    # what remains of a deleted record is nobody's: no line of it that cannot be read may keep its answers
    there = text("SELECT id FROM fhir.patient WHERE id = ANY(:ids) AND NOT deleted ORDER BY id")
    people = work.connection.execute(there, {"ids": list(wanted.patient_ids)}).scalars().all()
    body = b"\n".join(Store(work).patient_record(people, wanted.resource_types))
    headers = {"X-Almoner-Snapshot": seen, "X-Almoner-Outbox-Transaction": before}
    return Response(body, media_type="application/fhir+ndjson", headers=headers)


@router.post("/refused")
def refused_resources(refused: RefusedResources, parts: ProcessParts, work: Work) -> RefusedPeople:
    """Whose records cannot be judged, because de-identification refused something in them."""
    work.actor.require("pipeline.write_back")
    return people_of_refused(work, refused, parts.secrets.pseudonym_master_key)


@router.post("/write-back/{table}")
def write_back(
    table: WrittenBack,
    body: RawBody,
    parts: ProcessParts,
    work: Work,
    run_id: str,
    key_id: str,
    as_of: date,
    outbox_transaction: int,
    complete: bool = True,
    snapshot: str | None = None,
    patient_from: str | None = None,
    patient_to: str | None = None,
    source_ids: Annotated[list[str] | None, Query()] = None,
) -> WriteBackReceipt:
    """Rows as Parquet or an Arrow stream; the query says what they speak for (see WriteBackScope).

    A list of patients stands in the body's own metadata: it does not belong into an address.
    """
    work.actor.require("pipeline.write_back")
    scope = WriteBackScope(
        run_id=run_id,
        key_id=key_id,
        outbox_transaction=outbox_transaction,
        as_of=as_of,
        complete=complete,
        snapshot=snapshot,
        patient_keys=patients_named_in(body),
        patient_from=patient_from,
        patient_to=patient_to,
        source_ids=tuple(source_ids) if source_ids else None,
        not_checked=patients_named_in(body, NOT_CHECKED) or (),
    )
    if scope.patient_keys is None:
        _refuse_another_day(as_of, work.today())
    return TAKERS[table](work, scope, body, parts.secrets.pseudonym_master_key)


def _refuse_another_day(as_of: date, today: date) -> None:
    """The screens show today's answers. A night may begin before midnight and end after it."""
    if not today - timedelta(days=1) <= as_of <= today:
        raise Conflict(
            f"These answers are for {as_of}, and the screens show those of today. Run the pipeline for today."
        )


@router.post("/runs", status_code=204)
def finished_run(report: RunReport, work: Work) -> None:
    work.actor.require("pipeline.write_back")
    good = report.kind == "nightly" and report.failure is None
    if good:
        set_aside_not_checked(work, report)
    note_run(work, report)
    if good:
        changes.mark_measured_before(work, report.outbox_transaction)
        retire_drained(work, report.key_id, report.outbox_transaction)
