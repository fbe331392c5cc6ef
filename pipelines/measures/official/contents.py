"""A package's contents on their way to the core: unbundled, value sets expanded, packed into bytes that name it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import orjson

from ehr_core.kernel.errors import BadRequest
from pipelines.measures.elm.packages import contents

KEPT = frozenset({"Measure", "Library", "ValueSet"})
NO_LIMIT = 500_000_000
"""Bytes of an unpacked package; more is not a package of measures."""


def gathered(*places: Path) -> tuple[list[dict], list[str]]:
    """What the places hold, bundles opened and value sets expanded by their code systems; and which could not be.

    A value set without codes is left out: it would match nothing, and nobody would be told.

    Raises BadRequest for a file that is not JSON, NotFound for a place that is not there.
    """
    return expanded(one for place in places for content in contents(place) for one in _unbundled(content))


def expanded(given: Iterable[dict]) -> tuple[list[dict], list[str]]:
    """Of single resources, the kinds that a package keeps; value sets with every code written out."""
    found = list(given)
    systems = {one["url"]: one for one in found if one.get("resourceType") == "CodeSystem" and one.get("url")}
    kept, problems = [], []
    for one in found:
        kind = one.get("resourceType")
        if kind == "ValueSet" and _has_no_codes(one):
            one, problem = _expanded(one, systems)
            if problem:
                problems.append(problem)
                continue
        if kind in KEPT or (kind is None and ({"library", "codes"} & one.keys() or "statements" in one)):
            kept.append(one)
    return kept, problems


def packed(found: Iterable[dict]) -> bytes:
    """One line each, compressed; the same contents are always the same bytes."""
    lines = sorted({orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in found})
    return gzip.compress(b"\n".join(lines), mtime=0)


def unpacked(content: bytes) -> Iterator[dict]:
    """The contents of packed bytes. Raises BadRequest when they are not a package."""
    try:
        with gzip.open(_reader(content)) as file:
            raw = file.read(NO_LIMIT + 1)
        if len(raw) > NO_LIMIT:
            raise BadRequest("A package of official measures is larger than any can be. Import it again.")
        for line in raw.split(b"\n"):
            yield orjson.loads(line)
    except (OSError, EOFError, orjson.JSONDecodeError):
        raise BadRequest("A package of official measures cannot be read. Import it again.") from None


def _reader(content: bytes):
    from io import BytesIO

    return BytesIO(content)


def _unbundled(content: dict) -> Iterator[dict]:
    if content.get("resourceType") != "Bundle":
        yield content
        return
    for entry in content.get("entry", []):
        yield from _unbundled(entry.get("resource", {}))


def _has_no_codes(value_set: dict) -> bool:
    return not value_set.get("expansion", {}).get("contains")


def _expanded(value_set: dict, systems: Mapping[str, dict]) -> tuple[dict, str | None]:
    """The value set with every code written out; as it is, and why, where that cannot be done."""
    url, codes = value_set.get("url", "?"), []
    for part in value_set.get("compose", {}).get("include", []):
        system = part.get("system", "")
        if part.get("filter") or part.get("valueSet"):
            return value_set, f"value set {url} is chosen by a filter or another value set; add its expansion"
        if "concept" in part:
            codes += [{"system": system, "code": one["code"]} for one in part["concept"]]
        elif system in systems:
            codes += [
                {"system": system, "code": code} for code in _codes_of(systems[system].get("concept", []))
            ]
        else:
            return (
                value_set,
                f"value set {url} takes all of {system}, which is not in the package; add the CodeSystem",
            )
    if value_set.get("compose", {}).get("exclude"):
        return value_set, f"value set {url} leaves codes out; add its expansion"
    if not codes:
        return value_set, f"value set {url} holds no code; add its expansion"
    return {**value_set, "expansion": {"contains": codes}}, None


def _codes_of(concepts: Iterable[dict]) -> Iterator[str]:
    for one in concepts:
        yield one["code"]
        yield from _codes_of(one.get("concept", []))
