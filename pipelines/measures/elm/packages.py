"""Packages: Measure, Library (ELM JSON) and ValueSet files of a folder, read and indexed."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from ehr_core.kernel.errors import BadRequest, NotFound


@dataclass(frozen=True)
class ValueSet:
    """An expanded value set: (system, code) pairs. `total` is what the publisher says the expansion holds."""

    url: str
    version: str | None
    name: str | None
    codes: tuple[tuple[str, str], ...]
    total: int | None = None


@dataclass(frozen=True)
class CodeSystem:
    """The codes of a system, and of each the codes right above it."""

    url: str
    complete: bool
    above: dict[str, frozenset[str]]

    def subsumes(self, code: str, other: str) -> bool:
        """Is the code the other one, or above it?"""
        seen, waiting = set(), [other]
        while waiting:
            one = waiting.pop()
            if one == code:
                return True
            if one not in seen:
                seen.add(one)
                waiting += self.above.get(one, ())
        return False


@dataclass
class Package:
    """What a folder holds. Libraries are found by id and version, or by id alone."""

    measures: dict[str, dict] = field(default_factory=dict)
    libraries: dict[tuple[str, str | None], dict] = field(default_factory=dict)
    value_sets: dict[str, ValueSet] = field(default_factory=dict)
    code_systems: dict[str, CodeSystem] = field(default_factory=dict)

    def library(self, name: str, version: str | None = None) -> dict:
        """The library of that id; of any version when that version is not there. Raises NotFound."""
        exact = self.libraries.get((name, version))
        if exact is not None:
            return exact
        others = sorted((key for key in self.libraries if key[0] == name), key=lambda key: key[1] or "")
        if not others:
            raise NotFound(f"The library '{name}' is not in the package. Add its ELM JSON.")
        return self.libraries[others[-1]]

    def value_set(self, canonical: str) -> ValueSet | None:
        """By URL, with or without `|version`."""
        url = canonical.partition("|")[0]
        return self.value_sets.get(canonical) or self.value_sets.get(url)

    def measure(self, name: str) -> dict:
        """By its name or the beginning of it, if only one begins so. Raises NotFound or BadRequest."""
        if name in self.measures:
            return self.measures[name]
        found = [known for known in self.measures if known.lower().startswith(name.lower())]
        exact = [known for known in found if not known[len(name) : len(name) + 1].isdigit()]
        if not exact:
            raise NotFound(f"No measure of the package is called '{name}'.")
        if len(exact) > 1:
            raise BadRequest(f"'{name}' may be {', '.join(sorted(exact))}. Write more of the name.")
        return self.measures[exact[0]]


def read_package(folder: Path, *, value_sets: Path | None = None, libraries: Path | None = None) -> Package:
    """Everything under the folder (cases left out), and what the two other places hold.

    Reads FHIR resources (one per file, bundles, NDJSON), bare ELM libraries and NDJSON lines of expanded value sets
    (`url`, `codes`), each also gzipped. Raises NotFound when the folder is not there.
    """
    places = dict.fromkeys(place for place in (folder, libraries, value_sets) if place is not None)
    return package_of(content for place in places for content in contents(place))


def package_of(found: Iterable[dict]) -> Package:
    """The package that these contents make up."""
    package = Package()
    for content in found:
        _take(package, content)
    return package


def contents(place: Path) -> Iterator[dict]:
    """The JSON objects of a file or folder, cases left out. Raises NotFound when it is not there."""
    if not place.exists():
        raise NotFound(f"There is no '{place}'. Name a folder with measures, libraries and value sets.")
    files = [place] if place.is_file() else sorted(place.rglob("*"))
    for file in files:
        if "cases" in file.relative_to(place).parts[:-1]:
            continue
        if file.name.endswith((".json", ".json.gz", ".ndjson", ".ndjson.gz")):
            yield from read_json(file)


def read_json(file: Path) -> Iterator[dict]:
    """The JSON objects of a file. Raises BadRequest naming a file that is not JSON."""
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    lines = raw.splitlines() if ".ndjson" in file.suffixes else [raw]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise BadRequest(f"Line {number} of '{file.name}' is not JSON.") from None
        if isinstance(content, dict):
            yield content


def _take(package: Package, content: dict) -> None:
    kind = content.get("resourceType")
    if kind == "Bundle":
        for entry in content.get("entry", []):
            _take(package, entry.get("resource", {}))
    elif kind == "Measure":
        package.measures[content.get("name") or content["id"]] = content
    elif kind == "Library":
        for elm in _elm_of(content):
            _take_library(package, elm)
            for name in (content.get("name"), content.get("id"), content.get("url", "").rsplit("/", 1)[-1]):
                if name:
                    package.libraries.setdefault((name, content.get("version")), elm)
    elif kind == "CodeSystem" and content.get("url"):
        package.code_systems[content["url"]] = _code_system(content)
    elif kind == "ValueSet" or "codes" in content:
        found = _value_set(content)
        package.value_sets.setdefault(found.url, found)
        package.value_sets[f"{found.url}|{found.version}"] = found
    elif "library" in content:
        _take_library(package, content["library"])
    elif "statements" in content and "identifier" in content:
        _take_library(package, content)


def _take_library(package: Package, elm: dict) -> None:
    identifier = elm["identifier"]
    package.libraries[identifier["id"], identifier.get("version")] = elm


def _elm_of(library: dict) -> Iterable[dict]:
    for content in library.get("content", []):
        if content.get("contentType") == "application/elm+json" and "data" in content:
            elm = orjson.loads(base64.b64decode(content["data"]))
            yield elm.get("library", elm)


def _value_set(content: dict) -> ValueSet:
    if "codes" in content:
        pairs = tuple((system, code) for system, code in content["codes"])
        total = content.get("expansion_total")
    else:
        contains = list(_contained(content.get("expansion", {}).get("contains", [])))
        if not contains:
            contains = [
                {"system": part.get("system"), "code": concept["code"]}
                for part in content.get("compose", {}).get("include", [])
                for concept in part.get("concept", [])
            ]
        pairs = tuple((one.get("system", ""), one["code"]) for one in contains)
        total = content.get("expansion", {}).get("total")
    return ValueSet(content["url"], content.get("version"), content.get("name"), pairs, total)


def _code_system(content: dict) -> CodeSystem:
    above: dict[str, set[str]] = {}
    waiting = [(concept, None) for concept in content.get("concept", [])]
    while waiting:
        concept, parent = waiting.pop()
        code = concept["code"]
        above.setdefault(code, set()).update({parent} - {None})
        waiting += [(below, code) for below in concept.get("concept", [])]
        for one in concept.get("property", []):
            if one.get("code") == "parent":
                above[code].add(one.get("valueCode"))
            elif one.get("code") == "child":
                above.setdefault(one.get("valueCode"), set()).add(code)
    complete = content.get("content") == "complete"
    return CodeSystem(content["url"], complete, {code: frozenset(one) for code, one in above.items()})


def _contained(contains: list[dict]) -> Iterator[dict]:
    for one in contains:
        if "code" in one and not one.get("abstract"):
            yield one
        yield from _contained(one.get("contains", []))


def cut_value_sets(package: Package, urls: Iterable[str]) -> dict[str, str]:
    """Those of which the publisher gives fewer codes than the expansion holds, and how many."""
    found = ((url, package.value_set(url)) for url in urls)
    return {
        url: f"{len(one.codes)} of {one.total} codes"
        for url, one in found
        if one is not None and one.total is not None and one.total > len(one.codes)
    }
