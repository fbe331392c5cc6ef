"""Opens NLM's monthly RxNorm file: the tables in its zip, line by line; nothing is ever unpacked to disk.

Raises BadRequest for what is no such file, for a path that leads out of the archive, and for one that grows beyond what
a release holds.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ehr_core.kernel.errors import BadRequest

TABLES = ("RXNCONSO", "RXNREL", "RXNSAT", "RXNSAB")
MOST_BYTES = 6 * 2**30
"""Of one table unpacked; the largest of a full release is about a sixth of it."""
MOST_RATIO = 200
"""Unpacked to packed. Text of this kind packs ten to twenty times; a bomb a thousand times."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class ReleaseFile:
    """The tables of one release."""

    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    name: str

    def rows(self, table: str) -> Iterator[list[str]]:
        """Each line as its fields. Raises BadRequest where the table is damaged or larger than it says."""
        member, read = self.members[table], 0
        try:
            with self.archive.open(member) as lines:
                for line in lines:
                    read += len(line)
                    if read > member.file_size:
                        raise BadRequest(
                            f"'{member.filename}' is larger than it says. Download the file again."
                        )
                    yield line.decode("utf-8").rstrip("\r\n").split("|")
        except (
            zipfile.BadZipFile,
            UnicodeDecodeError,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise BadRequest(f"'{member.filename}' is damaged. Download the file again.") from error


@contextmanager
def open_release(path: Path) -> Iterator[ReleaseFile]:
    """The release in a zip. Raises BadRequest saying what is wrong with it."""
    if not path.is_file():
        raise BadRequest(f"There is no file '{path}'. Give NLM's RxNorm full monthly release as a zip.")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise BadRequest(
            f"'{path.name}' is no zip file. Give NLM's monthly RxNorm release as it came."
        ) from error
    with archive:
        yield ReleaseFile(archive, {table: _member(archive, table) for table in TABLES}, path.name)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _member(archive: zipfile.ZipFile, table: str) -> zipfile.ZipInfo:
    """The table nearest the root: a full release holds the prescribable subset once more, deeper."""
    for one in archive.infolist():
        if _leads_out(one.filename):
            raise BadRequest(
                f"The file holds a path that leads out of it ('{one.filename}'). It is not NLM's."
            )
    found = [one for one in archive.infolist() if PurePosixPath(one.filename).name == f"{table}.RRF"]
    if not found:
        raise BadRequest(
            f"The file holds no {table}.RRF. Give NLM's RxNorm monthly release, not its updates."
        )
    member = min(found, key=lambda one: (one.filename.count("/"), one.filename))
    if member.file_size > MOST_BYTES or member.file_size > MOST_RATIO * max(member.compress_size, 1):
        raise BadRequest(f"'{member.filename}' unpacks to more than a release can hold. It was not opened.")
    return member


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name
