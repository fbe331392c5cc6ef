"""Fills the promoted columns of a resource: what is searched, joined and measured without reading its JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

from msgspec import UNSET, Struct

from ehr_core.access.sensitive_codes import (
    TELLING_ELEMENTS,
    TELLING_LISTS,
    labels_of_tokens,
    restricting_tokens,
)
from ehr_core.kernel.fhir_definitions import definition, field_name
from ehr_core.kernel.name_sounds import sounds
from ehr_core.store.dates import bounds
from ehr_core.store.marked import searchable
from ehr_core.store.names import display_name, name_parts, search_text
from ehr_core.store.references import local_reference
from ehr_core.store.resource_types import PERSON, ResourceType, resource_type
from ehr_core.store.search_facts import SearchFact
from ehr_core.store.search_index import search_index
from ehr_core.store.tokens import ANY_SYSTEM, identifier_token, reference_token

MINIMUM_DIGITS, LONGEST_NUMBER = 7, 20
"""Digits of a phone number; the longest of the world has 15 (ITU-T E.164), and an extension may follow."""


@dataclass(slots=True)
class Promoted:
    """The columns; lists are None when empty. `announced_codes` are what the outbox says about the change."""

    patient_id: str | None = None
    status: str | None = None
    code_tokens: list[str] | None = None
    category_tokens: list[str] | None = None
    identifier_tokens: list[str] | None = None
    reference_tokens: list[str] | None = None
    security_tokens: list[str] | None = None
    date_low: datetime | None = None
    date_high: datetime | None = None
    encounter_id: str | None = None
    search_tokens: list[str] | None = None
    search_values: dict[str, Any] | None = None
    sensitivity: list[str] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    announced_codes: list[str] = field(default_factory=list)

    def columns(self) -> dict[str, Any]:
        """Every promoted column by name, the type's extra ones included."""
        return {name: getattr(self, name) for name in COLUMN_NAMES} | self.extra


COLUMN_NAMES = (
    *("patient_id", "status", "code_tokens", "category_tokens", "identifier_tokens", "reference_tokens"),
    *("security_tokens", "date_low", "date_high", "encounter_id", "sensitivity"),
    *("search_tokens", "search_values"),
)


def promote(
    type_name: str,
    resource: Any,
    resource_id: str,
    time_zone: str,
    more: tuple[SearchFact, ...] = (),
) -> Promoted:
    """The columns of a validated resource. `time_zone` is the site's: it decides when a day begins.

    `more` are the search parameters that packages bring.
    """
    row = resource_type(type_name)
    promoted = Promoted()
    promoted.patient_id = resource_id if row.patient == ("id",) else _patient_of(resource, row)
    promoted.status = _first_value(resource, row.status) if row.status else None
    promoted.code_tokens = _tokens(resource, row.code)
    promoted.category_tokens = _tokens(resource, row.category)
    promoted.identifier_tokens = _identifiers(resource)
    index = search_index(type_name, resource, time_zone, more)
    promoted.search_tokens, promoted.search_values = index.tokens, index.values
    promoted.reference_tokens = _references(resource, row, index.references)
    promoted.security_tokens = _security(resource)
    if not row.shared:
        promoted.sensitivity = _sensitivity(resource, type_name, promoted.security_tokens)
    promoted.date_low, promoted.date_high = _dates(resource, row, time_zone)
    promoted.encounter_id = _encounter(resource, row)
    if row.extra_columns:
        promoted.extra = _extra(resource, row, promoted)
    promoted.announced_codes = promoted.code_tokens or []
    if type_name == "Observation" and resource.component is not UNSET:
        promoted.announced_codes = [*promoted.announced_codes, *(_tokens(resource, "component.code") or ())]
    return promoted


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(field_name(name) for name in path.split("."))


def reached_values(node: Any, path: str) -> list[Any]:
    """What stands at a dotted path, lists flattened, absent values left out."""
    return _reached(node, _steps(path))


def _reached(node: Any, steps: tuple[str, ...]) -> list[Any]:
    found = [node]
    for name in steps:
        reached: list[Any] = []
        for inner in found:
            value = getattr(inner, name, UNSET)
            if value is UNSET:
                continue
            if type(value) is list:
                reached += [item for item in value if item is not None]
            else:
                reached.append(value)
        if not reached:
            return reached
        found = reached
    return found


def _first_value(node: Any, path: str) -> Any:
    """The first value at a path; None when there is none."""
    found = reached_values(node, path)
    return found[0] if found else None


def _tokens(resource: Struct, path: str | None) -> list[str] | None:
    """'system|code' of CodeableConcepts, Codings and codes at a path."""
    if path is None:
        return None
    values = reached_values(resource, path)
    if not values:
        return None
    tokens: list[str] = []
    for value in values:
        if type(value) is str:
            tokens.append(f"|{value}")
            continue
        codings = value.coding if hasattr(value, "coding") else [value]
        for coding in codings if codings is not UNSET else ():
            if coding.code is not UNSET:
                system = "" if coding.system is UNSET else coding.system
                tokens.append(f"{system}|{coding.code}")
    return list(dict.fromkeys(tokens)) or None


def _identifiers(resource: Struct) -> list[str] | None:
    tokens: list[str] = []
    for identifier in reached_values(resource, "identifier"):
        if identifier.value is not UNSET:
            system = "" if identifier.system is UNSET else identifier.system
            value = searchable(identifier)
            tokens += (identifier_token(each, value) for each in (system, ANY_SYSTEM))
    return list(dict.fromkeys(tokens)) or None


def _security(resource: Struct) -> list[str] | None:
    return None if resource.meta is UNSET else _tokens(resource, "meta.security")


