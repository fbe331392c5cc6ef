"""The code systems of plain `code` elements, read from code_systems.toml: a code stands there without its system."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType


def _read() -> Mapping[str, frozenset[str]]:
    rows = tomllib.loads(files("ehr_core.store").joinpath("code_systems.toml").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}
    for system, elements in rows.items():
        for element in elements:
            found.setdefault(element, set()).add(system)
    return MappingProxyType({element: frozenset(systems) for element, systems in found.items()})


CODE_SYSTEMS_OF = _read()


@cache
def systems_of(type_name: str, paths: Sequence[str]) -> frozenset[str]:
    """Every system that a code at one of these elements may be of; none where they are no plain codes."""
    known = [CODE_SYSTEMS_OF.get(f"{type_name}.{path}") for path in paths]
    return frozenset().union(*known) if all(known) else frozenset()
