"""Runs import jobs in the background, input by input; what a dead runner leaves is taken up where it was left.

An input that was half stored is read again: what is there already is unchanged, so nothing is stored twice.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, text

from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.api.background import JobQueue, JobStopped
from ehr_core.api.bulk_import import jobs
from ehr_core.api.bulk_import.admission import Admission
from ehr_core.api.bulk_import.asked import Input, may_write
from ehr_core.api.bulk_import.files import ImportFiles, outcome_line, parts_of
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import AlmonerError, Forbidden, Gone
from ehr_core.kernel.logging import get_logger
from ehr_core.outside.addresses import reach_of
from ehr_core.outside.calls import CallFailed, calling
from ehr_core.store.import_problems import Problem
from ehr_core.store.importer import ImportSummary, ProcessStopped, import_parts
from ehr_core.store.origins import APPLICATION_SYSTEM, Origin

RUNNER_ID = "service:bulk-import"
FETCH_SECONDS = 3600.0
MOST_FETCHED_BYTES = 8 * 1024**3
LARGE_BYTES = 8 * 1024 * 1024
"""From here on the second that processes take to start is won back."""
MOST_PROCESSES = 2
SETTLED_SECONDS = 600.0
"""A file that is younger may be of a request that has not committed yet."""
MOST_PROBLEMS = 100_000
"""Lines of an errors file; more of them say nothing new."""

log = get_logger("bulk_import")


class ImportRunner(JobQueue):
    """One thread of the API process."""

    thread_name = "bulk-import"

    def __init__(self, parts: Parts):
        super().__init__()
        self.parts = parts
        self.files = ImportFiles(parts.settings.state_folder, parts.secrets)
        self.keep = timedelta(hours=parts.settings.bulk_file_hours)

    def claim(self) -> Row[Any] | None:
        with self._system() as connection:
            return jobs.claim(connection, self.parts.clock.now())

    def run(self, job: Row[Any]) -> None:
        for number, one in list(enumerate(jobs.inputs_of(job)))[job.inputs_done :]:
            actor = self._actor(job, one)
            try:
                result = self._import(job, number, one, actor)
            except ProcessStopped:
                self._let_go(job)
                raise JobStopped from None
            with self._system() as connection:
                if not jobs.input_done(connection, job, result):
                    raise JobStopped
        self._finish(job, "completed", None)
        log.info("bulk_import_completed", job_id=job.job_id, files=len(job.inputs))

    def _let_go(self, job: Row[Any]) -> None:
        """A process of this import was killed: whoever claims next goes on with the input that it was at."""
        log.warning("bulk_import_process_died", job_id=job.job_id, attempt=job.attempt)
        with self._system() as connection:
            jobs.let_go(connection, job, now=self.parts.clock.now())

    def _actor(self, job: Row[Any], one: Input) -> Actor:
        """The application as it may act now; its right to import is judged anew before each file."""
        client_id = job.client_id.removeprefix("app:")
        actor = self.parts.identity.application_today(ApplicationGrant(client_id, tuple(job.scopes)))
        fine = actor is not None and actor.may("bulk.import")
        if not fine or not may_write(actor.application.scopes, one.type_name):
            raise Forbidden("The application that asked for this import may not import this type any more.")
        return actor

    def _import(self, job: Row[Any], number: int, one: Input, actor: Actor) -> dict[str, Any]:
        path = self.files.upload(one.file_id) if one.file_id else self._fetched(job, number, one)
        if not path.exists():
            raise Gone(f"The file of input {number + 1} is not there any more. Upload it again.")
        identifier = {"system": APPLICATION_SYSTEM, "value": actor.application.client_id}
        who = {"type": "Device", "identifier": identifier, "display": actor.name}
        origin = Origin(job.job_id, f"Bulk import of {one.shown}", who)
        told = Told(job, number, one.type_name, self)
        problems: list[Problem] = []

        def note(problem: Problem) -> None:
            if len(problems) < MOST_PROBLEMS:
                problems.append(problem)

        with closing(self.files.read(path)) as chunks:
            summary = import_parts(
                self.parts.database,
                Actor(actor.actor_id, "service", actor.name, (), frozenset({"fhir.write"})),
                parts_of(one.shown, chunks),
                processes=self._processes(path),
                report=told.so_far,
                problem=note,
                site_time_zone=self.parts.settings.site_time_zone,
                origin=origin,
                admit=Admission(actor, one.type_name, self.parts.settings.site_time_zone),
                settings=self.parts.settings,
            )
        name = f"errors-{number + 1:04d}.ndjson"
        if problems:
            self.files.write(self.files.of_job(job.job_id, name), map(outcome_line, problems))
        return {
            "type": one.type_name,
            "url": one.shown,
            "count": summary.read - summary.rejected,
            "created": summary.created.total(),
            "updated": summary.updated.total(),
            "rejected": summary.rejected,
            "errors": len(problems),
            "error_file": name if problems else None,
        }

    @staticmethod
    def _processes(path: Path) -> int:
        """A large file has processes of its own: one alone would be slow, and slow down what this process answers."""
        return min(os.cpu_count() or 1, MOST_PROCESSES) if path.stat().st_size >= LARGE_BYTES else 1

    def _fetched(self, job: Row[Any], number: int, one: Input) -> Any:
        """The file, fetched once and sealed at once; a runner that takes over finds it whole or fetches it again."""
        path = self.files.of_job(job.job_id, f"input-{number + 1:04d}")
        if path.exists():
            return path
        headers = {"Accept": "application/fhir+ndjson, application/ndjson", "User-Agent": "Almoner"}
        reach = reach_of(self.parts.settings)
        with calling("GET", one.url, reach=reach, seconds=FETCH_SECONDS, headers=headers) as reply:
            if reply.status != 200:
                raise CallFailed(f"Input {number + 1} could not be fetched: the answer was {reply.status}.")
            self.files.write(path, self._telling(job, number, reply.chunks(MOST_FETCHED_BYTES)))
        return path

    def _telling(self, job: Row[Any], number: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        fetched, told = 0, 0
        for chunk in chunks:
            fetched += len(chunk)
            if fetched - told > 16 * 1024 * 1024:
                told = fetched
                self.tell(job, f"file {number + 1} of {len(job.inputs)}: {fetched // 1024**2:,} MB fetched")
            yield chunk

    def tell(self, job: Row[Any], progress: str) -> None:
        """Raises JobStopped when the job is not this runner's any more."""
        with self._system() as connection:
            held = jobs.hold(connection, job, now=self.parts.clock.now(), progress=progress)
        if not held or self._ending.is_set():
            raise JobStopped

    def fail(self, job: Row[Any], error: Exception) -> None:
        self._finish(job, "failed", _sentence(error))

    def _finish(self, job: Row[Any], state: str, failure: str | None) -> None:
        with self._system() as connection:
            now = self.parts.clock.now()
            jobs.finish(connection, job, now=now, state=state, failure=failure, keep=self.keep)

    def sweep(self) -> None:
        """Removes the rows and files of what is over; uploads live until they expire."""
        now = {"now": self.parts.clock.now()}
        with self._system() as connection:
            connection.execute(
                text("DELETE FROM bulk.import_job WHERE expires_at <= :now OR state = 'cancelled'"), now
            )
            connection.execute(text("DELETE FROM bulk.import_file WHERE expires_at <= :now"), now)
            kept = set(connection.execute(text("SELECT job_id FROM bulk.import_job")).scalars())
            kept |= set(connection.execute(text("SELECT file_id FROM bulk.import_file")).scalars())
        for path in (*self.files.folder.glob("jobs/*"), *self.files.folder.glob("uploads/*")):
            if path.name not in kept and time.time() - path.stat().st_mtime > SETTLED_SECONDS:
                _remove(path)

    def _system(self) -> Any:
        return self.parts.database.transaction(actor_id=RUNNER_ID, reach="all", patient_id=None)


class Told:
    """Says after every part how far an input is, and thereby holds the job."""

    def __init__(self, job: Row[Any], number: int, type_name: str, runner: ImportRunner):
        self.job, self.number, self.type_name, self.runner = job, number, type_name, runner

    def so_far(self, summary: ImportSummary) -> None:
        words = f"file {self.number + 1} of {len(self.job.inputs)}: {summary.read:,} {self.type_name} read"
        self.runner.tell(self.job, words)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sentence(error: Exception) -> str:
    """Why an import failed and what to do, without a word of the record."""
    if isinstance(error, AlmonerError):
        return error.message
    if isinstance(error, OSError):
        return (
            "The import folder cannot be used: it may be full. Look at its disk, then start the import again."
        )
    return (
        f"The import failed ({type(error).__name__}). The API's log says when; start it again, or report it. What was "
        "stored by then stays."
    )
