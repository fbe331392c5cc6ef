"""Uploads of official packages: kept until they are checked where they can be run, then imported by a person.

Nothing is read out of an upload here: the pipeline's check opens it, by the same code as at the command line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.official_measures import (
    MOST_PACKAGE_BYTES,
    PACKAGE_ENDINGS,
    CheckedPackage,
    OfficialMeasure,
    PackageImport,
    PackageReport,
    Upload,
    Uploads,
    UploadWork,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound
from ehr_core.kernel.ids import new_id
from ehr_core.quality.official import keep_package

FILE_NAME = re.compile(r"[\w][\w .()+-]{0,120}")
GIVEN_UP_AFTER = timedelta(minutes=15)
"""A check that has not told anything for so long has ended with its process; another may take the upload."""
MOST_UPLOADS = 20
SHOWN = "upload_id, file_name, state, progress, report, uploaded_at, uploaded_by, settled_at"


def add_upload(work: UnitOfWork, file_name: str, content: bytes) -> str:
    """Keeps the file to be checked; returns its id. Raises BadRequest for a name or a size that cannot be."""
    work.actor.require("measure.manage")
    if not FILE_NAME.fullmatch(file_name) or not file_name.lower().endswith(PACKAGE_ENDINGS):
        raise BadRequest(
            f"The file's name must be plain and end in one of {', '.join(PACKAGE_ENDINGS)}. Rename the file."
        )
    if not content or len(content) > MOST_PACKAGE_BYTES:
        raise BadRequest(
            f"A file holds something, and at most {MOST_PACKAGE_BYTES // 1_000_000} MB. Upload fewer measures of it."
        )
    unsettled = work.connection.execute(
        text("SELECT count(*) FROM quality.official_upload WHERE state <> 'imported'")
    ).scalar_one()
    if unsettled >= MOST_UPLOADS:
        raise Conflict(f"{MOST_UPLOADS} uploads are there already. Import or remove some of them first.")
    upload_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO quality.official_upload (upload_id, file_name, content, state, progress, uploaded_at, "
            "uploaded_by) VALUES (:id, :name, :content, 'waiting', 'Waits to be checked', :now, :by)"
        ),
        {"id": upload_id, "name": file_name, "content": content, "now": work.now(), "by": work.actor.name},
    )
    work.audit("quality.official.uploaded", detail={"upload_id": upload_id, "file_name": file_name})
    return upload_id


def uploads(work: UnitOfWork) -> Uploads:
    """The newest first, without their contents."""
    work.actor.require("measure.manage")
    rows = work.connection.execute(
        text(f"SELECT {SHOWN} FROM quality.official_upload ORDER BY uploaded_at DESC LIMIT 50")
    )
    return Uploads(uploads=[_upload(row) for row in rows])


def waiting(work: UnitOfWork) -> int:
    """How many wait to be checked, or were taken by a check that has ended without an answer."""
    work.actor.require("pipeline.changes")
    return work.connection.execute(
        text(f"SELECT count(*) FROM quality.official_upload WHERE {_FREE}"), _long_ago(work)
    ).scalar_one()


def claim(work: UnitOfWork) -> UploadWork | None:
    """The next one to check; None when none waits. Two who ask never get the same."""
    work.actor.require("measure.manage")
    row = work.connection.execute(
        text(
            f"SELECT upload_id, file_name FROM quality.official_upload WHERE {_FREE} "
            "ORDER BY uploaded_at LIMIT 1 FOR UPDATE SKIP LOCKED"
        ),
        _long_ago(work),
    ).one_or_none()
    if row is None:
        return None
    _set(work, row.upload_id, state="checking", progress="Being opened", claimed_at=work.now())
    return UploadWork(upload_id=row.upload_id, file_name=row.file_name)


def content_of(work: UnitOfWork, upload_id: str) -> bytes:
    work.actor.require("measure.manage")
    return bytes(_checking(work, upload_id).content)


def tell_progress(work: UnitOfWork, upload_id: str, words: str) -> None:
    work.actor.require("measure.manage")
    _checking(work, upload_id)
    _set(work, upload_id, progress=words, claimed_at=work.now())


def settle(work: UnitOfWork, upload_id: str, checked: CheckedPackage) -> None:
    """What the check says. The file itself is let go: what would be kept stands beside the report."""
    work.actor.require("measure.manage")
    _checking(work, upload_id)
    report, good = checked.report, not checked.report.problems and bool(checked.content and checked.measures)
    package = {"measures": [one.model_dump(mode="json") for one in checked.measures]} if good else {}
    _set(
        work,
        upload_id,
        state="checked" if good else "refused",
        progress="Can be imported" if good else f"{len(report.problems)} problems: nothing can be imported",
        report=json.dumps({"report": report.model_dump(mode="json"), **package}),
        package=checked.content if good else None,
        content=None,
        settled_at=work.now(),
    )
    work.audit("quality.official.checked", detail={"upload_id": upload_id, "problems": len(report.problems)})


def import_upload(work: UnitOfWork, upload_id: str) -> str:
    """Keeps the checked package, nothing of it active. Raises Conflict unless the check found nothing against it."""
    work.actor.require("measure.manage")
    row = _locked(work, upload_id)
    if row.state != "checked":
        raise Conflict("Only an upload that was checked and has no problem can be imported.")
    package_id = keep_package(
        work,
        PackageImport.model_construct(
            source=row.file_name,
            operator=work.actor.name,
            measures=[OfficialMeasure.model_validate(one) for one in row.report["measures"]],
            content=bytes(row.package),
        ),
    )
    _set(work, upload_id, state="imported", progress="Imported", package=None, settled_at=work.now())
    return package_id


def remove_upload(work: UnitOfWork, upload_id: str) -> None:
    """Takes it away; what was imported of it stays."""
    work.actor.require("measure.manage")
    _locked(work, upload_id)
    work.connection.execute(
        text("DELETE FROM quality.official_upload WHERE upload_id = :id"), {"id": upload_id}
    )
    work.audit("quality.official.upload_removed", detail={"upload_id": upload_id})


_FREE = "(state = 'waiting' OR (state = 'checking' AND claimed_at < :long_ago))"


def _long_ago(work: UnitOfWork) -> Mapping[str, Any]:
    return {"long_ago": work.now() - GIVEN_UP_AFTER}


def _locked(work: UnitOfWork, upload_id: str) -> Row:
    row = work.connection.execute(
        text("SELECT * FROM quality.official_upload WHERE upload_id = :id FOR UPDATE"), {"id": upload_id}
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such upload. It may have been removed.")
    return row


def _checking(work: UnitOfWork, upload_id: str) -> Row:
    row = _locked(work, upload_id)
    if row.state != "checking":
        raise Conflict("This upload is not being checked.")
    return row


def _set(work: UnitOfWork, upload_id: str, **columns: Any) -> None:
    """The names are ours, written above; only values come from outside."""
    changes = ", ".join(
        f"{name} = CAST(:{name} AS jsonb)" if name == "report" else f"{name} = :{name}" for name in columns
    )
    work.connection.execute(
        text(f"UPDATE quality.official_upload SET {changes} WHERE upload_id = :upload_id"),
        {"upload_id": upload_id, **columns},
    )


def _upload(row: Row) -> Upload:
    return Upload(
        upload_id=row.upload_id,
        file_name=row.file_name,
        state=row.state,
        progress=row.progress,
        report=PackageReport.model_validate(row.report["report"]) if row.report else None,
        uploaded_at=row.uploaded_at,
        uploaded_by=row.uploaded_by,
        settled_at=row.settled_at,
    )
