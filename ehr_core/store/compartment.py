"""Refuses what names a patient who cannot be found: as nobody's it would be on no screen and in no measure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store.element_values import reached_values
from ehr_core.store.references import address, is_conditional, is_temporary, local_reference
from ehr_core.store.resource_types import resource_type

PATIENT = "Patient"
ONLY_PATIENTS = frozenset({"patient", "beneficiary"})
"""Elements that FHIR lets refer to nobody but a patient; a subject may also be a group, a device or a place."""
ALSO_IN_WORDS = frozenset({"actor", "target"})
"""Elements in which a reference without an address is usual, and is rarely the patient: a room, an interpreter."""


class _Contained(msgspec.Struct):
    resourceType: str = ""
    id: str = ""


_contained = msgspec.json.Decoder(_Contained)


def require_patient(type_name: str, resource: Struct) -> None:
    """Raises InvalidResource for references that are, or may be, to a patient when none of them finds one of ours.

    A resource that names nobody, or something else than a patient, belongs to no patient and is fine.
    """
    paths = resource_type(type_name).patient
    if paths == ("id",):
        return
    named = [(path, reference) for path in paths for reference in reached_values(resource, path)]
    if any(_type_of_local(reference) == PATIENT for _, reference in named):
        return
    issues = [
        Issue(f"{type_name}.{path}", reason, "not-found")
        for path, reference in named
        if (reason := _why_lost(resource, path.rpartition(".")[2], reference))
    ]
    if issues:
        raise InvalidResource(issues)


def _type_of_local(reference: Any) -> str | None:
    local = None if reference.reference is UNSET else local_reference(reference.reference)
    return local.partition("/")[0] if local else None


def _why_lost(resource: Any, element: str, reference: Any) -> str | None:
    """Why this reference finds no patient; None when it is none to a patient."""
    if reference.reference is UNSET:
        in_words = reference.identifier is not UNSET or reference.display is not UNSET
        may_be = reference.type == PATIENT or (
            reference.type is UNSET and in_words and element not in ALSO_IN_WORDS
        )
        return "names a patient without a reference to one" if may_be else None
    if _type_of_local(reference):
        return "must be to a patient" if element in ONLY_PATIENTS else None
    if _meant_type(resource, reference) not in (PATIENT, None):
        return None
    return _lost(reference.reference)


def _meant_type(resource: Any, reference: Any) -> str | None:
    """The type that a reference says it is to; None when it does not say."""
    text = reference.reference
    if there := address(text):
        return there.local.partition("/")[0]
    if is_conditional(text):
        return text.partition("?")[0]
    if text.startswith("#"):
        return _contained_type(resource, text[1:])
    return None if reference.type is UNSET else reference.type


def _contained_type(resource: Any, contained_id: str) -> str | None:
    """The type of the contained resource with this id; without an id '#' is the resource itself."""
    inside = getattr(resource, "contained", UNSET)
    found = (_contained.decode(raw) for raw in (() if inside is UNSET else inside))
    return next((inner.resourceType for inner in found if inner.id == contained_id), None)


def _lost(text: str) -> str:
    if address(text):
        return "is to a patient on another server"
    if is_conditional(text):
        return "is to a patient who was not found, or to several"
    if is_temporary(text):
        return "is to nobody in this Bundle, or to several"
    return "is to a patient, but not as Patient/id"
