"""Opens a package that comes as a .zip or .tgz: its files go into a folder of their own, which ends with the reading.

An archive comes from outside. A path that leads out, a link, a locked file and what grows beyond measure are refused;
nothing in it decides where anything is written: each file is numbered.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from ehr_core.kernel.errors import BadRequest, TooMuch

TARRED, ZIPPED = (".tgz", ".tar.gz", ".tar"), (".zip",)
READ = (".json", ".json.gz", ".ndjson", ".ndjson.gz")
LARGEST_UNPACKED, LARGEST_FILE = 500_000_000, 200_000_000
"""Bytes of an archive as it unpacks, and of one file in it."""
MOST_FILES = 20_000
MOST_GROWTH, SMALL = 100, 4_000_000
"""How often larger than its packed form an archive may be, once it has unpacked to more than SMALL."""
CHUNK = 1_000_000
NOT_COUNTED = "cases"
"""Published test cases lie in a folder of that name and are no part of a package."""


class BadArchive(BadRequest):
    """The archive is not one that can be taken in; the message names the file in it."""


class ArchiveTooLarge(TooMuch):
    http_status, exit_code, fhir_issue_code = 413, 2, "too-long"


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder that an archive's files were put into, for as long as it is read; anything else as it is.

    Raises BadArchive or ArchiveTooLarge.
    """
    name = path.name.lower()
    if not path.is_file() or not name.endswith((*TARRED, *ZIPPED)):
        yield path
        return
    with TemporaryDirectory(prefix="package-") as place:
        folder, room = Path(place), _Room(path.stat().st_size)
        try:
            members = _zipped(path, room) if name.endswith(ZIPPED) else _tarred(path, room)
            for number, (inner, source) in enumerate(members):
                _write(folder / f"{number:05d}-{inner.name[-80:]}", inner, source, room)
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            zlib.error,
            gzip.BadGzipFile,
            EOFError,
            OSError,
        ) as error:
            raise BadArchive(
                f"'{path.name}' is no whole archive ({type(error).__name__}). Pack or fetch it again."
            ) from None
        yield folder


class _Room:
    """How much has been unpacked, and whether that can still be a package."""

    def __init__(self, packed: int):
        self._packed, self._unpacked, self._files = packed, 0, 0

    def member(self) -> None:
        self._files += 1
        if self._files > MOST_FILES:
            raise ArchiveTooLarge(f"The archive holds more than {MOST_FILES:,} files.")

    def take(self, size: int) -> None:
        self._unpacked += size
        if self._unpacked > LARGEST_UNPACKED:
            raise ArchiveTooLarge(f"The archive unpacks to more than {LARGEST_UNPACKED // 1_000_000} MB.")
        if self._unpacked > SMALL and self._unpacked > MOST_GROWTH * self._packed:
            raise ArchiveTooLarge(f"The archive unpacks to more than {MOST_GROWTH} times its size.")


class _Counted(io.RawIOBase):
    """A stream whose bytes take room as they are unpacked: what a tar skips takes room too."""

    def __init__(self, source: IO[bytes], room: _Room):
        self._source, self._room = source, room

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = self._source.read(CHUNK if size < 0 else size)
        self._room.take(len(found))
        return found


def _zipped(path: Path, room: _Room) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            room.member()
            inner = _inner(member.filename)
            mode = member.external_attr >> 16
            if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
                raise BadArchive(f"'{_shown(member.filename)}' in the archive is a link or no plain file.")
            if member.flag_bits & 1:
                raise BadArchive(f"'{_shown(member.filename)}' in the archive is locked by a password.")
            if not member.is_dir() and _is_read(inner):
                with archive.open(member) as source:
                    yield inner, _Counted(source, room)


def _tarred(path: Path, room: _Room) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    plain = path.name.lower().endswith(".tar")
    with path.open("rb") as packed:
        source = packed if plain else gzip.GzipFile(fileobj=packed)
        with tarfile.open(fileobj=_Counted(source, room), mode="r|") as archive:
            for member in archive:
                room.member()
                inner = _inner(member.name)
                if not (member.isreg() or member.isdir()):
                    raise BadArchive(f"'{_shown(member.name)}' in the archive is a link or no plain file.")
                held = archive.extractfile(member) if member.isreg() and _is_read(inner) else None
                if held is not None:
                    yield inner, held


def _inner(name: str) -> PurePosixPath:
    """Where it lies in the archive. Raises BadArchive for whatever leads out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(sign in name for sign in ("\\", "\0", ":")):
        raise BadArchive(f"'{_shown(name)}' leads out of the archive. Do not use an archive that tries that.")
    return path


def _is_read(inner: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") for part in inner.parts)
    return inner.name.lower().endswith(READ) and NOT_COUNTED not in inner.parts[:-1] and not hidden


def _write(target: Path, inner: PurePosixPath, source: IO[bytes], room: _Room) -> None:
    """A file that unpacks further (.gz) takes the room of what it unpacks to."""
    size = 0
    with target.with_suffix("" if inner.suffix == ".gz" else target.suffix).open("wb") as out:
        stream = gzip.GzipFile(fileobj=source) if inner.suffix == ".gz" else source
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if inner.suffix == ".gz":
                room.take(len(chunk))
            if size > LARGEST_FILE:
                raise ArchiveTooLarge(
                    f"'{_shown(inner.name)}' in the archive is larger than {LARGEST_FILE // 1_000_000} MB."
                )
            out.write(chunk)


def _shown(name: str) -> str:
    return re.sub(r"[^\w ./-]", "?", name)[-80:]
