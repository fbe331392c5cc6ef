"""Whose a Binary is: the patient's whom its security context names, or of whom the resource is that it names.

Source: FHIR R4, Binary.securityContext: who may not see that resource may not see the Binary.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, text

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store import versions
from ehr_core.store.promote import Promoted
from ehr_core.store.references import local_reference
from ehr_core.store.resource_types import RESOURCE_TYPES, resource_type
from ehr_core.store.visible import Sight

BINARY = "Binary"
PLACE = "Binary.securityContext"
HOLD = text("SELECT access.hold_context(:place, :type, :id)")


def named_context(resource: Any) -> str | None:
    """'Type/id' of a context that is no Patient; None without one. Raises InvalidResource for one that is not here."""
    context = getattr(resource, "securityContext", UNSET)
    if context is UNSET or context.reference is UNSET:
        return None
    local = local_reference(context.reference)
    type_name = local.partition("/")[0] if local else None
    if type_name not in RESOURCE_TYPES or type_name == BINARY:
        raise InvalidResource([Issue(PLACE, "must refer to a resource of this server that is no Binary")])
    return None if local.startswith("Patient/") else local


def follow_context(connection: Connection, sight: Sight, resource: Any, promoted: Promoted) -> None:
    """Gives the Binary the patient and labels of what it belongs to. Raises InvalidResource when that is not seen."""
    local = named_context(resource)
    if local is None:
        return
    type_name, _, resource_id = local.partition("/")
    row = versions.current_version(connection, type_name, resource_id, lock=False, sight=sight)
    if row is None or row.deleted:
        raise InvalidResource(
            [Issue(PLACE, "is to nothing here. Write what the Binary belongs to first, or name the Patient")]
        )
    place = {"place": resource_type(type_name).table, "type": type_name, "id": resource_id}
    connection.execute(HOLD, place)
    promoted.patient_id = row.patient_id
    promoted.sensitivity = sorted({*(promoted.sensitivity or ()), *(row.sensitivity or ())}) or None


def refuse_context(type_name: str, resource: Any) -> None:
    """For an import, which reads one line at a time: a context there is the Patient."""
    if type_name == BINARY and named_context(resource) is not None:
        raise InvalidResource([Issue(PLACE, "must be to the Patient in an import")])
