"""The store: the one door to FHIR resources. It opens only for an actor and leaves a trace of every act.

A write puts the row, the version it replaces, an audit row and an outbox row into the caller's transaction. Bodies
are kept losslessly (content.py). Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, Select, Text, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from ehr_core.access.chart_policy import may_read, require_scope, whole_record
from ehr_core.access.field_sets import FieldSet
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.db.outbox import announce
from ehr_core.kernel.errors import BadRequest, Conflict, Gone, InvalidResource, Issue, NotFound
from ehr_core.kernel.ids import FHIR_ID, new_id
from ehr_core.kernel.sealed_body import opened
from ehr_core.store import versions
from ehr_core.store.binary_context import BINARY, follow_context
from ehr_core.store.bundles import Door, run_bundle
from ehr_core.store.compartment import require_patient
from ehr_core.store.content import Content, read_id
from ehr_core.store.guides.shelf import guides_in
from ehr_core.store.locks import identity_lock
from ehr_core.store.medications import (
    LOCATION,
    MEDICATION,
    locations_visited,
    medications_prescribed,
    parts,
    patients_prescribed,
)
from ehr_core.store.merged import refuse_merged_away, refuse_own_link, refuse_ring
from ehr_core.store.origins import PROVENANCE, Touched, is_software, note
from ehr_core.store.promote import Promoted, promote
from ehr_core.store.reference_targets import Targets
from ehr_core.store.resource_types import RESOURCE_TYPES, resource_type
from ehr_core.store.search import SearchPage, find
from ehr_core.store.search_parameters import Search, parameter_list, shown
from ehr_core.store.tables import current_table
from ehr_core.store.validation import validate
from ehr_core.store.versions import StoredResource, as_stored, check_version, stored
from ehr_core.store.visible import Sight

Body = bytes | dict[str, Any]
Parameters = str | Mapping[str, str] | Sequence[tuple[str, str]]
encode_body = msgspec.json.Encoder(decimal_format="number").encode
DEFAULT_LIMIT = 50


class SeveralMatch(Conflict):
    """A condition that must find one resource finds more."""

    http_status = 412


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


class Store:
    """FHIR resources as one actor sees them, within one unit of work.

    `fields`: what a door to other systems leaves of each type; screens need none, as their answers name each field.
    `warnings` are what writes were told.
    """

    def __init__(self, work: UnitOfWork, fields: FieldSet | None = None, incoming: Incoming | None = None):
        self.work = work
        self.connection = work.connection
        self.sight = Sight(work.actor, fields)
        self.written: list[StoredResource] = []
        """Versions that this store has written, in order; of a Bundle's failed entry too, which are gone again."""
        self.incoming = incoming
        self.warnings: list[Issue] = []
        asks = incoming is not None and incoming.references
        self.targets = Targets(self.connection, incoming.base_url) if incoming and asks else None

    # Reading

    def read(self, type_name: str, resource_id: str) -> StoredResource:
        """The current version. Raises NotFound, or Gone when it is deleted."""
        row = self._current(type_name, resource_id)
        if row.deleted:
            raise Gone(f"This {type_name} has been deleted. Its history is still there.")
        found = stored(type_name, row)
        self._audit_read("read", found)
        return found

    def read_locked(self, type_name: str, resource_id: str) -> StoredResource:
        """As `read`, and nobody else changes it until this transaction ends."""
        versions.current_version(self.connection, type_name, resource_id, lock=True)
        return self.read(type_name, resource_id)

    def is_there(self, type_name: str, resource_id: str) -> bool:
        """Whether the id is taken by a resource that is not deleted."""
        row = versions.current_version(self.connection, type_name, resource_id, lock=False)
        return row is not None and not row.deleted

    def was_ever(self, type_name: str, resource_id: str) -> bool:
        """Whether the id was ever used, as far as this actor sees."""
        found = versions.current_version(
            self.connection, type_name, resource_id, lock=False, sight=self.sight
        )
        return found is not None

    def vread(self, type_name: str, resource_id: str, version_id: int) -> StoredResource:
        """One version, current or old. Raises NotFound, or Gone when that version is the deletion."""
        row = self._current(type_name, resource_id)
        if row.version_id != version_id:
            row = versions.old_version(self.connection, type_name, resource_id, version_id, self.sight)
            if row is None:
                raise NotFound(f"This {type_name} has no such version.")
        if row.deleted:
            raise Gone(f"In this version the {type_name} was deleted.")
        found = stored(type_name, row)
        self._audit_read("vread", found)
        return found

    def history(self, type_name: str, resource_id: str) -> list[StoredResource]:
        """Every version, newest first; deletions have an empty body. Raises NotFound."""
        row = self._current(type_name, resource_id)
        older = versions.old_versions(self.connection, type_name, resource_id, self.sight)
        found = [stored(type_name, version) for version in (row, *older)]
        self._audit_read("history", found[0])
        return found

    def read_many(self, type_name: str, resource_ids: Sequence[str]) -> list[StoredResource]:
        """The resources that exist among these, in any order; one audit row with the patients sealed."""
        resource_type(type_name)
        require_scope(self.work.actor, type_name, "r")
        table = current_table(type_name)
        query = select(*versions.version_columns(table)).where(
            table.c.id.in_(list(resource_ids)),
            table.c.deleted.is_(False),
            *self.sight.rows(type_name, table.c),
        )
        found = [stored(type_name, row) for row in self.connection.execute(query)]
        self._audit_found("read_many", type_name, found)
        return found

    def search(
        self, type_name: str, parameters: Parameters, *, limit: int = DEFAULT_LIMIT, offset: int = 0
    ) -> SearchPage:
        """A page of current resources. `_count` and `_offset` among the parameters win over the arguments.

        Raises BadRequest naming a parameter that this type does not know: none is ignored.
        """
        given = parameter_list(parameters)
        page = find(self.connection, type_name, given, self.asking(), limit=limit, offset=offset)
        self.audit_search(type_name, page.resources, given, page.total)
        return page

    def rows(self, type_name: str, query: Select) -> list[StoredResource]:
        """What a query over version_columns finds; whoever asks audits it."""
        return [stored(type_name, row) for row in self.connection.execute(query)]

    def asking(self, *, strict: bool = True, base_url: str = "") -> Search:
        """What every search of this store carries: who asks, in which time zone, and when."""
        return Search(
            self.sight,
            self.work.site_time_zone,
            self.work.now(),
            strict,
            base_url,
            guides_in(self.connection),
        )

    def patient_record(
        self, patient_ids: Sequence[str], type_names: Collection[str] | None = None
    ) -> Iterator[bytes]:
        """The bodies of everything in these patients' records, the patients themselves first; see below."""
        return (body for _, body in self.patient_resources(patient_ids, type_names))

    def patient_resources(
        self, patient_ids: Sequence[str], type_names: Collection[str] | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """(type, body) of everything current in these patients' records, or of the given types only.

        The medications that their prescriptions refer to come as well: they are part of what a prescription says; and
        the places of their encounters, where they are asked for by name.
        One audit row with the list sealed, written before the first resource is handed out.
        """
        wanted = sorted(set(patient_ids))
        self.work.audit("patient_record", patient_ids=wanted, detail={"patients": len(wanted)})
        return self._compartment(wanted, type_names)

    def _compartment(
        self, patient_ids: list[str], type_names: Collection[str] | None
    ) -> Iterator[tuple[str, bytes]]:
        names = ["Patient"] + [n for n, row in RESOURCE_TYPES.items() if row.patient and n != "Patient"]
        for name in names:
            if type_names is not None and name not in type_names:
                continue
            columns = current_table(name).c
            whose = columns.id if name == "Patient" else columns.patient_id
            query = (
                select(columns.body)
                .where(
                    whose == any_(literal(patient_ids, ARRAY(Text))),
                    columns.deleted.is_(False),
                    *self.sight.rows(name, columns),
                )
                .order_by(whose, columns.id)
            )
            for (body,) in self.connection.execute(query):
                yield name, opened(body.encode())
        if (type_names is None or MEDICATION in type_names) and may_read(self.work.actor, MEDICATION):
            for body in medications_prescribed(self.connection, patient_ids):
                yield MEDICATION, body
        if type_names is not None and LOCATION in type_names and may_read(self.work.actor, LOCATION):
            for body in locations_visited(self.connection, patient_ids):
                yield LOCATION, body

    # Writing

    def create(self, type_name: str, body: Body, *, id: str | None = None) -> StoredResource:
        """A new resource, with a new id or the given one. Raises InvalidResource, or Conflict when the id is taken."""
        return self._add(type_name, body, checked_id(id) if id else new_id())

    def update(
        self, type_name: str, resource_id: str, body: Body, *, if_match: int | None = None
    ) -> StoredResource:
        """A new version; the first one when there is none yet. The same content again changes nothing.

        Raises StaleVersion when `if_match` is not the current version, InvalidResource, Forbidden.
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

    def match_one(self, type_name: str, query: Parameters, *, lock: bool) -> StoredResource | None:
        """The one resource that a condition finds, None when it finds none. Raises SeveralMatch."""
        given = parameter_list(query)
        if not given:
            raise BadRequest("A condition needs at least one search parameter.")
        if lock:
            self.lock_condition(type_name, given)
        page = self.search(type_name, given, limit=2)
        if len(page.resources) > 1:
            raise SeveralMatch(f"More than one {type_name} matches the condition. Make it more exact.")
        return page.resources[0] if page.resources else None

    def lock_condition(self, type_name: str, given: Sequence[tuple[str, str]]) -> None:
        """Keeps others from creating under this condition until the transaction ends."""
        identity_lock(self.connection, type_name, given)

    def transaction(self, bundle: bytes, door: Door | None = None) -> bytes:
        """Runs a transaction or batch Bundle and returns the response Bundle; see bundles.py."""
        return run_bundle(self, bundle, door or Door())

    # Inside

    def _current(self, type_name: str, resource_id: str) -> Row:
        resource_type(type_name)
        require_scope(self.work.actor, type_name, "r")
        self.sight.require_type(type_name)
        row = versions.current_version(self.connection, type_name, resource_id, lock=False, sight=self.sight)
        if row is None:
            raise self._not_found(type_name)
        return row

    @staticmethod
    def _not_found(type_name: str) -> NotFound:
        return NotFound(f"There is no such {type_name}.")

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

    def _audit_read(self, act: str, found: StoredResource) -> None:
        """Reads of what belongs to no patient by nature (organizations, clinicians) leave no row."""
        if not resource_type(found.resource_type).shared:
            self._audit_write(act, found)

    def _audit_found(
        self, act: str, type_name: str, found: Sequence[StoredResource], detail: dict[str, Any] | None = None
    ) -> None:
        patients = [resource.patient_id for resource in found if resource.patient_id]
        if resource_type(type_name).shared and not patients:
            return
        self.work.audit(
            act,
            resource_type=type_name,
            patient_ids=patients,
            detail={"count": len(found)} | (detail or {}),
        )

    def audit_search(
        self,
        type_name: str,
        found: Sequence[StoredResource],
        given: Sequence[tuple[str, str]],
        total: int | None,
    ) -> None:
        """One row a page: the parameters' names, and the sealed list of the patients who were shown."""
        names = sorted({shown(name) for name, _ in given})
        self._audit_found("search", type_name, found, {"parameters": names, "total": total})

    def _audit_write(self, act: str, resource: StoredResource, detail: dict[str, Any] | None = None) -> None:
        self.work.audit(
            act,
            resource_type=resource.resource_type,
            resource_id=resource.id,
            patient_id=resource.patient_id,
            detail={"version": resource.version_id} | (detail or {}),
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
