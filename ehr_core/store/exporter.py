"""Streams resources out of the store as NDJSON, byte for byte as they are kept, in bounded memory.

The database joins each resource with its end of line, so that a column as it comes is a piece of the file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.dialects import postgresql

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database
from ehr_core.db.twin import Twin, twin_of
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import Conflict, Unavailable
from ehr_core.kernel.sealed_body import holds_sealed, opened
from ehr_core.kernel.settings import Settings
from ehr_core.store.content import instant_text
from ehr_core.store.resource_types import RESOURCE_TYPES, resource_type
from ehr_core.store.tables import current_table
from ehr_core.store.visible import Sight

CHUNK_BYTES = 1024 * 1024
DELETIONS_IN_BUNDLE = 1000
PART_ENDING = ".part"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
LONGEST_TRANSACTION = timedelta(days=1)
"""No transaction is open for longer, and no host's clock is wrong by more: what is older need not be looked at."""

UNSEEN = (
    " AND last_updated > %s AND (last_updated > %s"
    " OR age(xmin) <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    " + age(pg_snapshot_xmax(pg_current_snapshot())::xid) - %s)"
)
"""By the transaction that wrote the row, counted back from the moment that age() looks from, which is later than the
snapshot. `xmin` has 32 bits: one of two thousand million transactions ago looks new, so a row may come twice, never not
at all. `last_updated` alone is on an index and keeps the look short."""


@dataclass
class ExportSummary:
    """Resources and bytes written, by type."""

    resources: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """Which rows an export takes; all of them unless told otherwise.

    `patient_ids`: these patients' records only. `of_one_patient`: no row that is not one patient's.
    `since`: what was written after that instant. `unseen_from`: also what that transaction or a later one wrote,
    whatever the clock said: a transaction that was under way at the instant commits after it.
    `sight`: only the rows that the policy opens to this actor; for our own services, which see all, without.
    `matching`: more conditions on the current rows of a type, and their values; deletions are told whatever they are.
    """

    patient_ids: Sequence[str] | None = None
    of_one_patient: bool = False
    since: datetime | None = None
    unseen_from: int | None = None
    sight: Sight | None = None
    matching: Mapping[str, tuple[str, tuple[Any, ...]]] = field(default_factory=dict)

    def conditions(self, type_name: str, *, deleted: bool = False) -> tuple[str, tuple[Any, ...]]:
        """More conditions of a WHERE clause, and their values."""
        where, matched = ("", ()) if deleted else self.matching.get(type_name, ("", ()))
        values = list(matched)
        for condition in self.sight.rows(type_name, current_table(type_name).c) if self.sight else ():
            where += f" AND {as_sql(condition)}"
        if self.patient_ids is not None:
            where += f" AND {'id' if type_name == 'Patient' else 'patient_id'} = ANY(%s)"
            values.append(list(self.patient_ids))
        elif self.of_one_patient:
            where += " AND patient_id IS NOT NULL"
        if self.since is not None and self.unseen_from is None:
            where += " AND last_updated > %s"
            values.append(self.since)
        elif self.since is not None:
            where += UNSEEN
            values += [self.since - LONGEST_TRANSACTION, self.since, self.unseen_from]
        return where, tuple(values)


