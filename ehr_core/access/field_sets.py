"""Minimum necessary by field: which elements of which types a role reads, read from field_sets.toml. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ehr_core.access.actor import Actor
from ehr_core.access.roles import permissions_by_role
from ehr_core.kernel.errors import Forbidden


@dataclass(frozen=True)
class Fields:
    """What is read of one type, and by which parameters it is searched."""

    elements: frozenset[str]
    searches: frozenset[str]

    def __or__(self, other: Fields) -> Fields:
        return Fields(self.elements | other.elements, self.searches | other.searches)


FieldSet = Mapping[str, Fields]
"""By type; a type that is not in it is not there."""


@cache
def field_sets() -> dict[str, dict[str, Fields]]:
    """Every role that is narrowed, as the file says."""
    found = tomllib.loads(files("ehr_core.access").joinpath("field_sets.toml").read_text(encoding="utf-8"))
    return {
        role: {
            name: Fields(frozenset(one["elements"]), frozenset(one["searches"]))
            for name, one in types.items()
        }
        for role, types in found.items()
    }


def fields_of(actor: Actor) -> FieldSet | None:
    """What this actor's roles leave of each type; None when they read whole resources.

    Only roles that read FHIR at all count: another one neither widens nor narrows.
    """
    if actor.kind != "user":
        return None
    return fields_of_roles(tuple(sorted(actor.roles)))


@cache
def fields_of_roles(roles: Collection[str]) -> FieldSet | None:
    reading = [role for role in roles if "fhir.read" in permissions_by_role().get(role, frozenset())]
    if any(role not in field_sets() for role in reading):
        return None
    together: dict[str, Fields] = {}
    for role in reading:
        for name, fields in field_sets()[role].items():
            together[name] = together[name] | fields if name in together else fields
    return together


def require_field_search(fields: FieldSet | None, type_name: str, parameter: str) -> None:
    """Raises Forbidden for a search by what the actor may not read: its answer would tell it."""
    require_type(fields, type_name)
    if fields is not None and parameter not in fields[type_name].searches:
        raise Forbidden(f"Your role does not search {type_name} by '{parameter}'.")


def require_type(fields: FieldSet | None, type_name: str) -> None:
    if fields is not None and type_name not in fields:
        raise Forbidden(f"Your role reads no {type_name}.")
