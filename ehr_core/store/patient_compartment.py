"""The Patient compartment as patient_compartment.toml says it, and the condition of being in one patient's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType

from sqlalchemy import ColumnElement, or_

from ehr_core.kernel.errors import BadRequest
from ehr_core.store.resource_types import resource_type
from ehr_core.store.search_conditions import PATIENT_NAMES
from ehr_core.store.search_parameters import KnownParameters, Search


class NotInCompartment(BadRequest):
    fhir_issue_code = "not-supported"


def _read() -> dict[str, tuple[str, ...]]:
    path = files("ehr_core.store").joinpath("patient_compartment.toml")
    return {name: tuple(row) for name, row in tomllib.loads(path.read_text(encoding="utf-8")).items()}


PATIENT_COMPARTMENT: Mapping[str, tuple[str, ...]] = MappingProxyType(_read())
"""Search parameters by type."""


def require_in_compartment(type_name: str) -> None:
    """Raises TypeNotKept, or NotInCompartment for a type that no patient's compartment has."""
    resource_type(type_name)
    if type_name not in PATIENT_COMPARTMENT:
        raise NotInCompartment(
            f"{type_name} is in no patient's compartment by FHIR R4. Search it by itself: {type_name}?…"
        )


def narrowed_to(
    type_name: str, given: Sequence[tuple[str, str]], search: Search
) -> Sequence[tuple[str, str]]:
    """The criteria, with the patient among them where nothing but the subject leads into the compartment.

    Then it is the same search, and as fast, as one that names the patient.
    """
    only = _leading(type_name, search)
    if search.patient_id is None or len(only) != 1 or only[0] not in PATIENT_NAMES:
        return given
    return [(only[0], f"Patient/{search.patient_id}"), *given]


def in_compartment(type_name: str, known: KnownParameters, search: Search) -> list[ColumnElement[bool]]:
    """None when the search is in nobody's compartment, or `narrowed_to` says it already."""
    names = _leading(type_name, search)
    if search.patient_id is None or (len(names) == 1 and names[0] in PATIENT_NAMES):
        return []
    leads = [
        known[name].condition(search.patient_id if name == "_id" else f"Patient/{search.patient_id}", None)
        for name in names
    ]
    return [or_(*leads)]


def _leading(type_name: str, search: Search) -> tuple[str, ...]:
    """The parameters that this role may ask by; the first stands also where it may not, and is refused when used."""
    names = PATIENT_COMPARTMENT.get(type_name, ())
    fields = search.sight.fields
    if fields is None or type_name not in fields:
        return names
    return tuple(name for name in names if name in fields[type_name].searches) or names[:1]
