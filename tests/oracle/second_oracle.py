"""The same measures and patients given to fqm-execution, which evaluates them patient by patient.

It is no part of Almoner: `make oracle` puts it into a folder of its own, and `ALMONER_FQM` names that folder.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.library import Library

SCRIPT = Path(__file__).with_name("fqm.cjs")
ELM_JSON = "application/elm+json"
Counts = Mapping[str, Mapping[str, int]]
"""By group id and population id, how many members a patient has."""


def oracle_folder() -> Path | None:
    """Where fqm-execution is installed; None when it or Node.js is not there."""
    folder = Path(os.environ.get("ALMONER_FQM", ".oracle"))
    found = (folder / "node_modules" / "fqm-execution").is_dir() and shutil.which("node")
    return folder.resolve() if found else None


@dataclass
class OracleAnswer:
    """What fqm-execution says of one measure: counts by patient id, and why it could not say anything of others."""

    measure: str
    cpu_seconds: float
    patients: dict[str, Counts] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def ask(
    folder: Path,
    work: Path,
    engine: Engine,
    measures: Sequence[Compiled],
    charts: Iterable[Sequence[dict]],
    period: tuple[str, str],
) -> dict[str, OracleAnswer]:
    """Its answers by measure. Each chart is one patient's resources, and declares its profiles."""
    (work / "measures").mkdir(parents=True)
    for one in measures:
        content = {"measure": one.measure.name, "period": period, "bundle": _bundle(engine, one)}
        (work / "measures" / f"{one.measure.name}.json").write_bytes(orjson.dumps(content))
    with (work / "patients.ndjson").open("wb") as file:
        for chart in charts:
            file.write(orjson.dumps(_collection(chart)) + b"\n")
    command = ["node", "--max-old-space-size=3000", str(SCRIPT), str(folder), str(work)]
    subprocess.run(command, check=True, capture_output=True)
    lines = (work / "results.ndjson").read_bytes().splitlines()
    return {one.measure: one for one in map(_answer, map(orjson.loads, lines))}


def _answer(content: dict) -> OracleAnswer:
    patients = {
        name: {one["group"]: one["counts"] for one in groups} for name, groups in content["patients"].items()
    }
    return OracleAnswer(content["measure"], content["cpuSeconds"], patients, content["errors"])


def _collection(resources: Iterable[dict]) -> dict:
    entries = [
        {"fullUrl": f"http://example.org/{one['resourceType']}/{one['id']}", "resource": one}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _bundle(engine: Engine, compiled: Compiled) -> dict:
    """Measure, libraries and value sets as a bundle, as fqm-execution wants them."""
    measure = engine.package.measure(compiled.measure.name)
    root = measure["library"][0]
    libraries = {(library.name, library.version): library for library in _libraries(engine, compiled)}
    resources = [measure]
    for library in libraries.values():
        url = (
            root.partition("|")[0]
            if library is compiled.library
            else f"http://example.org/Library/{library.name}"
        )
        resources.append(_library(library, url))
    named = {
        one["id"] + (f"|{one['version']}" if one.get("version") else "")
        for library in libraries.values()
        for one in library.value_sets.values()
    }
    for url in sorted(named):
        found = engine.package.value_set(url)
        contains = [{"system": system, "code": code} for system, code in found.codes] if found else []
        plain, _, version = url.partition("|")
        resources.append(
            {
                "resourceType": "ValueSet",
                "id": plain.rsplit("/", 1)[-1],
                "url": plain,
                "version": version or (found.version if found else None) or "1",
                "status": "active",
                "expansion": {"timestamp": "2026-01-01T00:00:00Z", "contains": contains},
            }
        )
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def _libraries(engine: Engine, compiled: Compiled) -> Iterable[Library]:
    waiting, seen = [compiled.library], set()
    while waiting:
        library = waiting.pop()
        if (library.name, library.version) in seen:
            continue
        seen.add((library.name, library.version))
        yield library
        for include in library.includes.values():
            waiting.append(
                compiled.program.library(include["path"].rsplit("/", 1)[-1], include.get("version"))
            )


def _library(library: Library, url: str) -> dict:
    data = base64.b64encode(orjson.dumps({"library": library.elm})).decode()
    return {
        "resourceType": "Library",
        "id": library.name,
        "url": url,
        "name": library.name,
        "version": library.version or "1",
        "status": "active",
        "type": {"coding": [{"code": "logic-library"}]},
        "content": [{"contentType": ELM_JSON, "data": data}],
    }
