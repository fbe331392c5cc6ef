"""Which lines of an import may be stored: of the declared type, and in no chart that is shut to the application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import SystemClock
from ehr_core.store.import_prepare import Prepared
from ehr_core.store.resource_types import resource_type

SHUT = text("SELECT p.id FROM unnest(CAST(:ids AS text[])) AS p (id) WHERE NOT access.chart_is_open(p.id)")
OTHER_TYPE = "is not of the type that this file was declared to hold"
CLOSED = "is in a record that is not open to this application"


@dataclass(frozen=True)
class Admission:
    """Asked once for each part, in two statements: where the resources are or would go, and what of that is shut.

    It travels to the processes of an import.
    """

    actor: Actor
    type_name: str
    time_zone: str

    def __call__(self, database: Database, work: UnitOfWork, prepared: Sequence[Prepared]) -> dict[int, str]:
        """By the place in the list, why a line is refused. `work` sees everything."""
        refused = {place: OTHER_TYPE for place, one in enumerate(prepared) if one.type_name != self.type_name}
        where = self._now_in(work, [one.resource_id for one in prepared])
        touched = [{one.promoted.patient_id, where.get(one.resource_id)} - {None} for one in prepared]
        shut = self._shut(database, sorted(set().union(*touched)))
        return refused | {
            place: CLOSED
            for place, patients in enumerate(touched)
            if place not in refused and patients & shut
        }

    def _now_in(self, work: UnitOfWork, ids: list[str]) -> dict[str, str | None]:
        """By resource id, the patient in whose record it is now."""
        query = f'SELECT id, patient_id FROM fhir."{resource_type(self.type_name).table}" WHERE id = ANY(%s)'
        return {row.id: row.patient_id for row in work.connection.exec_driver_sql(query, (ids,))}

    def _shut(self, database: Database, patient_ids: list[str]) -> set[str]:
        if not patient_ids:
            return set()
        with begin(database, self.actor, SystemClock(), self.time_zone) as work:
            return set(work.connection.execute(SHUT, {"ids": patient_ids}).scalars())
