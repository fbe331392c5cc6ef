"""The two Patients of a merge: locked against everybody, compared with what the screen showed, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, reference_id
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

Resource = dict[str, Any]

LOCK = text("SELECT id FROM fhir.patient WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
"""Stronger than the lock that a writer of the record holds (see store/merged.py): those under way are waited for."""


@dataclass(frozen=True)
class Record:
    """One Patient as stored, and its body as a dict."""

    stored: StoredResource
    body: Resource

    @property
    def patient_id(self) -> str:
        return self.stored.id


def read_pair(work: UnitOfWork, survivor_id: str, other_id: str, *, lock: bool) -> tuple[Record, Record]:
    """Both records. Raises BadRequest for one and the same, NotFound."""
    if survivor_id == other_id:
        raise BadRequest("other_id: a record cannot be merged into itself. Choose two different records.")
    if lock:
        work.connection.execute(LOCK, {"ids": [survivor_id, other_id]})
    found = {stored.id: stored for stored in Store(work).read_many("Patient", [survivor_id, other_id])}
    if len(found) < 2:
        raise NotFound("One of the two records is not there any more. Search again.")
    return _record(found[survivor_id]), _record(found[other_id])


def _record(stored: StoredResource) -> Record:
    return Record(stored, decode(stored.body))


def check_versions(survivor: Record, survivor_version: int, other: Record, other_version: int) -> None:
    """Raises StaleVersion when somebody changed one of the two since they were compared."""
    if (survivor.stored.version_id, other.stored.version_id) != (survivor_version, other_version):
        raise StaleVersion(
            "One of the two records has been changed since you compared them. Compare them again."
        )


def why_not(survivor: Record, other: Record) -> str | None:
    """Why these two cannot be merged, as a sentence; None when they can."""
    if replaced_by(other.body):
        return "The other record was merged already. It cannot be merged a second time."
    if replaced_by(survivor.body):
        return (
            "The record that should survive was merged into another one. Choose the record that survived it."
        )
    return None


def check_mergeable(survivor: Record, other: Record) -> None:
    if reason := why_not(survivor, other):
        raise Conflict(reason)


def replaced_by(patient: Resource) -> str | None:
    links = (link for link in patient.get("link") or () if link.get("type") == "replaced-by")
    return next(filter(None, (reference_id(link.get("other"), "Patient") for link in links)), None)


def with_link(patient: Resource, kind: str, other_id: str) -> list[Resource]:
    return [*(patient.get("link") or ()), {"other": {"reference": f"Patient/{other_id}"}, "type": kind}]
