"""How one actor reads the store: by id, by version, in sets, by search; every read of a patient's data is audited."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, Text, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from ehr_core.access.chart_policy import may_read, require_scope
from ehr_core.access.field_sets import FieldSet
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, Gone, NotFound
from ehr_core.kernel.sealed_body import opened
from ehr_core.store import versions
from ehr_core.store.guides.shelf import guides_in
from ehr_core.store.locks import identity_lock
from ehr_core.store.medications import LOCATION, MEDICATION, locations_visited, medications_prescribed
from ehr_core.store.resource_types import RESOURCE_TYPES, resource_type
from ehr_core.store.search import SearchPage, find
from ehr_core.store.search_parameters import CONTROLS, Search, parameter_list, shown
from ehr_core.store.tables import current_table
from ehr_core.store.versions import StoredResource, stored
from ehr_core.store.visible import Sight

Parameters = str | Mapping[str, str] | Sequence[tuple[str, str]]
DEFAULT_LIMIT = 50


class SeveralMatch(Conflict):
    """A condition that must find one resource finds more."""

    http_status = 412


class Reads:
    """What one actor sees, within one unit of work.

    `fields`: what a door to other systems leaves of each type; screens need none, as their answers name each field.
    """

    def __init__(self, work: UnitOfWork, fields: FieldSet | None = None):
        self.work = work
        self.connection = work.connection
        self.sight = Sight(work.actor, fields)

    def read(self, type_name: str, resource_id: str) -> StoredResource:
        """The current version. Raises NotFound, or Gone when it is deleted."""
        found = self.seen(type_name, resource_id)
        self._audit_read("read", found)
        return found

    def seen(self, type_name: str, resource_id: str) -> StoredResource:
        """As `read`, for who looks whether it may be seen and shows nothing of it; whoever asks audits their act."""
        row = self._current(type_name, resource_id)
        if row.deleted:
            raise Gone(f"This {type_name} has been deleted. Its history is still there.")
        return stored(type_name, row)

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

    def asking(self, *, strict: bool = True, base_url: str = "", patient_id: str | None = None) -> Search:
        """What every search of this store carries: who asks, in which time zone, when, and in whose compartment."""
        return Search(
            self.sight,
            self.work.site_time_zone,
            self.work.now(),
            strict,
            base_url,
            guides_in(self.connection),
            patient_id,
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

    def match_one(self, type_name: str, query: Parameters, *, lock: bool) -> StoredResource | None:
        """The one resource that a condition finds, None when it finds none. Raises SeveralMatch.

        Nothing that shapes an answer is taken: with `_count=1` the first of several would be the one.
        """
        given = parameter_list(query)
        if not given:
            raise BadRequest("A condition needs at least one search parameter.")
        if shaping := sorted({name for name, _ in given} & CONTROLS):
            raise BadRequest(f"A condition says which one is meant, and takes no {', '.join(shaping)}.")
        if lock:
            self.lock_condition(type_name, given)
        page = self.search(type_name, given, limit=2)
        if len(page.resources) > 1:
            raise SeveralMatch(f"More than one {type_name} matches the condition. Make it more exact.")
        return page.resources[0] if page.resources else None

    def lock_condition(self, type_name: str, given: Sequence[tuple[str, str]]) -> None:
        """Keeps others from creating under this condition until the transaction ends."""
        identity_lock(self.connection, type_name, given)

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

    def _audit_read(self, act: str, found: StoredResource) -> None:
        """Reads of what belongs to no patient by nature (organizations, clinicians) leave no row."""
        if not resource_type(found.resource_type).shared:
            self._audit_write(act, found)

    def _audit_found(
        self,
        act: str,
        type_name: str,
        found: Sequence[StoredResource],
        detail: dict[str, Any] | None = None,
        asked_of: str | None = None,
    ) -> None:
        patients = [resource.patient_id for resource in found if resource.patient_id]
        patients += [asked_of] if asked_of else []
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
        patient_id: str | None = None,
    ) -> None:
        """One row a page: the parameters' names, and the sealed list of the patients who were shown.

        `patient_id`: in whose compartment was searched, who is in the list whatever was found.
        """
        names = sorted({shown(name) for name, _ in given})
        detail = {"parameters": names, "total": total} | ({"compartment": "Patient"} if patient_id else {})
        self._audit_found("search", type_name, found, detail, patient_id)

    def _audit_write(self, act: str, resource: StoredResource, detail: dict[str, Any] | None = None) -> None:
        self.work.audit(
            act,
            resource_type=resource.resource_type,
            resource_id=resource.id,
            patient_id=resource.patient_id,
            detail={"version": resource.version_id} | (detail or {}),
        )
