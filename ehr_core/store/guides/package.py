"""Reads an implementation-guide package in FHIR's npm layout: a .tgz, or a folder that holds one or its files.

A package comes from outside. Nothing is unpacked to disk and nothing is fetched; a path that leads out, a link, and
what grows beyond measure are refused before they are read.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec

from ehr_core.kernel.errors import BadRequest, TooMuch

LARGEST_PACKED, LARGEST_UNPACKED, LARGEST_FILE = 64 * 1024**2, 512 * 1024**2, 32 * 1024**2
"""Bytes of a package as it comes and as it unpacks, and of one file in it."""
MOST_FILES = 20_000
MOST_GROWTH, SMALL = 100, 4 * 1024**2
"""How often larger than its packed form a package may be, once it has unpacked to more than SMALL."""
NAME, VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z"), re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,49}\Z")
USED = frozenset({"StructureDefinition", "SearchParameter", "ValueSet", "CodeSystem"})
"""The types that take effect; all others in a package are passed over."""
CANONICAL_LENGTH, TITLE_LENGTH = 500, 200
Resource = dict[str, Any]


class BadPackage(BadRequest):
    """The file is no package that can be taken in; the message names the file in it and what to do."""


class PackageTooLarge(TooMuch):
    http_status, exit_code, fhir_issue_code = 413, 2, "too-long"


@dataclass(frozen=True)
class Package:
    """A package that has been read: its names, and its resources of the types that take effect."""

    name: str
    version: str
    title: str
    digest: bytes
    resources: tuple[Resource, ...]
    passed_over: int


def read_package(path: Path) -> Package:
    """Raises BadPackage or PackageTooLarge."""
    if path.is_symlink():
        raise BadPackage(f"'{path.name}' is a link. Name the package itself.")
    if path.is_dir():
        packed = sorted(each for each in path.iterdir() if each.name.endswith((".tgz", ".tar.gz")))
        if len(packed) == 1:
            return read_package(packed[0])
        if len(packed) > 1:
            raise BadPackage(f"The folder '{path.name}' holds {len(packed)} packages. Name one of them.")
        return _package(_files_in(path), path.name)
    if not path.is_file():
        raise BadPackage(f"There is no package '{path.name}'. Name a .tgz or a folder.")
    if path.stat().st_size > LARGEST_PACKED:
        raise PackageTooLarge(f"'{path.name}' is larger than {LARGEST_PACKED // 1024**2} MB.")
    return _package(_files_packed(path), path.name)


def _package(files: Iterator[tuple[str, bytes]], source: str) -> Package:
    manifest: Resource | None = None
    resources: dict[tuple[str, str], Resource] = {}
    digest, passed_over = hashlib.sha256(), 0
    for name, content in files:
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        found = _json(name, content)
        if name == "package.json":
            manifest = found
            continue
        kind, url = found.get("resourceType"), found.get("url")
        if kind not in USED:
            passed_over += 1
            continue
        if not isinstance(url, str) or not 0 < len(url) <= CANONICAL_LENGTH or not url.isprintable():
            raise BadPackage(f"'{name}' in the package has no url that can be one. Every {kind} needs one.")
        if (kind, url) in resources:
            raise BadPackage(f"'{name}' in the package defines {url} a second time. Take one of them out.")
        resources[(kind, url)] = found
    if manifest is None:
        raise BadPackage(
            f"'{source}' has no package.json, so it is no FHIR package. A package is a .tgz whose folder 'package' "
            "holds package.json and the definitions."
        )
    name, version = _identity(manifest)
    title = manifest.get("title")
    title = title if isinstance(title, str) and title.isprintable() else name
    return Package(
        name, version, title[:TITLE_LENGTH], digest.digest(), tuple(resources.values()), passed_over
    )


def _identity(manifest: Resource) -> tuple[str, str]:
    name, version = manifest.get("name"), manifest.get("version")
    if not isinstance(name, str) or not NAME.match(name):
        raise BadPackage("package.json: 'name' must be a package's name such as hl7.fhir.us.core.")
    if not isinstance(version, str) or not VERSION.match(version):
        raise BadPackage("package.json: 'version' must be a version such as 6.1.0.")
    written = manifest.get("fhirVersions") or manifest.get("fhir-version-list") or []
    fhir_versions = written if isinstance(written, list) else []
    if fhir_versions and not any(str(each).startswith("4.0") for each in fhir_versions):
        told = ", ".join(str(each)[:10] for each in fhir_versions[:5])
        raise BadPackage(f"The package is for FHIR {told}; Almoner speaks R4 (4.0.1). Take its R4 edition.")
    return name, version


def _json(name: str, content: bytes) -> Resource:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadPackage(f"'{name}' in the package is not valid JSON.") from None
    if not isinstance(found, dict):
        raise BadPackage(f"'{name}' in the package is not a JSON object.")
    return found


def _wanted(path: PurePosixPath) -> bool:
    """The definitions themselves: not examples, indexes, or what is kept beside them."""
    return len(path.parts) == 1 and path.suffix == ".json" and not path.name.startswith(".")


def _files_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    inner = folder / "package"
    folder = inner if (inner / "package.json").is_file() and not inner.is_symlink() else folder
    total = count = 0
    for path in sorted(folder.iterdir()):
        if not _wanted(PurePosixPath(path.name)):
            continue
        if path.is_symlink() or not path.is_file():
            raise BadPackage(
                f"'{path.name}' in the package is a link or no plain file. Put the file itself there."
            )
        total, count = total + path.stat().st_size, count + 1
        _check_sizes(path.name, path.stat().st_size, total, count)
        yield path.name, path.read_bytes()


def _files_packed(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as unpacked:
            yield from _members(_Measured(unpacked, packed))
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BadPackage(
            f"'{path.name}' is no whole .tgz ({type(error).__name__}). Fetch the package again."
        ) from None


def _members(source: _Measured) -> Iterator[tuple[str, bytes]]:
    total = count = 0
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            count += 1
            name = _inner_path(member)
            if member.isdir():
                _check_sizes(str(name), 0, total, count)
                continue
            total += member.size
            _check_sizes(str(name), member.size, total, count)
            if _wanted(name):
                held = archive.extractfile(member)
                yield name.name, held.read() if held else b""


def _inner_path(member: tarfile.TarInfo) -> PurePosixPath:
    """Where it lies below 'package'. Raises BadPackage for whatever is no plain file inside of the package."""
    shown = re.sub(r"[^A-Za-z0-9_./-]", "?", member.name)[:80]
    if not (member.isreg() or member.isdir()):
        raise BadPackage(f"'{shown}' in the package is a link or a device. A package holds plain files only.")
    path = PurePosixPath(member.name)
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in member.name
        or "\0" in member.name
        or ":" in member.name
    ):
        raise BadPackage(f"'{shown}' leads out of the package. Do not use a package that tries that.")
    return path.relative_to("package") if path.parts[:1] == ("package",) else PurePosixPath("beside") / path


def _check_sizes(name: str, size: int, total: int, count: int) -> None:
    if size > LARGEST_FILE:
        raise PackageTooLarge(f"'{name[-80:]}' in the package is larger than {LARGEST_FILE // 1024**2} MB.")
    if total > LARGEST_UNPACKED:
        raise PackageTooLarge(f"The package unpacks to more than {LARGEST_UNPACKED // 1024**2} MB.")
    if count > MOST_FILES:
        raise PackageTooLarge(f"The package holds more than {MOST_FILES:,} files.")


class _Measured:
    """What a package unpacks to, counted as it is read: a bomb is noticed while it is still small."""

    def __init__(self, unpacked: gzip.GzipFile, packed: IO[bytes]):
        self._unpacked, self._packed = unpacked, packed
        self._total = 0

    def read(self, size: int) -> bytes:
        found = self._unpacked.read(min(size, LARGEST_FILE))
        self._total += len(found)
        if self._total > LARGEST_UNPACKED:
            raise PackageTooLarge(f"The package unpacks to more than {LARGEST_UNPACKED // 1024**2} MB.")
        if self._total > SMALL and self._total > MOST_GROWTH * max(self._packed.tell(), 1):
            raise PackageTooLarge(
                f"The package unpacks to more than {MOST_GROWTH} times its size, as a bomb would."
            )
        return found
