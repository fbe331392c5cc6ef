"""FHIR's search parameters beyond those with a column of their own, read from search_facts.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

EVERY_TYPE = "*"


@dataclass(frozen=True)
class SearchFact:
    """One parameter of one type. For a composite, `paths` are the element, the first and the second parameter."""

    name: str
    kind: str
    paths: tuple[str, ...]


def _read() -> dict[str, dict[str, SearchFact]]:
    rows = tomllib.loads(files("ehr_core.store").joinpath("search_facts.toml").read_text(encoding="utf-8"))
    return {
        type_name: {
            name: SearchFact(name, kind, tuple(paths))
            for kind, parameters in kinds.items()
            for name, paths in parameters.items()
        }
        for type_name, kinds in rows.items()
    }


FACTS: Mapping[str, Mapping[str, SearchFact]] = MappingProxyType(_read())


@cache
def facts_of(type_name: str) -> Mapping[str, SearchFact]:
    """The facts of a type by the parameter's name, those of every type among them."""
    return MappingProxyType({**FACTS[EVERY_TYPE], **FACTS.get(type_name, {})})
