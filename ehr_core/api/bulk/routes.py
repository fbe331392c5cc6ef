"""FHIR Bulk Data at the wire: kick-off, status, files, delete; system, patient and group level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask

from ehr_core.access.actor import Actor
from ehr_core.access.scopes import exported_types
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.bulk import jobs
from ehr_core.api.bulk.kick_off import NDJSON, read_kick_off
from ehr_core.api.bulk.sealed_files import file_key, read_sealed
from ehr_core.api.bulk.selection import offered_types, patients_asked_for, unseen_since
from ehr_core.api.bulk.type_filters import compiled
from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.kernel.errors import BadRequest, Forbidden, JobFailed, NotFound

router = APIRouter(prefix="/fhir")

RETRY_SECONDS = 1


@router.get("/$export")
@router.post("/$export")
def export_system(request: Request, body: RawBody, work: Work, parts: ProcessParts) -> Response:
    return _kick_off(request, body, work, parts, "system", None)


@router.get("/Patient/$export")
@router.post("/Patient/$export")
def export_patients(request: Request, body: RawBody, work: Work, parts: ProcessParts) -> Response:
    return _kick_off(request, body, work, parts, "patient", None)


@router.get("/Group/{group_id}/$export")
@router.post("/Group/{group_id}/$export")
def export_group(group_id: str, request: Request, body: RawBody, work: Work, parts: ProcessParts) -> Response:
    return _kick_off(request, body, work, parts, "group", group_id)


def _kick_off(
    request: Request, body: bytes, work: UnitOfWork, parts: ProcessParts, level: str, group_id: str | None
) -> Response:
    """202 with the status address; the job itself runs in the background, which is woken when the job is committed."""
    work.actor.require("bulk.export")
    given = read_kick_off(request, body, level)
    if given.since is not None:
        unseen_since(work.connection, given.since)
    types = _types(given.types, level, work.actor)
    compiled(work, given.type_filters, types)
    asked = jobs.ExportRequest(
        level=level,
        group_id=group_id,
        patient_ids=patients_asked_for(
            work.connection, given.patients, group_id, f"{parts.settings.issuer}/fhir"
        ),
        resource_types=types,
        type_filters=given.type_filters,
        since=given.since,
        request_url=str(request.url),
    )
    job_id = jobs.ask(work, asked, keep=timedelta(hours=parts.settings.bulk_file_hours))
    return Response(
        status_code=202,
        headers={"Content-Location": f"{parts.settings.issuer}/fhir/bulk/{job_id}"},
        background=BackgroundTask(request.app.state.bulk_runner.wake),
    )


def _types(named: tuple[str, ...], level: str, actor: Actor) -> tuple[str, ...]:
    """The types to export: those named, or all that are offered and within an application's scopes."""
    offered = offered_types(level)
    unknown = [name for name in named if name not in offered]
    if unknown:
        raise BadRequest(f"_type: '{unknown[0][:64]}' is not exported at {level} level.")
    if actor.application is None:
        return tuple(dict.fromkeys(named)) or offered
    allowed = exported_types(actor.application.scopes)
    within = tuple(name for name in offered if allowed & {name, "*"})
    outside = [name for name in named if name not in within]
    if outside:
        raise Forbidden(f"_type: the application's scopes do not let it export '{outside[0]}'.")
    return tuple(dict.fromkeys(named)) or within


def _require_types(actor: Actor, resource_types: Sequence[str]) -> None:
    """Raises Forbidden for a token whose scopes are narrower than those that the export was asked for with."""
    if actor.application is None:
        return
    allowed = exported_types(actor.application.scopes)
    if not all(allowed & {name, "*"} for name in resource_types):
        raise Forbidden("The token's scopes do not cover every type of this export. Ask for a wider token.")


@router.get("/bulk/{job_id}")
def status(job_id: str, work: Work, parts: ProcessParts) -> Response:
    """202 with progress while it runs, the manifest when it is complete, a sentence when it failed."""
    job = jobs.find(work, job_id)
    _require_types(work.actor, job.resource_types)
    if job.state in ("accepted", "running"):
        return Response(
            status_code=202, headers={"X-Progress": job.progress[:100], "Retry-After": str(RETRY_SECONDS)}
        )
    if job.state == "failed":
        raise JobFailed(job.failure or "The export failed. Start it again.")
    manifest = _manifest(
        job, jobs.files_of(work, job_id), f"{parts.settings.issuer}/fhir/bulk/{job_id}/files"
    )
    return JSONResponse(manifest, headers={"Expires": format_datetime(job.expires_at, usegmt=True)})


def _manifest(job: Any, files: list[jobs.ExportedFile], address: str) -> dict[str, Any]:
    """The manifest of the Bulk Data guide. The extension is the outbox position that the snapshot has seen."""

    def listed(kind: str) -> list[dict[str, Any]]:
        return [
            {"type": file.resource_type, "url": f"{address}/{file.name}", "count": file.resources}
            for file in files
            if file.kind == kind
        ]

    return {
        "transactionTime": job.transaction_time.isoformat(),
        "request": job.request_url,
        "requiresAccessToken": True,
        "output": listed("output"),
        "deleted": listed("deleted"),
        "error": listed("error"),
        "extension": {"outboxTransaction": job.outbox_transaction},
    }


@router.delete("/bulk/{job_id}", status_code=202)
def delete(request: Request, job_id: str, work: Work) -> Response:
    """The files go as soon as the runner wakes, which it is told to."""
    jobs.cancel(work, job_id)
    return Response(status_code=202, background=BackgroundTask(request.app.state.bulk_runner.wake))


@router.get("/bulk/{job_id}/files/{name}")
def download(job_id: str, name: str, work: Work, parts: ProcessParts) -> StreamingResponse:
    """One file, opened as it is sent; the name must be one that the job lists, so no path can be smuggled in."""
    job = jobs.find(work, job_id)
    _require_types(work.actor, job.resource_types)
    listed = next((file for file in jobs.files_of(work, job_id) if file.name == name), None)
    path = parts.settings.state_folder / "bulk" / job_id / name
    if job.state != "completed" or listed is None or not path.exists():
        raise NotFound("There is no such file in this export.")
    work.audit("bulk_file_downloaded", detail={"job_id": job_id, "file": name})
    key = file_key(parts.secrets.bulk_file_key, f"{job_id}/{name}")
    chunks: Iterator[bytes] = read_sealed(path, key)
    return StreamingResponse(chunks, media_type=NDJSON, headers={"Content-Length": str(listed.bytes)})
