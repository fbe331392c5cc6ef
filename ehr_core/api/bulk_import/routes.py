"""Bulk import at the wire: upload a file, ask for an import, follow it, read its errors, stop it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import Row
from starlette.background import BackgroundTask

from ehr_core.api.bulk.kick_off import NDJSON
from ehr_core.api.bulk_import import definition, jobs
from ehr_core.api.bulk_import.asked import FORMATS, read_request
from ehr_core.api.bulk_import.files import ImportFiles
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import UnsupportedMediaType, media_type_of, require_json_body
from ehr_core.kernel.errors import BadRequest, JobFailed, NotFound
from ehr_core.kernel.ids import new_id

router = APIRouter(prefix="/fhir")
router.include_router(definition.router)
PERMISSION = "bulk.import"


@router.post("/import-files", status_code=201)
def upload(request: Request, body: RawBody, work: Work, parts: ProcessParts) -> Response:
    """Takes an NDJSON file, sealed at once; its address can be named as an input for a day."""
    work.actor.require(PERMISSION)
    if media_type_of(request) not in FORMATS:
        raise UnsupportedMediaType(f"Send the lines as {NDJSON}.")
    if not body.strip():
        raise BadRequest("The file is empty. Send a resource a line.")
    files, file_id = ImportFiles(parts.settings.state_folder, parts.secrets), new_id()
    jobs.add_file(work, file_id, len(body), keep=_keep(parts))
    files.write(files.upload(file_id), [body])
    address = f"{parts.settings.issuer}/fhir/import-files/{file_id}"
    return JSONResponse({"url": address}, status_code=201, headers={"Location": address})


@router.post("/$import")
def kick_off(request: Request, body: RawBody, work: Work, parts: ProcessParts) -> Response:
    """202 with the status address; the job itself runs in the background."""
    work.actor.require(PERMISSION)
    require_json_body(request)
    inputs = read_request(request, body, work.actor, parts.settings)
    job_id = jobs.ask(work, inputs, str(request.url), keep=_keep(parts))
    return Response(
        status_code=202,
        headers={"Content-Location": _address(parts, job_id)},
        background=BackgroundTask(request.app.state.import_runner.wake),
    )


@router.get("/import-jobs/{job_id}")
def status(job_id: str, work: Work, parts: ProcessParts) -> Response:
    """202 with progress while it runs, then what became of each file; a sentence when it failed."""
    work.actor.require(PERMISSION)
    job = jobs.find(work, job_id)
    if job.state in ("accepted", "running"):
        return Response(status_code=202, headers={"X-Progress": job.progress[:100], "Retry-After": "1"})
    if job.state == "failed":
        raise JobFailed(job.failure or "The import failed. Start it again.")
    expires = {"Expires": format_datetime(job.expires_at, usegmt=True)}
    return JSONResponse(_result(job, _address(parts, job_id)), headers=expires)


@router.get("/import-jobs/{job_id}/errors/{name}")
def errors(job_id: str, name: str, work: Work, parts: ProcessParts) -> StreamingResponse:
    """A line of OperationOutcome for each thing that was wrong in a file."""
    work.actor.require(PERMISSION)
    job = jobs.find(work, job_id)
    files = ImportFiles(parts.settings.state_folder, parts.secrets)
    listed = any(one["error_file"] == name for one in job.results)
    if not listed or not files.of_job(job_id, name).exists():
        raise NotFound("There is no such file of errors in this import.")
    return StreamingResponse(files.read(files.of_job(job_id, name)), media_type=NDJSON)


@router.delete("/import-jobs/{job_id}", status_code=202)
def delete(job_id: str, work: Work) -> Response:
    """Stops it. What it has stored by then stays, with its Provenance."""
    work.actor.require(PERMISSION)
    jobs.cancel(work, job_id)
    return Response(status_code=202)


def _keep(parts: Parts) -> timedelta:
    return timedelta(hours=parts.settings.bulk_file_hours)


def _address(parts: Parts, job_id: str) -> str:
    return f"{parts.settings.issuer}/fhir/import-jobs/{job_id}"


def _result(job: Row[Any], address: str) -> dict[str, Any]:
    return {
        "transactionTime": job.finished_at.isoformat(),
        "request": job.request_url,
        "requiresAccessToken": True,
        "output": [
            {"type": one["type"], "count": one["count"], "inputUrl": one["url"]} for one in job.results
        ],
        "error": [
            {
                "type": "OperationOutcome",
                "count": one["errors"],
                "inputUrl": one["url"],
                "url": f"{address}/errors/{one['error_file']}",
            }
            for one in job.results
            if one["error_file"]
        ],
    }
