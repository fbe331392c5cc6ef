"""Import jobs in the database: asked for, claimed, followed input by input, ended. Only who asked sees its job."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.bulk_import.asked import Input
from ehr_core.kernel.errors import BadRequest, Gone, NotFound, TooMuch
from ehr_core.kernel.ids import new_id

LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 5
MOST_WAITING_JOBS = 4
MOST_FILES = 500

INSERT = text(
    """
    INSERT INTO bulk.import_job (job_id, client_id, scopes, inputs, request_url, state, created_at, expires_at)
    VALUES (:job_id, :client, :scopes, CAST(:inputs AS jsonb), :request_url, 'accepted', :now, :expires_at)
    """
)
CLAIM = text(
    """
    UPDATE bulk.import_job SET state = 'running', attempt = attempt + 1, lease_until = :lease_until
    WHERE job_id = (
      SELECT job_id FROM bulk.import_job WHERE state = 'accepted' OR (state = 'running' AND lease_until <= :now)
      ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *
    """
)
HOLD = text(
    """
    UPDATE bulk.import_job SET lease_until = :lease_until, progress = :progress
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    """
)
LET_GO = text(
    """
    UPDATE bulk.import_job SET lease_until = :now
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    """
)
INPUT_DONE = text(
    """
    UPDATE bulk.import_job SET inputs_done = inputs_done + 1, results = results || CAST(:result AS jsonb)
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    """
)
FINISH = text(
    """
    UPDATE bulk.import_job SET state = :state, failure = :failure, finished_at = :now, expires_at = :expires_at,
      progress = :state
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    """
)


def ask(work: UnitOfWork, inputs: list[Input], request_url: str, *, keep: timedelta) -> str:
    """Queues an import and returns its id. Raises TooMuch, or BadRequest for an upload that is not the client's."""
    client = {"client": work.actor.actor_id}
    waiting = text(
        "SELECT count(*) FROM bulk.import_job WHERE client_id = :client AND state IN ('accepted', 'running')"
    )
    if work.connection.execute(waiting, client).scalar_one() >= MOST_WAITING_JOBS:
        raise TooMuch("This client has several imports under way. Wait for one to end, or delete one.")
    uploaded = {one.file_id for one in inputs if one.file_id is not None}
    ours = text("SELECT count(*) FROM bulk.import_file WHERE client_id = :client AND file_id = ANY(:ids)")
    if work.connection.execute(ours, client | {"ids": sorted(uploaded)}).scalar_one() != len(uploaded):
        raise BadRequest("An 'input' is an uploaded file that is not there any more. Upload it again.")
    job_id = new_id()
    work.connection.execute(
        INSERT,
        client
        | {
            "job_id": job_id,
            "scopes": list(work.actor.application.scopes),
            "inputs": json.dumps([asdict(one) for one in inputs]),
            "request_url": request_url,
            "now": work.now(),
            "expires_at": work.now() + keep,
        },
    )
    work.audit("bulk_import_requested", detail={"job_id": job_id, "files": len(inputs)})
    return job_id


def find(work: UnitOfWork, job_id: str) -> Row[Any]:
    query = text("SELECT * FROM bulk.import_job WHERE job_id = :job_id AND client_id = :client")
    row = work.connection.execute(query, {"job_id": job_id, "client": work.actor.actor_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such import for this client. It may have been deleted.")
    if row.state == "cancelled" or row.expires_at <= work.now():
        raise Gone("This import was deleted or has expired. What it had stored by then stays.")
    return row


def cancel(work: UnitOfWork, job_id: str) -> None:
    """A running one stops at its next report; what it has stored stays."""
    find(work, job_id)
    work.connection.execute(
        text("UPDATE bulk.import_job SET state = 'cancelled' WHERE job_id = :job_id"), {"job_id": job_id}
    )
    work.audit("bulk_import_deleted", detail={"job_id": job_id})


def add_file(work: UnitOfWork, file_id: str, size: int, *, keep: timedelta) -> None:
    client = {"client": work.actor.actor_id}
    held = text("SELECT count(*) FROM bulk.import_file WHERE client_id = :client AND expires_at > :now")
    if work.connection.execute(held, client | {"now": work.now()}).scalar_one() >= MOST_FILES:
        raise TooMuch(f"This client has {MOST_FILES} files here. Import them; they are deleted in time.")
    work.connection.execute(
        text(
            "INSERT INTO bulk.import_file (file_id, client_id, bytes, created_at, expires_at) "
            "VALUES (:file, :client, :bytes, :now, :end)"
        ),
        client | {"file": file_id, "bytes": size, "now": work.now(), "end": work.now() + keep},
    )
    work.audit("bulk_import_file_uploaded", detail={"file": file_id, "bytes": size})


def inputs_of(row: Row[Any]) -> list[Input]:
    return [Input(**one) for one in row.inputs]


def claim(connection: Connection, now: datetime) -> Row[Any] | None:
    """The next waiting job, or one whose runner died. Gives up a job that keeps failing."""
    row = connection.execute(CLAIM, {"now": now, "lease_until": now + LEASE}).one_or_none()
    if row is not None and row.attempt > MOST_ATTEMPTS:
        sentence = "The import was started several times and never came to an end. Look at the API's log."
        finish(connection, row, now=now, state="failed", failure=sentence, keep=timedelta(hours=1))
        return None
    return row


def hold(connection: Connection, job: Row[Any], *, now: datetime, progress: str) -> bool:
    """Renews the lease and tells the progress; False when the job was cancelled or taken over."""
    values = {"job_id": job.job_id, "attempt": job.attempt, "lease_until": now + LEASE, "progress": progress}
    return connection.execute(HOLD, values).rowcount == 1


def let_go(connection: Connection, job: Row[Any], *, now: datetime) -> None:
    """Leaves the job to whoever claims next: it goes on with the input that it was at."""
    connection.execute(LET_GO, {"job_id": job.job_id, "attempt": job.attempt, "now": now})


def input_done(connection: Connection, job: Row[Any], result: dict[str, Any]) -> bool:
    values = {"job_id": job.job_id, "attempt": job.attempt, "result": json.dumps([result])}
    return connection.execute(INPUT_DONE, values).rowcount == 1


def finish(
    connection: Connection,
    job: Row[Any],
    *,
    now: datetime,
    state: str,
    keep: timedelta,
    failure: str | None = None,
) -> bool:
    values = {"job_id": job.job_id, "attempt": job.attempt, "state": state, "failure": failure, "now": now}
    return connection.execute(FINISH, values | {"expires_at": now + keep}).rowcount == 1
