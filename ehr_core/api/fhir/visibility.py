"""Who reads FHIR here, through which store: staff by permission; patients their own, without what a label hides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from ehr_core.access.actor import Actor
from ehr_core.access.field_sets import fields_of, require_type
from ehr_core.access.sensitivity import STAFF_KINDS, labels, may_see
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.store.binary_context import BINARY
from ehr_core.store.minimum import minimum
from ehr_core.store.references import local_reference
from ehr_core.store.repository import Incoming, Store
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.versions import StoredResource, current_version, stored


def require_reading(actor: Actor) -> None:
    """A patient reads with own.read; the store's row condition and the database keep it to their own record."""
    actor.require("own.read" if actor.reach == "own" else "fhir.read")


def reading_store(work: UnitOfWork) -> Store:
    """The store for who may read; what a label holds back from this actor is in none of its queries."""
    require_reading(work.actor)
    return Store(work, fields_of(work.actor))


def history_store(work: UnitOfWork) -> Store:
    """For old versions. Staff only: an old version may lack a label that a newer one has."""
    work.actor.require("fhir.read")
    return Store(work, fields_of(work.actor))


def writing_store(work: UnitOfWork, parts: Parts) -> Store:
    """The store for who may write; what comes through it is held to its profiles, and to what it refers to."""
    work.actor.require("fhir.write")
    return incoming_store(work, parts)


def incoming_store(work: UnitOfWork, parts: Parts) -> Store:
    """The same before it is known whether anything will be written."""
    asked = Incoming(f"{parts.settings.issuer}/fhir", references=parts.settings.fhir_references == "exist")
    return Store(work, incoming=asked)


def is_visible(actor: Actor, resource: StoredResource) -> bool:
    """A second look at the resource itself: its promoted labels are as old as its row, and the rules may be newer."""
    return actor.kind in STAFF_KINDS or may_see(actor.kind, actor.labels_seen, labels(decode(resource.body)))


def shown(store: Store, resource: StoredResource) -> StoredResource:
    """The resource; a held-back one sounds like one that is not there."""
    for found in shown_of(store, [resource]):
        return found
    raise NotFound(f"There is no such {resource.resource_type}.")


def shown_of(store: Store, resources: Sequence[StoredResource]) -> list[StoredResource]:
    actor = store.work.actor
    seen = [one for one in resources if is_visible(actor, one) and is_context_open(store, one)]
    return [cut(actor, one) for one in seen]


class _Binary(msgspec.Struct):
    securityContext: dict[str, Any] = {}


_binary = msgspec.json.Decoder(_Binary)


def is_context_open(store: Store, resource: StoredResource) -> bool:
    """The second look for a Binary, at what it belongs to: for whom `is_visible` looks at labels in bodies.

    For the staff and for applications the policy's condition says all of it (chart_policy.context_open_to).
    """
    if resource.resource_type != BINARY or not resource.body or store.work.actor.kind in STAFF_KINDS:
        return True
    named = _binary.decode(resource.body).securityContext.get("reference")
    local = local_reference(named) if isinstance(named, str) else None
    if local is None or local.startswith("Patient/"):
        return True
    type_name, _, resource_id = local.partition("/")
    if type_name not in RESOURCE_TYPES:
        return False
    row = current_version(store.connection, type_name, resource_id, lock=False, sight=store.sight)
    return row is not None and not row.deleted and is_visible(store.work.actor, stored(type_name, row))


def cut(actor: Actor, resource: StoredResource) -> StoredResource:
    """The resource as far as the role reads it, marked SUBSETTED where it is narrowed. Raises Forbidden."""
    fields = fields_of(actor)
    if fields is None or not resource.body:
        return resource
    require_type(fields, resource.resource_type)
    kept = fields[resource.resource_type].elements
    return replace(resource, body=minimum(resource.resource_type, resource.body, kept))
