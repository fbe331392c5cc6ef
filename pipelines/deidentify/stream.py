"""Streams lines through de-identification into zstd NDJSON files, in bounded memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from ehr_core.kernel.errors import Conflict
from pipelines.deidentify.engine import Deidentifier

CHUNK_BYTES = 1 << 20
SHARD_BYTES = 512 << 20
COMPRESSION_LEVEL = 3


@dataclass
class StreamResult:
    """What one stream wrote. Bytes are those of the lines, uncompressed."""

    resource_type: str
    files: list[Path] = field(default_factory=list)
    lines_in: int = 0
    lines_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


def scrub_stream(
    deidentifier: Deidentifier,
    resource_type: str,
    lines: Iterable[bytes],
    folder: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
) -> StreamResult:
    """Scrubs the lines of one type into `<Type>.ndjson.zst` (then `<Type>-2.ndjson.zst` …) in `folder`.

    A file appears under its name only when it is complete. No line left means no file.
    Raises Conflict when the folder already holds that type.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob(f"{resource_type}.ndjson.zst")):
        raise Conflict(f"The folder '{folder.name}' already holds {resource_type}. Choose an empty folder.")
    result = StreamResult(resource_type)
    before = vars(deidentifier.report.of(resource_type)).copy()
    shard = _Shard(folder, result)
    try:
        for line in deidentifier.scrub_lines(resource_type, _counted(lines, result)):
            shard.write(line)
            if shard.bytes_written >= shard_bytes:
                shard.publish()
        shard.publish()
    finally:
        shard.discard()
    after = deidentifier.report.of(resource_type)
    result.lines_in = after.lines_in - before["lines_in"]
    result.lines_out = after.lines_out - before["lines_out"]
    return result


def resource_files(folder: Path) -> dict[str, list[Path]]:
    """The files that `scrub_stream` wrote into a folder, by resource type, shards in order."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.ndjson.zst"), key=lambda path: (len(path.name), path.name)):
        files.setdefault(path.name.partition(".")[0].partition("-")[0], []).append(path)
    return files


def read_lines(paths: Iterable[Path]) -> Iterator[bytes]:
    """The lines of zstd NDJSON files, in bounded memory."""
    for path in paths:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
            yield from io.BufferedReader(reader, CHUNK_BYTES)


def _counted(lines: Iterable[bytes], result: StreamResult) -> Iterable[bytes]:
    for line in lines:
        result.bytes_in += len(line)
        yield line


class _Shard:
    """One output file at a time: a hidden draft until it is published."""

    def __init__(self, folder: Path, result: StreamResult):
        self.folder, self.result = folder, result
        self.bytes_written = 0
        self._chunk: list[bytes] = []
        self._chunk_bytes = 0
        self._draft: Path | None = None

    def write(self, line: bytes) -> None:
        self._chunk.append(line)
        self._chunk_bytes += len(line) + 1
        if self._chunk_bytes >= CHUNK_BYTES:
            self._flush()

    def publish(self) -> None:
        """Closes the draft and gives it its name; does nothing when no line was written."""
        self._flush()
        if self._draft is None:
            return
        self._writer.close()
        number = len(self.result.files) + 1
        suffix = "" if number == 1 else f"-{number}"
        path = self.folder / f"{self.result.resource_type}{suffix}.ndjson.zst"
        os.replace(self._draft, path)
        self.result.files.append(path)
        self._draft, self.bytes_written = None, 0

    def discard(self) -> None:
        """Takes an unfinished draft away."""
        if self._draft is not None:
            self._writer.close()
            self._draft.unlink(missing_ok=True)
            self._draft = None

    def _flush(self) -> None:
        if not self._chunk:
            return
        if self._draft is None:
            self._draft = self.folder / f".{self.result.resource_type}.draft"
            compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
            self._writer = compressor.stream_writer(self._draft.open("wb"), closefd=True)
        self._writer.write(b"\n".join(self._chunk) + b"\n")
        self.bytes_written += self._chunk_bytes
        self.result.bytes_out += self._chunk_bytes
        self._chunk, self._chunk_bytes = [], 0
