"""Official measures that the site keeps: what is there, uploads, importing, activating and deactivating."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from data_contracts.api.official_measures import Activation, KeptMeasures, PackageImport, Uploads
from ehr_core.api.dependencies import RawBody, Work
from ehr_core.quality import official, official_uploads
from ehr_core.workflows import official_measures

router = APIRouter(prefix="/api/official-measures", tags=["quality"])


@router.get("")
def kept(work: Work) -> KeptMeasures:
    return official.kept_measures(work)


@router.post("")
def keep(package: PackageImport, work: Work) -> KeptMeasures:
    """Nothing of the package is active by this alone."""
    official.keep_package(work, package)
    return official.kept_measures(work)


@router.get("/uploads")
def uploads(work: Work) -> Uploads:
    return official_uploads.uploads(work)


@router.post("/uploads")
def upload(body: RawBody, work: Work, file_name: Annotated[str, Query(max_length=200)]) -> Uploads:
    """A package as a file, to be checked where it can be run. Nothing is imported by this."""
    official_uploads.add_upload(work, file_name, body)
    return official_uploads.uploads(work)


@router.post("/uploads/{upload_id}/import")
def import_upload(upload_id: str, work: Work) -> KeptMeasures:
    """A checked package becomes an imported one; nothing of it is active by this alone."""
    official_uploads.import_upload(work, upload_id)
    return official.kept_measures(work)


@router.delete("/uploads/{upload_id}")
def remove_upload(upload_id: str, work: Work) -> Uploads:
    official_uploads.remove_upload(work, upload_id)
    return official_uploads.uploads(work)


@router.post("/{measure_id}/activate")
def activate(measure_id: str, asked: Activation, work: Work) -> KeptMeasures:
    official_measures.activate(work, measure_id, asked)
    return official.kept_measures(work)


@router.post("/{measure_id}/deactivate")
def deactivate(measure_id: str, asked: Activation, work: Work) -> KeptMeasures:
    official_measures.deactivate(work, measure_id, asked)
    return official.kept_measures(work)
