"""What of the store FHIR shows to whom: staff by permission; patients their own, without what a label holds back."""

from __future__ import annotations

from collections.abc import Sequence

from ehr_core.access.actor import Actor
from ehr_core.access.sensitivity import STAFF_KINDS, labels, may_see
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.store.versions import StoredResource


def require_reading(actor: Actor) -> None:
    """A patient reads with own.read; row-level security keeps the reading to their own record."""
    actor.require("own.read" if actor.reach == "own" else "fhir.read")


def is_visible(actor: Actor, resource: StoredResource) -> bool:
    """Staff see every resource that they reach, so nothing is decoded for them."""
    return actor.kind in STAFF_KINDS or may_see(actor.kind, labels(decode(resource.body)))


def shown(actor: Actor, resource: StoredResource) -> StoredResource:
    """The resource; a held-back one sounds like one that is not there."""
    if not is_visible(actor, resource):
        raise NotFound(f"There is no such {resource.resource_type}.")
    return resource


def shown_of(actor: Actor, resources: Sequence[StoredResource]) -> list[StoredResource]:
    return [resource for resource in resources if is_visible(actor, resource)]
