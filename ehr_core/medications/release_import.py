"""Puts one RxNorm release in the place of the one before, in a single transaction; the same file changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.medications.release_concepts import Row, read_release, rows_of, version_of
from ehr_core.medications.release_file import open_release, sha256_of

CURRENT = text("SELECT version, sha256, concepts FROM medications.rxnorm_release")
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('medications.rxnorm_release'))")
NOTE = text("""
INSERT INTO medications.rxnorm_release (version, sha256, concepts, imported_at, imported_by)
VALUES (:version, :sha256, :concepts, :at, :by)
""")
COLUMNS = ", ".join(Row._fields)
INSERT = f"INSERT INTO medications.rxnorm_concept ({COLUMNS}) VALUES ({', '.join(['%s'] * len(Row._fields))})"
"""Row by row, in one pipeline: COPY does not work with row-level security."""


@dataclass(frozen=True)
class Imported:
    version: str
    concepts: int
    changed: bool


def import_release(work: UnitOfWork, path: Path, report: Callable[[str], None]) -> Imported:
    """Raises BadRequest saying what is wrong with the file; the release that is there then stays.

    `report` is told each step in words.
    """
    with open_release(path) as file:
        version, sha256 = version_of(file), sha256_of(path)
        work.connection.execute(LOCK)
        before = work.connection.execute(CURRENT).one_or_none()
        if before is not None and before.sha256 == sha256:
            return Imported(before.version, before.concepts, changed=False)
        report(f"Reading RxNorm {version}")
        rows = list(rows_of(read_release(file)))
    report(f"Writing {len(rows):,} concepts")
    _replace(work, rows)
    noted = {"version": version, "sha256": sha256, "concepts": len(rows), "at": work.now()}
    work.connection.execute(NOTE, noted | {"by": work.actor.name})
    work.audit("rxnorm_imported", detail={"version": version, "concepts": len(rows)})
    return Imported(version, len(rows), changed=True)


def _replace(work: UnitOfWork, rows: list[Row]) -> None:
    for table in ("rxnorm_release", "rxnorm_concept"):
        work.connection.execute(text(f"DELETE FROM medications.{table}"))
    with work.connection.connection.cursor() as cursor:
        cursor.executemany(INSERT, rows)
