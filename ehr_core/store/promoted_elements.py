"""What each top-level element of a resource adds to its promoted columns. Pure: the same element adds the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from msgspec import UNSET, Struct

from ehr_core.access.sensitive_codes import TELLING_ELEMENTS, TELLING_LISTS, labels_of_tokens
from ehr_core.kernel.fhir_definitions import definition, field_name
from ehr_core.store.element_values import first_value, reached_values
from ehr_core.store.marked import searchable
from ehr_core.store.references import local_reference
from ehr_core.store.resource_types import resource_type
from ehr_core.store.search_facts import SearchFact
from ehr_core.store.search_index import composites_of, index, looks_of
from ehr_core.store.tokens import ANY_SYSTEM, identifier_token, reference_token

Read = Callable[[Struct], Any]


class Added(NamedTuple):
    """What one element adds. `columns` are (name, list), and the texts `status` and `encounter_id`."""

    tokens: list[str]
    values: tuple[tuple[str, list[Any]], ...]
    references: list[str]
    columns: tuple[tuple[str, Any], ...]


class Start:
    """A top-level element that columns are made of, by FHIR's name and by field."""

    def __init__(self, name: str, field: str, columns: tuple[tuple[str, Read], ...], asked: tuple[Any, ...]):
        self.name, self.field, self._columns, self._asked = name, field, columns, asked

    def added(self, resource: Struct) -> Added:
        indexed = index(resource, *self._asked)
        found = ((column, value) for column, read in self._columns if (value := read(resource)))
        return Added(indexed.tokens, tuple(indexed.values.items()), indexed.references, tuple(found))


@lru_cache(maxsize=512)
def starts_of(type_name: str, more: tuple[SearchFact, ...], time_zone: str) -> dict[str, Start]:
    """By FHIR's name, the elements that columns are made of. Most of them are absent in most resources."""
    looks, composites, columns = looks_of(type_name, more), composites_of(type_name), _columns(type_name)
    names = {field_name(name): name for name in definition(type_name).elements}
    return {
        names[field]: Start(
            names[field],
            field,
            columns.get(field, ()),
            (looks.get(field, ()), composites.get(field, ()), time_zone),
        )
        for field in dict.fromkeys([*looks, *composites, *columns])
    }


def _columns(type_name: str) -> dict[str, tuple[tuple[str, Read], ...]]:
    """By field, the columns that it adds to and how they are read."""
    row, found = resource_type(type_name), {}

    def add(column: str, path: str, read: Callable[[Any, str], Any]) -> None:
        start = field_name(path.partition(".")[0])
        found.setdefault(start, []).append((column, lambda resource: read(resource, path)))

    for path in row.patient:
        if path != "id":
            add("patients", path, _patients)
    for column, path in (("code_tokens", row.code), ("category_tokens", row.category)):
        if path:
            add(column, path, tokens_at)
    if row.status:
        add("status", row.status, first_value)
    if row.encounter:
        add("encounter_id", row.encounter, _encounter)
    for name, paths in row.references.items():
        for path in paths:
            add("reference_tokens", path, _Referred(name))
    for path in _telling(type_name):
        add("telling", path, _labels)
    if "identifier" in definition(type_name).elements:
        add("identifier_tokens", "identifier", _identifiers)
    if type_name == "Observation":
        add("more_codes", "component.code", tokens_at)
    add("security_tokens", "meta.security", tokens_at)
    return {start: tuple(_merged(each)) for start, each in found.items()}


def _merged(columns: list[tuple[str, Read]]) -> list[tuple[str, Read]]:
    """Several readings for one column of one element as one, one after the other."""
    by_name: dict[str, list[Read]] = {}
    for column, read in columns:
        by_name.setdefault(column, []).append(read)
    return [(column, reads[0] if len(reads) == 1 else _All(reads)) for column, reads in by_name.items()]


class _All:
    def __init__(self, reads: list[Read]):
        self._reads = reads

    def __call__(self, resource: Struct) -> list[Any]:
        return [value for read in self._reads for value in read(resource) or ()]


class _Referred:
    """'parameter:Type/id' for what is searched by reference."""

    def __init__(self, parameter: str):
        self._parameter = parameter

    def __call__(self, resource: Struct, path: str) -> list[str]:
        texts = reached_values(resource, f"{path}.reference")
        return [reference_token(self._parameter, text) for text in texts]


@cache
def _telling(type_name: str) -> tuple[str, ...]:
    """Of the elements whose codes may tell something sensitive, those that this type has."""
    if resource_type(type_name).shared:
        return ()
    elements = definition(type_name).elements
    own = [name for name in (*TELLING_ELEMENTS, *TELLING_LISTS) if name in elements]
    parts = [f"component.{name}" for name in TELLING_ELEMENTS] if "component" in elements else []
    return (*own, *parts)


def _labels(resource: Struct, path: str) -> list[str] | None:
    tokens = tokens_at(resource, path)
    return labels_of_tokens(tokens) if tokens else None


def tokens_at(resource: Struct, path: str) -> list[str] | None:
    """'system|code' of CodeableConcepts, Codings and codes at a path."""
    tokens: list[str] = []
    for value in reached_values(resource, path):
        if type(value) is str:
            tokens.append(f"|{value}")
            continue
        codings = value.coding if hasattr(value, "coding") else [value]
        for coding in codings if codings is not UNSET else ():
            if coding.code is not UNSET:
                system = "" if coding.system is UNSET else coding.system
                tokens.append(f"{system}|{coding.code}")
    return list(dict.fromkeys(tokens)) or None


def _identifiers(resource: Struct, path: str) -> list[str] | None:
    tokens: list[str] = []
    for identifier in reached_values(resource, path):
        if identifier.value is not UNSET:
            system = "" if identifier.system is UNSET else identifier.system
            value = searchable(identifier)
            tokens += (identifier_token(each, value) for each in (system, ANY_SYSTEM))
    return list(dict.fromkeys(tokens)) or None


def _patients(resource: Struct, path: str) -> list[str]:
    return _ids(resource, path, "Patient/")


def _encounter(resource: Struct, path: str) -> str | None:
    return next(iter(_ids(resource, path, "Encounter/")), None)


def _ids(resource: Struct, path: str, start: str) -> list[str]:
    return [
        local.removeprefix(start)
        for reference in reached_values(resource, f"{path}.reference")
        if (local := local_reference(reference)) and local.startswith(start)
    ]