def as_sql(condition: ColumnElement[bool]) -> str:
    """A condition of the policy as text, to stand in a statement of the driver."""
    words = condition.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    return f"({words})"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole NDJSON lines, and how many resources they are."""

    lines: bytes
    resources: int


def stream_type(
    twin: Twin,
    type_name: str,
    wanted: Wanted | None = None,
    *,
    whose: set[str] | None = None,
) -> Generator[Chunk]:
    """Current resources of a type in chunks of about 1 MB or one longer line.

    Sees what the twin's actor may see. `whose` gathers the patients of the resources that were handed out.
    """
    where, values = (wanted or Wanted()).conditions(type_name)
    table = f'fhir."{resource_type(type_name).table}"'
    sql = rf"SELECT body || E'\n', patient_id FROM {table} WHERE NOT deleted{where}"
    with closing(twin.read(sql, values)) as batches:
        for batch in batches:
            if whose is not None:
                whose.update(filter(None, batch.column(1).unique().to_pylist()))
            yield Chunk(_opened(_joined(batch.column(0))), batch.num_rows)


def deleted_since(
    connection: Connection,
    type_names: Sequence[str],
    wanted: Wanted,
) -> Generator[Chunk]:
    """What was deleted since, as transaction Bundles with a DELETE for each resource."""
    return in_chunks(_deletion_bundles(connection, type_names, wanted))


def export_folder(
    database: Database,
    actor: Actor,
    folder: Path | str,
    *,
    report: Callable[[ExportSummary], None] | None = None,
) -> ExportSummary:
    """Writes the whole store, as one moment of it, into an empty folder: `<Type>.ndjson` for each type that has any.

    The files get their names together, when all of them are on disk and the export is in the audit log; an export that
    fails leaves the folder empty, and what one that was killed has left is cleared away by the next.
    Raises Conflict when the folder holds anything else, Unavailable when the disk is full or the database goes away.
    """
    actor.require("bulk.export")
    summary, started = ExportSummary(), time.monotonic()
    with _own_folder(Path(folder)) as target:
        with begin(
            database, actor, SystemClock(), Settings().site_time_zone, isolation="REPEATABLE READ"
        ) as work:
            with twin_of(work.connection) as twin:
                for type_name in RESOURCE_TYPES:
                    _write_type(twin, type_name, target, summary)
                    summary.seconds = time.monotonic() - started
                    if report:
                        report(summary)
            work.audit(
                "export",
                patient_ids=work.connection.exec_driver_sql("SELECT id FROM fhir.patient").scalars(),
                detail={"resources": dict(summary.resources)},
            )
        for part in target.glob(f"*{PART_ENDING}"):
            part.rename(part.with_suffix(""))
    return summary


def _write_type(twin: Twin, type_name: str, folder: Path, summary: ExportSummary) -> None:
    """One `.part` file; none for a type without resources."""
    chunks = stream_type(twin, type_name)
    first = next(chunks, None)
    if first is None:
        return
    with (folder / f"{type_name}.ndjson{PART_ENDING}").open("xb") as file:
        for chunk in chain([first], chunks):
            file.write(chunk.lines)
            summary.resources[type_name] += chunk.resources
            summary.bytes += len(chunk.lines)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    """The folder, empty and locked against another export; what was written into it goes when its export fails."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            _clear_unfinished(folder)
            if any(folder.iterdir()):
                raise Conflict(f"The export folder '{folder}' is not empty. Choose an empty one.")
            try:
                yield folder
            except BaseException:
                _remove_files(folder)
                raise
    except OSError as error:
        if error.errno in DISK_FULL:
            raise Unavailable(
                f"The disk of '{folder}' is full. Make room or choose another folder, and export again."
            ) from error
        raise Unavailable(f"The export folder '{folder}' cannot be used ({error.strerror}).") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder until the export ends, in whichever way. Raises Conflict when another one holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not _taken(descriptor):
            raise Conflict(f"Another export is writing into '{folder}'. Choose another folder.")
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear_unfinished(folder: Path) -> None:
    """Removes what a killed export has left: a `.part` file says so, and then every file must be an export's own."""
    names = {path.name for path in folder.iterdir()}
    own = {f"{type_name}.ndjson" for type_name in RESOURCE_TYPES}
    unfinished = any(name.endswith(PART_ENDING) for name in names)
    if unfinished and {name.removesuffix(PART_ENDING) for name in names} <= own:
        _remove_files(folder)


def _remove_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink(missing_ok=True)


def _joined(bodies: pyarrow.StringArray) -> bytes:
    """The text of all rows, as it lies one after another in the column."""
    _, offsets, text = bodies.buffers()
    limits = memoryview(offsets).cast("i")
    return bytes(memoryview(text)[limits[bodies.offset] : limits[bodies.offset + len(bodies)]])


def _opened(lines: bytes) -> bytes:
    """Where a line holds a sealed value, each is looked at. JSON that is kept in one line has no end of line in it."""
    if not holds_sealed(lines):
        return lines
    return b"".join(opened(line) + b"\n" for line in lines.split(b"\n")[:-1])


def in_chunks(lines: Iterable[bytes]) -> Generator[Chunk]:
    """Lines, each with its end, joined up to CHUNK_BYTES."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        if waiting and size + len(line) > CHUNK_BYTES:
            yield Chunk(b"".join(waiting), len(waiting))
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        yield Chunk(b"".join(waiting), len(waiting))


def _deletion_bundles(connection: Connection, type_names: Sequence[str], wanted: Wanted) -> Generator[bytes]:
    for type_name in type_names:
        where, values = wanted.conditions(type_name, deleted=True)
        sql = (
            f'SELECT id, last_updated FROM fhir."{resource_type(type_name).table}" WHERE deleted{where} '
            "ORDER BY last_updated, id"
        )
        rows = connection.exec_driver_sql(sql, values)
        for group in rows.partitions(DELETIONS_IN_BUNDLE):
            entries = [{"request": {"method": "DELETE", "url": f"{type_name}/{row.id}"}} for row in group]
            bundle = {
                "resourceType": "Bundle",
                "type": "transaction",
                "meta": {"lastUpdated": instant_text(group[-1].last_updated)},
                "entry": entries,
            }
            yield msgspec.json.encode(bundle) + b"\n"
