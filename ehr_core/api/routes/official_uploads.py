"""What only whoever checks uploads of official packages asks for: the next one, its file; and tells: how it goes."""

from __future__ import annotations

from fastapi import APIRouter, Response

from data_contracts.api.official_measures import CheckedPackage, UploadProgress, UploadsWaiting, UploadWork
from ehr_core.api.dependencies import Work
from ehr_core.quality import official_uploads

router = APIRouter(prefix="/api/pipeline/official-uploads", tags=["pipeline"])


@router.get("/waiting")
def waiting(work: Work) -> UploadsWaiting:
    return UploadsWaiting(waiting=official_uploads.waiting(work))


@router.post("/claim", response_model=None)
def claim(work: Work) -> UploadWork | Response:
    taken = official_uploads.claim(work)
    return taken if taken is not None else Response(status_code=204)


@router.get("/{upload_id}")
def content(upload_id: str, work: Work) -> Response:
    return Response(official_uploads.content_of(work, upload_id), media_type="application/octet-stream")


@router.post("/{upload_id}/progress", status_code=204)
def progress(upload_id: str, told: UploadProgress, work: Work) -> None:
    official_uploads.tell_progress(work, upload_id, told.words)


@router.post("/{upload_id}/checked", status_code=204)
def checked(upload_id: str, said: CheckedPackage, work: Work) -> None:
    official_uploads.settle(work, upload_id, said)
