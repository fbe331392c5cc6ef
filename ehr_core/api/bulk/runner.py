"""Runs export jobs in the background: one snapshot of the record, streamed from PostgreSQL into sealed files."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Generator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import SQLAlchemyError

from ehr_core.access.identity import Identity
from ehr_core.access.unit_of_work import begin
from ehr_core.api.background import JobQueue, JobStopped
from ehr_core.api.bulk import jobs
from ehr_core.api.bulk.left_out import exporter_today, left_out, outcomes
from ehr_core.api.bulk.sealed_files import SealedWriter, file_key
from ehr_core.api.bulk.selection import Selection, patients_in, select_for
from ehr_core.db.database import Database
from ehr_core.db.twin import twin_of
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings
from ehr_core.store.exporter import Chunk, deleted_since, in_chunks, stream_type

RUNNER_ID = "service:bulk-export"
MOST_FILE_BYTES = 512 * 1024 * 1024
TELL_EVERY_BYTES = 16 * 1024 * 1024

SNAPSHOT = text(
    """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS outbox_transaction,
      date_trunc('milliseconds', transaction_timestamp()) AS at
    """
)
"""What the files have seen is told by transactions: those from `outbox_transaction` on may be missing, whatever their
clock says. `at` is only the name by which a client asks for what came after; milliseconds survive in every client."""

log = get_logger("bulk_export")


class BulkRunner(JobQueue):
    """One thread of the API process. A job that it leaves behind when it dies is started again by the next one."""

    thread_name = "bulk-export"

    def __init__(
        self, database: Database, clock: Clock, settings: Settings, secrets: Secrets, identity: Identity
    ):
        super().__init__()
        self.database = database
        self.clock = clock
        self.settings = settings
        self.secrets = secrets
        self.identity = identity
        self.folder = settings.state_folder / "bulk"

    def claim(self) -> Row[Any] | None:
        with self._system() as connection:
            return jobs.claim(connection, self.clock.now())

    def sweep(self) -> None:
        """Removes files of jobs that are gone, cancelled or expired, and the rows of expired ones."""
        with self._system() as connection:
            over = "expires_at <= :now OR state = 'cancelled'"
            connection.execute(text(f"DELETE FROM bulk.job WHERE {over}"), {"now": self.clock.now()})
            living = {row.job_id for row in connection.execute(text("SELECT job_id FROM bulk.job"))}
        for folder in self.folder.glob("*"):
            if folder.name not in living:
                shutil.rmtree(folder, ignore_errors=True)

    def run(self, job: Row[Any]) -> None:
        folder = self.folder / job.job_id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        actor = exporter_today(self.identity, job.client_id, job.resource_types)
        with begin(
            self.database, actor, self.clock, self.settings.site_time_zone, isolation="REPEATABLE READ"
        ) as work:
            snapshot = work.connection.execute(SNAPSHOT).one()
            selection = select_for(work, job, f"{self.settings.issuer}/fhir")
            exported: set[str] = set()
            files = self._write_all(work.connection, job, selection, folder, exported)
            work.audit(
                "bulk_export",
                patient_ids=patients_in(work.connection, selection, exported),
                detail={"job_id": job.job_id, "level": job.level, "files": len(files)},
            )
        self._complete(job, files, snapshot.at, snapshot.outbox_transaction)

    def _write_all(
        self,
        connection: Connection,
        job: Row[Any],
        selection: Selection,
        folder: Path,
        exported: set[str],
    ) -> list[jobs.ExportedFile]:
        files: list[jobs.ExportedFile] = []
        with twin_of(connection) as twin:
            for resource_type in selection.resource_types:
                chunks = stream_type(twin, resource_type, selection.wanted, whose=exported)
                files += self._write_type(job, folder, "output", resource_type, chunks)
        if job.since is not None:
            bundles = deleted_since(connection, selection.resource_types, selection.wanted)
            files += self._write_type(job, folder, "deleted", "Bundle", bundles)
        if sentences := left_out(selection):
            files += self._write_type(
                job, folder, "error", "OperationOutcome", in_chunks(outcomes(sentences))
            )
        return files

    def _write_type(
        self, job: Row[Any], folder: Path, kind: str, resource_type: str, chunks: Generator[Chunk]
    ) -> list[jobs.ExportedFile]:
        """Sealed files of one type, each of at most MOST_FILE_BYTES and whole lines; no file for no resource."""
        with closing(chunks):
            return self._write_files(job, folder, kind, resource_type, chunks)

    def _write_files(
        self, job: Row[Any], folder: Path, kind: str, resource_type: str, chunks: Generator[Chunk]
    ) -> list[jobs.ExportedFile]:
        files: list[jobs.ExportedFile] = []
        chunk = next(chunks, None)
        while chunk is not None:
            name = f"{kind}-{resource_type}-{len(files) + 1:04d}.ndjson"
            key = file_key(self.secrets.bulk_file_key, f"{job.job_id}/{name}")
            resources = 0
            with SealedWriter(folder / name, key) as writer:
                told = 0
                while chunk is not None and writer.plain_bytes < MOST_FILE_BYTES:
                    writer.write(chunk.lines)
                    resources += chunk.resources
                    if writer.plain_bytes >= told + TELL_EVERY_BYTES:
                        told = writer.plain_bytes
                        self._tell(job, f"{resource_type}: {resources:,} resources")
                    chunk = next(chunks, None)
            files.append(jobs.ExportedFile(name, kind, resource_type, resources, writer.plain_bytes))
            self._tell(job, f"{resource_type}: done")
        return files

    def _tell(self, job: Row[Any], progress: str) -> None:
        with self._system() as connection:
            held = jobs.hold(connection, job, now=self.clock.now(), progress=progress)
        if not held or self._ending.is_set():
            raise JobStopped

    def _complete(
        self, job: Row[Any], files: list[jobs.ExportedFile], at: datetime, outbox_transaction: str
    ) -> None:
        with self._system() as connection:
            done = jobs.finish(
                connection,
                job,
                now=self.clock.now(),
                state="completed",
                transaction_time=at,
                outbox_transaction=outbox_transaction,
                files=files,
                keep=timedelta(hours=self.settings.bulk_file_hours),
            )
        if not done:
            raise JobStopped
        log.info("bulk_export_completed", job_id=job.job_id, files=len(files))

    def fail(self, job: Row[Any], error: Exception) -> None:
        shutil.rmtree(self.folder / job.job_id, ignore_errors=True)
        with self._system() as connection:
            jobs.finish(connection, job, now=self.clock.now(), state="failed", failure=_sentence(error))

    def _system(self):
        return self.database.transaction(actor_id=RUNNER_ID, reach="all", patient_id=None)


def _sentence(error: Exception) -> str:
    """Why an export failed and what to do, without a word of the record."""
    if isinstance(error, AlmonerError):
        return error.message
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of the export folder is full. Free some space, then start the export again."
    if isinstance(error, OSError):
        return "The export folder cannot be written. Check its permissions, then start the export again."
    if isinstance(error, psycopg.errors.DiskFull):
        return "The database's disk is full. Free some space, then start the export again."
    if isinstance(error, (psycopg.Error, SQLAlchemyError)):
        return "The database did not answer to the end. Start the export again."
    return (
        f"The export failed ({type(error).__name__}). The API's log says when; start it again, or report it."
    )
