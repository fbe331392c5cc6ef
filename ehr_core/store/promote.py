"""Fills the promoted columns of a resource: what is searched, joined and measured without reading its JSON."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct

from ehr_core.access.sensitive_codes import restricting_tokens
from ehr_core.store.dates import bounds
from ehr_core.store.element_values import first_value
from ehr_core.store.elements import NO_ELEMENTS, Elements
from ehr_core.store.promoted_elements import Added, Start, starts_of
from ehr_core.store.promoted_extras import extra_columns
from ehr_core.store.resource_types import ResourceType, resource_type
from ehr_core.store.search_facts import SearchFact


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
    elements: Elements = NO_ELEMENTS,
) -> Promoted:
    """The columns of a validated resource. `time_zone` is the site's: it decides when a day begins.

    `more` are the search parameters that packages bring. `elements` remember what they added last time.
    """
    row = resource_type(type_name)
    starts = starts_of(type_name, more, time_zone)
    added = _remembered(resource, starts, elements) if elements else _read(resource, starts)
    promoted = _together(added, shared=row.shared)
    if row.patient == ("id",):
        promoted.patient_id = resource_id
    promoted.date_low, promoted.date_high = _dates(resource, row, time_zone)
    if row.extra_columns:
        promoted.extra = extra_columns(resource, row)
    return promoted


def _read(resource: Any, starts: dict[str, Start]) -> list[Added]:
    return [each.added(resource) for each in starts.values() if getattr(resource, each.field) is not UNSET]


def _remembered(resource: Any, starts: dict[str, Start], elements: Elements) -> list[Added]:
    added = []
    for name, element in elements.items():
        start = starts.get(name)
        if start is not None:
            known = element.kept.get(start)
            if known is None:
                known = element.kept[start] = start.added(resource)
            added.append(known)
    return added


def _together(added: list[Added], *, shared: bool) -> Promoted:
    """The columns that these elements fill together. What belongs to no patient keeps nothing from anybody."""
    tokens: list[str] = []
    values: dict[str, list[Any]] = {}
    references: list[str] = []
    columns: dict[str, Any] = {}
    for more_tokens, more_values, more_references, more_columns in added:
        tokens += more_tokens
        references += more_references
        for name, found in more_values:
            values[name] = values[name] + found if name in values else found
        for name, found in more_columns:
            columns[name] = columns[name] + found if name in columns else found
    told = columns.get
    codes, security, references = (
        told("code_tokens"),
        told("security_tokens"),
        references + told("reference_tokens", []),
    )
    patients = set(told("patients", ()))
    return Promoted(
        patient_id=patients.pop() if len(patients) == 1 else None,
        status=told("status"),
        code_tokens=codes,
        category_tokens=told("category_tokens"),
        identifier_tokens=told("identifier_tokens"),
        reference_tokens=list(dict.fromkeys(references)) or None,
        security_tokens=security,
        encounter_id=told("encounter_id"),
        search_tokens=list(dict.fromkeys(tokens)) or None,
        search_values=values or None,
        sensitivity=None if shared else _sensitivity(security, told("telling", ())),
        announced_codes=[*(codes or ()), *told("more_codes", ())],
    )


def _sensitivity(security: list[str] | None, telling: Collection[str]) -> list[str] | None:
    """The labels that keep it from some: its own, or else those that its codes call for."""
    given = restricting_tokens(security) if security else []
    return given or sorted(set(telling)) or None


def _dates(resource: Struct, row: ResourceType, time_zone: str) -> tuple[datetime | None, datetime | None]:
    """First and last instant of the primary date; None where a period is open."""
    for path in row.dates:
        start, interval, end = path.partition("..")
        if interval:
            low, high = first_value(resource, start), first_value(resource, end)
            if low is not None:
                return bounds(low, time_zone)[0], bounds(high, time_zone)[1] if high else None
            continue
        value = first_value(resource, path)
        if type(value) is str:
            return bounds(value, time_zone)
        if value is not None and (value.start is not UNSET or value.end is not UNSET):
            return (
                None if value.start is UNSET else bounds(value.start, time_zone)[0],
                None if value.end is UNSET else bounds(value.end, time_zone)[1],
            )
    return None, None
