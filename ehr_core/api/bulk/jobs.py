"""Export jobs in the database: asked for, claimed, followed, ended. Only the client that asked sees its job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Gone, NotFound, TooMuch
from ehr_core.kernel.ids import new_id

LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 3
MOST_WAITING_JOBS = 4

INSERT = text(
    """
    INSERT INTO bulk.job (job_id, client_id, level, group_id, patient_ids, resource_types, type_filters, since,
                          request_url, state, created_at, expires_at)
    VALUES (:job_id, :client_id, :level, :group_id, :patient_ids, :resource_types, :type_filters, :since,
            :request_url, 'accepted', :now, :expires_at)
    """
)
CLAIM = text(
    """
    UPDATE bulk.job SET state = 'running', attempt = attempt + 1, lease_until = :lease_until, progress = 'starting'
    WHERE job_id = (
      SELECT job_id FROM bulk.job
      WHERE state = 'accepted' OR (state = 'running' AND lease_until < :now)
      ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *
    """
)
HOLD = text(
    """
    UPDATE bulk.job SET lease_until = :lease_until, progress = :progress
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    """
)
FINISH = text(
    """
    UPDATE bulk.job SET state = :state, failure = :failure, finished_at = :now, expires_at = :expires_at,
      progress = :state, transaction_time = :transaction_time, outbox_transaction = :outbox_transaction
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    """
)
ADD_FILE = text(
    """
    INSERT INTO bulk.file (job_id, name, kind, resource_type, resources, bytes)
    VALUES (:job_id, :name, :kind, :resource_type, :resources, :bytes)
    """
)


MARK = text(
    """
    INSERT INTO bulk.watermark (transaction_time, unseen_from)
    VALUES (:transaction_time, CAST(CAST(:outbox_transaction AS text) AS xid8))
    ON CONFLICT (transaction_time) DO UPDATE
    SET unseen_from = least(watermark.unseen_from, excluded.unseen_from), written_by = excluded.written_by
    """
)


@dataclass(frozen=True)
class ExportRequest:
    """What to export. `resource_types` in the order of the files; `since`: what was written after that instant.

    `patient_ids`: these patients only; null: all of the level. `type_filters` are searches.
    """

    level: str
    group_id: str | None
    patient_ids: list[str] | None
    resource_types: tuple[str, ...]
    since: datetime | None
    request_url: str
    type_filters: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportedFile:
    name: str
    kind: str
    resource_type: str
    resources: int
    bytes: int


def ask(work: UnitOfWork, request: ExportRequest, *, keep: timedelta) -> str:
    """Queues an export and returns its id. Raises TooMuch when this client already has several under way."""
    work.actor.require("bulk.export")
    under_way = text(
        "SELECT count(*) FROM bulk.job WHERE client_id = :client AND state IN ('accepted', 'running')"
    )
    if work.connection.execute(under_way, {"client": work.actor.actor_id}).scalar_one() >= MOST_WAITING_JOBS:
        raise TooMuch("This client has several exports under way. Wait for one to end, or delete one.")
    job_id = new_id()
    values = {
        "job_id": job_id,
        "client_id": work.actor.actor_id,
        "level": request.level,
        "group_id": request.group_id,
        "patient_ids": request.patient_ids,
        "resource_types": list(request.resource_types),
        "type_filters": list(request.type_filters),
        "since": request.since,
        "request_url": request.request_url,
        "now": work.now(),
        "expires_at": work.now() + keep,
    }
    work.connection.execute(INSERT, values)
    work.audit("bulk_export_requested", detail={"job_id": job_id, "level": request.level})
    return job_id


def find(work: UnitOfWork, job_id: str) -> Row[Any]:
    """The job of this client. Somebody else's is not found: its existence is nobody's business."""
    work.actor.require("bulk.export")
    query = text("SELECT * FROM bulk.job WHERE job_id = :job_id AND client_id = :client_id")
    row = work.connection.execute(query, {"job_id": job_id, "client_id": work.actor.actor_id}).one_or_none()
    if row is None or row.state == "cancelled":
        raise NotFound("There is no such export for this client. It may have been deleted.")
    if row.expires_at <= work.now():
        raise Gone("This export has expired. Start a new one.")
    return row


def files_of(work: UnitOfWork, job_id: str) -> list[ExportedFile]:
    query = text(
        "SELECT name, kind, resource_type, resources, bytes FROM bulk.file WHERE job_id = :job_id ORDER BY name"
    )
    return [ExportedFile(*row) for row in work.connection.execute(query, {"job_id": job_id})]


def cancel(work: UnitOfWork, job_id: str) -> None:
    """Ends an export: a running one stops at its next report, and the files go with the next sweep."""
    find(work, job_id)
    work.connection.execute(
        text("UPDATE bulk.job SET state = 'cancelled' WHERE job_id = :job_id"), {"job_id": job_id}
    )
    work.audit("bulk_export_deleted", detail={"job_id": job_id})


def claim(connection: Connection, now: datetime) -> Row[Any] | None:
    """The next waiting job, or one whose runner died. Gives up a job that failed too often."""
    row = connection.execute(CLAIM, {"now": now, "lease_until": now + LEASE}).one_or_none()
    if row is not None and row.attempt > MOST_ATTEMPTS:
        sentence = "The export was started several times and never came to an end. Look at the API's log."
        finish(connection, row, now=now, state="failed", failure=sentence)
        return None
    return row


def hold(connection: Connection, job: Row[Any], *, now: datetime, progress: str) -> bool:
    """Renews the lease and tells the progress; False when the job was cancelled or taken over."""
    values = {"job_id": job.job_id, "attempt": job.attempt, "lease_until": now + LEASE, "progress": progress}
    return connection.execute(HOLD, values).rowcount == 1


def finish(
    connection: Connection,
    job: Row[Any],
    *,
    now: datetime,
    state: str,
    failure: str | None = None,
    transaction_time: datetime | None = None,
    outbox_transaction: str | None = None,
    files: list[ExportedFile] | None = None,
    keep: timedelta = timedelta(hours=1),
) -> bool:
    """Ends a running job together with its files; False when it was cancelled or taken over meanwhile.

    A completed one leaves its watermark, so that an export since then misses nothing.
    """
    values = {
        "job_id": job.job_id,
        "attempt": job.attempt,
        "state": state,
        "failure": failure,
        "now": now,
        "expires_at": now + keep,
        "transaction_time": transaction_time,
        "outbox_transaction": outbox_transaction,
    }
    if connection.execute(FINISH, values).rowcount != 1:
        return False
    if outbox_transaction is not None:
        connection.execute(MARK, values)
    for file in files or []:
        connection.execute(ADD_FILE, {"job_id": job.job_id, **vars(file)})
    return True
