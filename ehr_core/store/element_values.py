"""Reads what stands at a path of a decoded resource; the paths of resource_types.toml and search_facts.toml."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from msgspec import UNSET

from ehr_core.kernel.fhir_definitions import field_name
from ehr_core.store.references import named_type

EXTENSION = re.compile(r"extension\(([^)]+)\)")
FILTERED = re.compile(r"(\w+)\[(\w+)\]")
Step = str | tuple[str, str]


@cache
def steps_of(path: str) -> tuple[Step, ...]:
    """'a.b', 'extension(URL).valueCode', 'telecom[email]' or 'subject[Patient]' as steps.

    A pair is (element, what it must say).
    """
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
            items = value if type(value) is list else [value]
            inner += [item for item in items if item is not None and (not wanted or _says(item, wanted))]
        if not inner:
            return inner
        found = inner
    return found


def _says(item: Any, wanted: str) -> bool:
    """An extension of that url, a contact of that system, or a reference to that type."""
    if wanted in (getattr(item, "url", None), getattr(item, "system", None)):
        return True
    text = getattr(item, "reference", UNSET)
    return text is not UNSET and named_type(text) == wanted


@cache
def _plain_steps(path: str) -> tuple[str, ...]:
    return tuple(field_name(name) for name in path.split("."))


def reached_values(node: Any, path: str) -> list[Any]:
    """What stands at a dotted path of plain names."""
    return reached(node, _plain_steps(path))


def first_value(node: Any, path: str) -> Any:
    """The first value at a path; None when there is none."""
    found = reached_values(node, path)
    return found[0] if found else None
