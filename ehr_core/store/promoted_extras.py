"""The columns that only some types have: people's and places' names, phones, and how certain a condition is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from msgspec import UNSET

from ehr_core.kernel.name_sounds import sounds
from ehr_core.store.element_values import first_value, reached_values
from ehr_core.store.names import display_name, name_parts, search_text, titles
from ehr_core.store.references import local_reference
from ehr_core.store.resource_types import PERSON, ResourceType

MINIMUM_DIGITS, LONGEST_NUMBER = 7, 20
"""Digits of a phone number; the longest of the world has 15 (ITU-T E.164), and an extension may follow."""


def extra_columns(resource: Any, row: ResourceType) -> dict[str, Any]:
    return {name: EXTRA[name](resource, row) for name in row.extra_columns}


def _names(resource: Any) -> list[Any]:
    """The names of a person, as HumanNames."""
    return [name for name in reached_values(resource, "name") if type(name) is not str]


def _name_text(resource: Any, row: ResourceType) -> str | None:
    """Of a person any string of a HumanName, as R4 has the parameter `name`; the titles last, as it sorts too."""
    if row.named == PERSON or row.name == "RelatedPerson":
        parts = [part for name in _names(resource) for part in name_parts(name)]
        return search_text([*parts, *(part for name in _names(resource) for part in titles(name))])
    return search_text([*reached_values(resource, "name"), *reached_values(resource, "alias")])


def _name_sounds(resource: Any, row: ResourceType) -> Any:
    """Without titles: two doctors do not sound alike for it."""
    return sounds(search_text(part for name in _names(resource) for part in name_parts(name)))


def _display_name(resource: Any, row: ResourceType) -> str | None:
    if row.named == PERSON or row.name == "RelatedPerson":
        return display_name(_names(resource))
    return first_value(resource, "name")


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


def _context(resource: Any, row: ResourceType) -> str | None:
    """'Type/id' of what a Binary belongs to; None for a Patient, whose it is already."""
    context = resource.securityContext
    local = None if context is UNSET or context.reference is UNSET else local_reference(context.reference)
    return None if local is None or local.startswith("Patient/") else local


def _first(path: str) -> Callable[[Any, ResourceType], Any]:
    return lambda resource, row: first_value(resource, path)


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
    "name_sounds": _name_sounds,
    "active": _first("active"),
    "clinical_status": _first("clinicalStatus.coding.code"),
    "verification_status": _first("verificationStatus.coding.code"),
    "context": _context,
}
