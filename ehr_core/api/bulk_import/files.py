"""Files of an import at rest, always sealed: what was uploaded, what was fetched, and the errors of each input."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from ehr_core.api.bulk.sealed_files import SealedWriter, file_key, read_sealed
from ehr_core.kernel.errors import Unavailable
from ehr_core.kernel.secrets import Secrets
from ehr_core.store.import_problems import Problem
from ehr_core.store.import_sources import LARGEST_LINE, PART_BYTES, Part

PART_ENDING = ".part"
FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL = "The disk of the import folder is full. Have some space freed there, then try again."


class ImportFiles:
    """Below the state folder: `uploads/<file>`, `jobs/<job>/<name>`."""

    def __init__(self, state_folder: Path, secrets: Secrets):
        self.folder = state_folder / "bulk-import"
        self._master = secrets.bulk_file_key

    def upload(self, file_id: str) -> Path:
        return self.folder / "uploads" / file_id

    def of_job(self, job_id: str, name: str = "") -> Path:
        return self.folder / "jobs" / job_id / name

    def write(self, path: Path, chunks: Iterable[bytes]) -> int:
        """Seals the chunks under the path's own key; the file has its name when it is whole. Returns the bytes.

        What was written of one that does not become whole is removed. Raises Unavailable when the disk is full.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(path.name + PART_ENDING)
        draft.unlink(missing_ok=True)
        try:
            with SealedWriter(draft, self._key(path)) as writer:
                for chunk in chunks:
                    writer.write(chunk)
            draft.rename(path)
        except BaseException as error:
            draft.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in FULL:
                raise Unavailable(DISK_FULL) from error
            raise
        return writer.plain_bytes

    def read(self, path: Path) -> Iterator[bytes]:
        return read_sealed(path, self._key(path))

    def _key(self, path: Path) -> bytes:
        return file_key(self._master, f"import/{path.relative_to(self.folder)}")


def parts_of(name: str, chunks: Iterable[bytes]) -> Iterator[Part]:
    """The lines of an NDJSON file in parts; a line that is longer than any resource is cut, and refused when parsed."""
    part = Part(0, name)
    for number, line in enumerate(_lines(chunks), start=1):
        if not line.strip():
            continue
        part.lines.append((number, line))
        part.size += len(line)
        if part.size >= PART_BYTES:
            yield part
            part = Part(0, name)
    if part.lines:
        yield part


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting = b""
    for chunk in chunks:
        *whole, waiting = (waiting + chunk).split(b"\n")
        yield from whole
        waiting = waiting[:LARGEST_LINE]
    if waiting:
        yield waiting


def outcome_line(problem: Problem) -> bytes:
    """One problem as a line of OperationOutcome: which line of the file, which element, what. No value of it."""
    issue = {
        "severity": "warning" if problem.kept else "error",
        "code": "processing" if problem.kept else "invalid",
        "diagnostics": f"Line {problem.line}: {problem.path} {problem.reason}".replace("  ", " "),
    }
    if problem.path:
        issue["expression"] = [problem.path]
    return msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [issue]}) + b"\n"
