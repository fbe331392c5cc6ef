"""What there is to import: files and folders, gzipped or not, cut into parts that a process can take."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ehr_core.kernel.errors import BadRequest

LINE_ENDINGS = (".ndjson", ".jsonl")
DOCUMENT_ENDINGS = (".json",)
PART_BYTES = 3 * 1024 * 1024
"""About how much text one part holds, so that its resources are one transaction; a single document may be larger."""
FILES_IN_PART = 16
LARGEST_LINE = 17 * 1024 * 1024
FIRST_NAMES = ("hospitalinformation", "practitionerinformation")
"""Synthea writes its directory in files of these names; patients' files refer to what is in them."""
UNREADABLE = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Source:
    """A file to import. `name` is what reports call it; `first` says that others refer to it."""

    path: Path
    name: str
    first: bool
    lines: bool

    @property
    def size(self) -> int:
        """Bytes on disk; 0 when that cannot be told."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


@dataclass
class Part:
    """A piece of the input. `lines` are (line number, bytes); `documents` are files that are read by the process.

    `resources` are (number, type, bytes) handed in by a program. `order` is the file's place in the import.
    `unreadable` is (line, reason) when reading the file's lines failed there.
    """

    order: int
    name: str
    size: int = 0
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    documents: list[tuple[int, Source]] = field(default_factory=list)
    resources: list[tuple[int, str, bytes]] = field(default_factory=list)
    unreadable: tuple[int, str] | None = None


def find_sources(paths: Sequence[Path]) -> list[Source]:
    """Every file to read, directories first and then by name. Raises BadRequest for a path that leads nowhere.

    A file or folder that cannot be opened is a source too: reading it says why.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(_inside(path))))
        elif path.is_file():
            found[path] = None
        else:
            raise BadRequest(f"There is nothing to import at '{path}'. Name a file or a folder.")
    if not found:
        raise BadRequest("No .json, .ndjson or .jsonl file (or such a file with .gz) was found to import.")
    base = _common_folder(paths)
    sources = [
        Source(path, os.path.relpath(path, base), _is_first(path), _kind(path) == "lines") for path in found
    ]
    return sorted(sources, key=lambda source: not source.first)


def parts_of(sources: Iterable[tuple[int, Source]]) -> Iterator[Part]:
    """The parts of these files. NDJSON is read here and cut into lines; documents travel as paths."""
    waiting: Part | None = None
    for order, source in sources:
        if source.lines:
            yield from _line_parts(order, source)
            continue
        waiting = waiting or Part(order, source.name)
        waiting.documents.append((order, source))
        waiting.size += source.size
        if waiting.size >= PART_BYTES or len(waiting.documents) == FILES_IN_PART:
            yield waiting
            waiting = None
    if waiting:
        yield waiting


def resource_parts(resources: Iterable[tuple[str, bytes]]) -> Iterator[Part]:
    """Resources from a program, in parts."""
    part = Part(0, "")
    for number, (type_name, body) in enumerate(resources, start=1):
        part.resources.append((number, type_name, body))
        part.size += len(body)
        if part.size >= PART_BYTES:
            yield part
            part = Part(0, "")
    if part.resources:
        yield part


def read_document(path: Path) -> bytes:
    """The whole file, unzipped. Raises one of UNREADABLE when it cannot be read."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def why_unreadable(error: Exception) -> str:
    """One of UNREADABLE in words."""
    if isinstance(error, EOFError):
        return "The file is cut short: what would follow is missing."
    if isinstance(error, (gzip.BadGzipFile, zlib.error)):
        return "The file is damaged, or is no gzip file."
    return f"The file cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})."


def _line_parts(order: int, source: Source) -> Iterator[Part]:
    """The lines of a file; a file that breaks off gives the lines before it does."""
    part = Part(order, source.name)
    number = 0
    try:
        with _opened(source.path) as file:
            while line := _next_line(file):
                number += 1
                if line.strip():
                    part.lines.append((number, line))
                    part.size += len(line)
                if part.size >= PART_BYTES:
                    yield part
                    part = Part(order, source.name)
    except UNREADABLE as error:
        part.unreadable = (number + 1, why_unreadable(error))
    if part.lines or part.unreadable:
        yield part


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _next_line(file: IO[bytes]) -> bytes:
    """The next line; what is longer than any resource is cut, and refused by whoever parses it."""
    line = file.readline(LARGEST_LINE)
    if len(line) == LARGEST_LINE:
        while rest := file.readline(LARGEST_LINE):
            if rest.endswith(b"\n"):
                break
    return line


def _inside(folder: Path) -> Iterator[Path]:
    """The files below a folder that are ours to read, links that lead nowhere and folders that stay shut with them."""
    shut: list[Path] = []
    for parent, _, names in os.walk(folder, onerror=lambda error: shut.append(Path(error.filename))):
        for path in (Path(parent, name) for name in names):
            if _kind(path) and (os.path.isfile(path) or not os.path.exists(path)):
                yield path
    yield from shut


def _common_folder(paths: Sequence[Path]) -> str:
    """The deepest folder above everything that was named: seen from there every file has a name of its own."""
    return os.path.commonpath([os.path.abspath(path if path.is_dir() else path.parent) for path in paths])


def _kind(path: Path) -> str | None:
    name = path.name.lower().removesuffix(".gz")
    if name.startswith("."):
        return None
    if name.endswith(LINE_ENDINGS):
        return "lines"
    return "document" if name.endswith(DOCUMENT_ENDINGS) else None


def _is_first(path: Path) -> bool:
    return path.name.lower().startswith(FIRST_NAMES)
