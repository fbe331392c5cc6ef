"""Small implementation-guide packages for tests: built in memory, written as a .tgz or a folder."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

CANONICAL = "http://example.org/guide"
NAME, VERSION = "example.guide", "1.0.0"
PROFILE = f"{CANONICAL}/StructureDefinition/example-goal"
Resource = dict[str, Any]


def manifest(**more: Any) -> Resource:
    return {"name": NAME, "version": VERSION, "title": "Example guide", "fhirVersions": ["4.0.1"]} | more


def profile(type_name: str, *elements: Resource, name: str = "example", **more: Any) -> Resource:
    """A profile by its differential; an element is written with its path, such as {'path': 'Goal.note', 'min': 1}."""
    return {
        "resourceType": "StructureDefinition",
        "url": f"{CANONICAL}/StructureDefinition/{name}",
        "version": VERSION,
        "kind": "resource",
        "type": type_name,
        "derivation": "constraint",
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{type_name}",
        "differential": {"element": [{"path": type_name}, *elements]},
    } | more


def rule(key: str, expression: str, severity: str = "error") -> Resource:
    return {"key": key, "severity": severity, "human": "must keep it", "expression": expression}


def search_parameter(name: str, kind: str, expression: str, *base: str) -> Resource:
    return {
        "resourceType": "SearchParameter",
        "url": f"{CANONICAL}/SearchParameter/{name}",
        "code": name,
        "type": kind,
        "base": list(base),
        "expression": expression,
    }


def value_set(name: str, *include: Resource, **more: Any) -> Resource:
    return {
        "resourceType": "ValueSet",
        "url": f"{CANONICAL}/ValueSet/{name}",
        "version": VERSION,
        "title": name,
        "compose": {"include": list(include)},
    } | more


def code_system(name: str, *concepts: Resource) -> Resource:
    return {
        "resourceType": "CodeSystem",
        "url": f"{CANONICAL}/CodeSystem/{name}",
        "title": name,
        "content": "complete",
        "concept": list(concepts),
    }


def files_of(*resources: Resource, package: Resource | None = None) -> dict[str, bytes]:
    named = {
        f"{each.get('resourceType', 'x')}-{number}.json": json.dumps(each).encode()
        for number, each in enumerate(resources)
    }
    return {"package.json": json.dumps(package or manifest()).encode()} | named


def written(path: Path, *resources: Resource, package: Resource | None = None) -> Path:
    """A good package of these resources, as a .tgz."""
    members = [plain(f"package/{name}", body) for name, body in files_of(*resources, package=package).items()]
    return packed(path, members)


Member = tuple[tarfile.TarInfo, bytes]


def plain(name: str, body: bytes) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    return info, body


def packed(path: Path, members: list[Member]) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, body in members:
            archive.addfile(info, io.BytesIO(body) if info.isreg() else None)
    path.write_bytes(gzip.compress(buffer.getvalue(), compresslevel=9))
    return path