def _sensitivity(resource: Struct, type_name: str, security: list[str] | None) -> list[str] | None:
    """The labels that keep it from some: its own, or else those that its codes call for."""
    given = restricting_tokens(security or ())
    if given:
        return given
    tokens = [token for path in _telling(type_name) for token in _tokens(resource, path) or ()]
    return labels_of_tokens(tokens) if tokens else None


@cache
def _telling(type_name: str) -> tuple[str, ...]:
    """Of the elements whose codes may tell something sensitive, those that this type has."""
    elements = definition(type_name).elements
    own = [name for name in (*TELLING_ELEMENTS, *TELLING_LISTS) if name in elements]
    parts = [f"component.{name}" for name in TELLING_ELEMENTS] if "component" in elements else []
    return (*own, *parts)


@cache
def _referring(type_name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(search name, steps to the reference's text) of what is searched by reference."""
    references = resource_type(type_name).references
    return tuple((name, _steps(f"{path}.reference")) for name, paths in references.items() for path in paths)


def _references(resource: Struct, row: ResourceType, more: list[str]) -> list[str] | None:
    """'parameter:Type/id' for what is searched by reference."""
    tokens = [
        reference_token(parameter, reference)
        for parameter, steps in _referring(row.name)
        for reference in _reached(resource, steps)
    ]
    return list(dict.fromkeys(tokens + more)) or None


def _patient_of(resource: Struct, row: ResourceType) -> str | None:
    """The one patient that the resource is about; None when there is none, or more than one."""
    found = {
        local.removeprefix("Patient/")
        for path in row.patient
        for reference in reached_values(resource, f"{path}.reference")
        if (local := local_reference(reference)) and local.startswith("Patient/")
    }
    return found.pop() if len(found) == 1 else None


def _encounter(resource: Struct, row: ResourceType) -> str | None:
    if row.encounter is None:
        return None
    for reference in reached_values(resource, f"{row.encounter}.reference"):
        local = local_reference(reference)
        if local and local.startswith("Encounter/"):
            return local.removeprefix("Encounter/")
    return None


def _dates(resource: Struct, row: ResourceType, time_zone: str) -> tuple[datetime | None, datetime | None]:
    """First and last instant of the primary date; None where a period is open."""
    for path in row.dates:
        start, interval, end = path.partition("..")
        if interval:
            low, high = _first_value(resource, start), _first_value(resource, end)
            if low is not None:
                return bounds(low, time_zone)[0], bounds(high, time_zone)[1] if high else None
            continue
        value = _first_value(resource, path)
        if type(value) is str:
            return bounds(value, time_zone)
        if value is not None and (value.start is not UNSET or value.end is not UNSET):
            return (
                None if value.start is UNSET else bounds(value.start, time_zone)[0],
                None if value.end is UNSET else bounds(value.end, time_zone)[1],
            )
    return None, None


def _extra(resource: Any, row: ResourceType, promoted: Promoted) -> dict[str, Any]:
    return {name: EXTRA[name](resource, row) for name in row.extra_columns}


def _names(resource: Any) -> list[Any]:
    """The names of a person, as HumanNames."""
    return [name for name in reached_values(resource, "name") if type(name) is not str]


def _name_text(resource: Any, row: ResourceType) -> str | None:
    if row.named == PERSON or row.name == "RelatedPerson":
        return search_text(part for name in _names(resource) for part in name_parts(name))
    return search_text([*reached_values(resource, "name"), *reached_values(resource, "alias")])


def _display_name(resource: Any, row: ResourceType) -> str | None:
    if row.named == PERSON or row.name == "RelatedPerson":
        return display_name(_names(resource))
    return _first_value(resource, "name")


def _birth_date(resource: Any, row: ResourceType) -> date | None:
    """The day of birth; None when only a month or a year is known."""
    written = resource.birthDate
    return date.fromisoformat(written) if written is not UNSET and len(written) == 10 else None


def _deceased(resource: Any, row: ResourceType) -> bool:
    return resource.deceasedBoolean is True or resource.deceasedDateTime is not UNSET


def _replaced_by(resource: Any, row: ResourceType) -> str | None:
    """The id of the record that took this one's place in a merge."""
    for link in reached_values(resource, "link"):
        if link.type == "replaced-by" and link.other.reference is not UNSET:
            local = local_reference(link.other.reference)
            return local.removeprefix("Patient/") if local else None
    return None


def _phone_digits(resource: Any, row: ResourceType) -> list[str] | None:
    """Phone numbers as digits: all of them, and the last ten and seven as people type them."""
    found: list[str] = []
    for contact in reached_values(resource, "telecom"):
        digits = "" if contact.value is UNSET else re.sub(r"\D", "", contact.value)
        if contact.system in ("phone", "sms") and len(digits) >= MINIMUM_DIGITS:
            found += (digits[-LONGEST_NUMBER:], digits[-10:], digits[-MINIMUM_DIGITS:])
    return list(dict.fromkeys(found)) or None


def _first(path: str) -> Callable[[Any, ResourceType], Any]:
    return lambda resource, row: _first_value(resource, path)


EXTRA: dict[str, Callable[[Any, ResourceType], Any]] = {
    "name_text": _name_text,
    "display_name": _display_name,
    "family_text": lambda resource, row: search_text(reached_values(resource, "name.family")),
    "given_text": lambda resource, row: search_text(reached_values(resource, "name.given")),
    "gender": _first("gender"),
    "birth_date": _birth_date,
    "deceased": _deceased,
    "replaced_by": _replaced_by,
    "phone_digits": _phone_digits,
    "name_sounds": lambda resource, row: sounds(_name_text(resource, row)),
    "active": _first("active"),
    "clinical_status": _first("clinicalStatus.coding.code"),
    "verification_status": _first("verificationStatus.coding.code"),
}
