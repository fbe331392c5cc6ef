"""What there is to import: files and folders, gzipped or not, cut into parts that a process can take."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ehr_core.kernel.errors import BadRequest

LINE_ENDINGS = (".ndjson", ".jsonl")
DOCUMENT_ENDINGS = (".json",)
PART_BYTES = 1024 * 1024
"""About how much text one part holds; a single document may be larger."""
FILES_IN_PART = 16
LARGEST_LINE = 17 * 1024 * 1024
FIRST_NAMES = ("hospitalinformation", "practitionerinformation")
"""Synthea writes its directory in files of these names; patients' files refer to what is in them."""


@dataclass
class Part:
    """A piece of the input. `lines` are (line number, bytes); `documents` are paths that are read by the process.

    `resources` are (number, type, bytes) handed in by a program. `order` is the file's place in the import.
    """

    order: int
    name: str
    size: int = 0
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    documents: list[tuple[int, Path]] = field(default_factory=list)
    resources: list[tuple[int, str, bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """A file to import. `first` says that others refer to it."""

    path: Path
    first: bool
    lines: bool


def find_sources(paths: Sequence[Path]) -> list[Source]:
    """Every file to read, directories first and then by name. Raises BadRequest for a path that leads nowhere."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(inner for inner in path.rglob("*") if _kind(inner))))
        elif path.is_file():
            found[path] = None
        else:
            raise BadRequest(f"There is nothing to import at '{path}'. Name a file or a folder.")
    if not found:
        raise BadRequest("No .json, .ndjson or .jsonl file (or such a file with .gz) was found to import.")
    sources = [Source(path, _is_first(path), _kind(path) == "lines") for path in found]
    return sorted(sources, key=lambda source: not source.first)


def parts_of(sources: Iterable[tuple[int, Source]]) -> Iterator[Part]:
    """The parts of these files. NDJSON is read here and cut into lines; documents travel as paths."""
    waiting: Part | None = None
    for order, source in sources:
        if source.lines:
            yield from _line_parts(order, source.path)
            continue
        waiting = waiting or Part(order, source.path.name)
        waiting.documents.append((order, source.path))
        waiting.size += source.path.stat().st_size
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
    """The whole file, unzipped. Raises OSError, EOFError or zlib.error when it cannot be read."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


UNREADABLE = (OSError, EOFError, zlib.error)


def _line_parts(order: int, path: Path) -> Iterator[Part]:
    part = Part(order, path.name)
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        number = 0
        while line := _next_line(file):
            number += 1
            if line.strip():
                part.lines.append((number, line))
                part.size += len(line)
            if part.size >= PART_BYTES:
                yield part
                part = Part(order, path.name)
    if part.lines:
        yield part


def _next_line(file) -> bytes:
    """The next line; what is longer than any resource is cut, and refused by whoever parses it."""
    line = file.readline(LARGEST_LINE)
    if len(line) == LARGEST_LINE:
        while rest := file.readline(LARGEST_LINE):
            if rest.endswith(b"\n"):
                break
    return line


def _kind(path: Path) -> str | None:
    name = path.name.lower().removesuffix(".gz")
    if name.startswith(".") or not path.is_file():
        return None
    if name.endswith(LINE_ENDINGS):
        return "lines"
    return "document" if name.endswith(DOCUMENT_ENDINGS) else None


def _is_first(path: Path) -> bool:
    return path.name.lower().startswith(FIRST_NAMES)
