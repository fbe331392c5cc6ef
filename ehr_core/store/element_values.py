"""Reads what stands at a path of a decoded resource; the paths of resource_types.toml and search_facts.toml."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from msgspec import UNSET

from ehr_core.kernel.fhir_definitions import field_name

EXTENSION = re.compile(r"extension\(([^)]+)\)")
FILTERED = re.compile(r"(\w+)\[(\w+)\]")
Step = str | tuple[str, str]


@cache
def steps_of(path: str) -> tuple[Step, ...]:
    """'a.b', 'extension(URL).valueCode' or 'telecom[email]' as steps; a pair is (list, what its items must say)."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[1])
        return f"\0{len(held) - 1}"

    steps: list[Step] = []
    for part in EXTENSION.sub(hold, path).split("."):
        if part.startswith("\0"):
            steps.append(("extension", held[int(part[1:])]))
        elif filtered := FILTERED.fullmatch(part):
            steps.append((filtered[1], filtered[2]))
        else:
            steps.append(field_name(part))
    return tuple(steps)


def reached(node: Any, steps: tuple[Step, ...]) -> list[Any]:
    """What stands there, lists flattened, absent values left out."""
    found = [node]
    for step in steps:
        name, wanted = (step, None) if type(step) is str else step
        inner: list[Any] = []
        for each in found:
            value = getattr(each, name, UNSET)
            if value is UNSET:
                continue
            if type(value) is list:
                inner += [item for item in value if item is not None and (not wanted or _says(item, wanted))]
            else:
                inner.append(value)
        if not inner:
            return inner
        found = inner
    return found


def _says(item: Any, wanted: str) -> bool:
    """An extension of that url, or a contact of that system."""
    return wanted in (getattr(item, "url", None), getattr(item, "system", None))
