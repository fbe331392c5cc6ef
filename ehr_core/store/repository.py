"""The store: the one door to FHIR resources. It opens only for an actor and leaves a trace of every act.

A write puts the row, the version it replaces, an audit row and an outbox row into the caller's transaction. Bodies
are kept losslessly (content.py). Nothing here commits.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row

from ehr_core.access.chart_policy import require_scope, whole_record
from ehr_core.access.field_sets import FieldSet
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.db.outbox import announce
from ehr_core.kernel.errors import BadRequest, Conflict, InvalidResource, Issue
from ehr_core.kernel.ids import FHIR_ID, new_id
from ehr_core.kernel.sealed_body import opened
from ehr_core.store import versions
from ehr_core.store.binary_context import BINARY, follow_context
from ehr_core.store.bundle_acts import Door
from ehr_core.store.bundles import run_bundle
from ehr_core.store.compartment import require_patient
from ehr_core.store.content import Content, read_id
from ehr_core.store.guides.shelf import guides_in
from ehr_core.store.medications import (
    MEDICATION,
    parts,
    patients_prescribed,
)
from ehr_core.store.merged import refuse_merged_away, refuse_own_link, refuse_ring
from ehr_core.store.origins import PROVENANCE, Touched, is_software, note
from ehr_core.store.promote import Promoted, promote
from ehr_core.store.reads import Parameters, Reads
from ehr_core.store.reference_targets import Targets
from ehr_core.store.resource_types import resource_type
from ehr_core.store.validation import validate
from ehr_core.store.versions import StoredResource, as_stored, check_version, stored

Body = bytes | dict[str, Any]
encode_body = msgspec.json.Encoder(decimal_format="number").encode


@dataclass
class Written:
    """What a write did; `changed` is False when the content was there already."""

    resource: StoredResource
    created: bool
    changed: bool


@dataclass(frozen=True)
class Incoming:
    """What a store asks of resources that come from outside: their profiles, and that what they refer to is there.

    `base_url` is where this server's own resources are. Our own rooms are held to the same by tests, not at the moment
    when somebody saves a phone number on a record that came with a claim it does not keep.
    """

    base_url: str = ""
    references: bool = True


class Store(Reads):
    """FHIR resources as one actor sees and changes them, within one unit of work; see reads.py for `fields`.

    `warnings` are what writes were told.
    """

    def __init__(self, work: UnitOfWork, fields: FieldSet | None = None, incoming: Incoming | None = None):
        super().__init__(work, fields)
        self.written: list[StoredResource] = []
        """Versions that this store has written, in order; of a Bundle's failed entry too, which are gone again."""
        self.incoming = incoming
        self.warnings: list[Issue] = []
        asks = incoming is not None and incoming.references
        self.targets = Targets(self.connection, incoming.base_url) if incoming and asks else None

    def create(self, type_name: str, body: Body, *, id: str | None = None) -> StoredResource:
        """A new resource, with a new id or the given one. Raises InvalidResource, or Conflict when the id is taken."""
        return self._add(type_name, body, checked_id(id) if id else new_id())

    def update(
        self, type_name: str, resource_id: str, body: Body, *, if_match: int | None = None
    ) -> StoredResource:
        """A new version; the first one when there is none yet. The same content again changes nothing.

        Raises StaleVersion when `if_match` is not the current version (or is ANY_VERSION and there is none),
        InvalidResource, Forbidden.
        """
        return self.put(type_name, resource_id, body, if_match=if_match).resource

    def put(self, type_name: str, resource_id: str, body: Body, *, if_match: int | None = None) -> Written:
        """As `update`, and says whether the resource was created and whether anything changed."""
        checked_id(resource_id)
        require_scope(self.work.actor, type_name, "u")
        row = versions.current_version(self.connection, type_name, resource_id, lock=True, sight=self.sight)
        check_version(row, if_match)
        if row is None:
            return Written(self._add(type_name, body, resource_id, same_id=True), created=True, changed=True)
        content, promoted = self._prepared(
            type_name, body, resource_id, same_id=True, replaced=row.body.encode()
        )
        require_scope(self.work.actor, type_name, "u", promoted)
        if row.content_hash == content.content_hash:
            unchanged = stored(type_name, row)
            self._audit_write("update", unchanged, {"changed": False})
            return Written(unchanged, created=False, changed=False)
        values = self._values(content, promoted, row.version_id + 1)
        versions.replace_version(self.connection, type_name, resource_id, values)
        written = as_stored(type_name, values)
        self._audit_write("update", written)
        self._announce("update", written, promoted, replaced=row)
        return Written(written, created=row.deleted, changed=True)

    def delete(self, type_name: str, resource_id: str, *, if_match: int | None = None) -> StoredResource:
        """Marks the resource deleted; its history stays. Deleting again changes nothing. Raises NotFound."""
        resource_type(type_name)
        require_scope(self.work.actor, type_name, "d")
        row = versions.current_version(self.connection, type_name, resource_id, lock=True, sight=self.sight)
        if row is None:
            raise self._not_found(type_name)
        check_version(row, if_match)
        if row.deleted:
            return stored(type_name, row)
        values = versions.deletion_values(type_name, row.version_id + 1, self.work.now())
        versions.replace_version(self.connection, type_name, resource_id, values)
        deleted = StoredResource(
            type_name, resource_id, row.version_id + 1, values["last_updated"], True, b"", row.patient_id
        )
        self._audit_write("delete", deleted)
        self._announce("delete", deleted, Promoted(patient_id=row.patient_id), replaced=row)
        return deleted

    def conditional_create(
        self, type_name: str, body: Body, query: Parameters
    ) -> tuple[StoredResource, bool]:
        """Creates unless the query finds one; (the resource, whether it was created). Raises SeveralMatch.

        Race-free: whoever asks with the same condition waits until the first one commits.
        """
        existing = self.match_one(type_name, query, lock=True)
        if existing is not None:
            return existing, False
        return self.create(type_name, body), True

    def transaction(self, bundle: bytes, door: Door | None = None) -> bytes:
        """Runs a transaction or batch Bundle and returns the response Bundle; see bundles.py."""
        return run_bundle(self, bundle, door or Door())

    # Inside

    def _prepared(
        self, type_name: str, body: Body, resource_id: str, *, same_id: bool = False, replaced: bytes = b""
    ) -> tuple[Content, Promoted]:
        """The validated content and its columns. `same_id` refuses a body that brings another id.

        `replaced` is the version that this one follows.

        Raises InvalidResource, or Conflict for a patient whose record was merged away.
        """
        resource_type(type_name)
        sent = body if isinstance(body, bytes) else encode_body(body)
        resource = validate(type_name, sent)
        require_patient(type_name, resource)
        refuse_own_link(type_name, resource_id, resource)
        content = Content(sent, resource_id)
        if same_id and content.sent_id not in (None, resource_id):
            raise InvalidResource([Issue(f"{type_name}.id", "must be the id that is updated")])
        guides = guides_in(self.connection, writing=True)
        if self.incoming is not None:
            self.warnings += guides.require(type_name, resource, sent)
        more = guides.searches.get(type_name, ())
        promoted = promote(type_name, resource, resource_id, self.work.site_time_zone, more)
        if type_name == BINARY:
            follow_context(self.connection, self.sight, resource, promoted)
        refuse_ring(self.connection, resource_id, promoted.extra.get("replaced_by"))
        seen = refuse_merged_away(self.connection, type_name, promoted.patient_id)
        if self.targets is not None:
            there = {f"Patient/{promoted.patient_id}"} if seen else set()
            self.targets.add(type_name, sent, replaced, there)
        return content, promoted

    def _values(self, content: Content, promoted: Promoted, version_id: int) -> dict[str, Any]:
        now = self.work.now()
        return promoted.columns() | {
            "id": content.resource_id,
            "version_id": version_id,
            "last_updated": now,
            "deleted": False,
            "imported": False,
            "content_hash": content.content_hash,
            "body": content.at_version(version_id, now).decode(),
        }

    def _add(self, type_name: str, body: Body, resource_id: str, *, same_id: bool = False) -> StoredResource:
        require_scope(self.work.actor, type_name, "c")
        content, promoted = self._prepared(type_name, body, resource_id, same_id=same_id)
        require_scope(self.work.actor, type_name, "c", promoted)
        values = self._values(content, promoted, 1)
        with self._seen_while_written(values):
            added = versions.add_first_version(self.connection, type_name, values)
        if not added:
            raise Conflict(f"A {type_name} with this id is already there.")
        written = as_stored(type_name, values)
        self._audit_write("create", written)
        self._announce("create", written, promoted, replaced=None)
        return written

    def _seen_while_written(self, values: dict[str, Any]) -> AbstractContextManager[None]:
        """Somebody may write what its label then keeps from them, such as a patient's own answers; PostgreSQL asks that
        a row can be seen to be written.
        """
        hidden = values["sensitivity"] and (
            self.work.actor.kind == "patient" or "*" not in self.work.actor.sees
        )
        return whole_record(self.work) if hidden else nullcontext()

    def _announce(
        self, act: str, written: StoredResource, promoted: Promoted, *, replaced: Row | None
    ) -> None:
        """Tells the outbox of the patients and codes of the new version and of the one it replaces.

        A Medication speaks in the records of those who have it prescribed. What software wrote gets its Provenance.
        """
        self.written.append(written)
        if is_software(self.work.actor) and written.resource_type != PROVENANCE:
            labels = promoted.sensitivity or (replaced.sensitivity if replaced is not None else None)
            touched = Touched(
                act, written.reference, written.version_id, written.patient_id, tuple(labels or ())
            )
            note(self.work, touched, lambda work, body: Store(work).create(PROVENANCE, body))
        patients, codes = [promoted.patient_id], list(promoted.announced_codes)
        if replaced is not None and not replaced.deleted:
            patients.append(replaced.patient_id)
            codes += announced_codes(written.resource_type, opened(replaced.body.encode()))
        if written.resource_type == MEDICATION:
            patients += patients_prescribed(self.connection, [written.id])
        for part in parts(sorted({patient for patient in patients if patient})):
            announce(
                self.connection,
                act=act,
                resource_type=written.resource_type,
                resource_id=written.id,
                version_id=written.version_id,
                patient_ids=part,
                code_tokens=list(dict.fromkeys(codes)),
            )


def announced_codes(type_name: str, body: bytes) -> list[str]:
    """The codes that a stored body stands for, components included."""
    return promote(type_name, validate(type_name, body), read_id_of(body), "UTC").announced_codes


def read_id_of(body: bytes) -> str:
    return read_id(msgspec.json.decode(body, type=dict[str, msgspec.Raw]))


def checked_id(resource_id: str) -> str:
    if not FHIR_ID.match(resource_id):
        raise BadRequest("An id has 1 to 64 letters, digits, hyphens and dots.")
    return resource_id
