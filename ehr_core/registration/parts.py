"""Parts of a profile that are resources of their own: saved under the version that was drawn, in the right record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import text

from data_contracts.api.demographics import Saved
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode, without_empty
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

Resource = dict[str, Any]
Change = Callable[[Resource], Resource]

PARTS = text("""
SELECT kind, id, version_id, body FROM (
  SELECT 'Coverage' AS kind, id, version_id, body FROM fhir.coverage WHERE patient_id = :id AND NOT deleted
  UNION ALL SELECT 'RelatedPerson', id, version_id, body FROM fhir.related_person WHERE patient_id = :id AND NOT deleted
  UNION ALL SELECT 'CareTeam', id, version_id, body FROM fhir.care_team WHERE patient_id = :id AND NOT deleted
  UNION ALL SELECT 'Consent', id, version_id, body FROM fhir.consent WHERE patient_id = :id AND NOT deleted
  UNION ALL SELECT 'DocumentReference', id, version_id, body FROM fhir.document_reference
   WHERE patient_id = :id AND NOT deleted) AS part
ORDER BY kind, id
""")


def read_parts(work: UnitOfWork, patient_id: str) -> dict[str, list[tuple[int, Resource]]]:
    """(version, resource) of everything that the profile shows besides the Patient, by type, in one statement."""
    found: dict[str, list[tuple[int, Resource]]] = {}
    for row in work.connection.execute(PARTS, {"id": patient_id}):
        found.setdefault(row.kind, []).append((row.version_id, decode(row.body)))
    return found


def patient_to_write(work: UnitOfWork, patient_id: str) -> StoredResource:
    """The Patient. Raises Forbidden, NotFound, Conflict for a record that was merged away."""
    work.actor.require("registration.write")
    stored = Store(work).read("Patient", patient_id)
    links = decode(stored.body).get("link") or ()
    if any(link.get("type") == "replaced-by" for link in links):
        raise Conflict(
            "This record was merged into another one. Open the surviving record and change it there."
        )
    return stored


def save_part(
    work: UnitOfWork,
    resource_type: str,
    part_id: str | None,
    version_id: int | None,
    patient_id: str,
    change: Change,
) -> Saved:
    """A new part, or a new version of one of this patient's. Raises StaleVersion when somebody else was first."""
    patient_to_write(work, patient_id)
    if part_id is None:
        made = without_empty(change({"resourceType": resource_type}))
        written = Store(work).create(resource_type, encode(made))
        return Saved(resource_id=written.id, version_id=written.version_id)
    stored = part_of(work, resource_type, part_id, patient_id)
    check_part_version(stored, version_id)
    made = without_empty(change(decode(stored.body)))
    written = Store(work).update(resource_type, part_id, encode(made), if_match=stored.version_id)
    return Saved(resource_id=written.id, version_id=written.version_id)


def part_of(work: UnitOfWork, resource_type: str, part_id: str, patient_id: str) -> StoredResource:
    stored = Store(work).read(resource_type, part_id)
    if stored.patient_id != patient_id:
        raise NotFound("There is no such entry in this patient's record.")
    return stored


def check_part_version(stored: StoredResource, seen: int | None) -> None:
    if stored.version_id != seen:
        raise StaleVersion(
            "Somebody else changed this entry first. Look at what it says now, then change it."
        )


def today_in(period: Resource | None, today: str) -> bool:
    """Whether a day lies in a period; an open end is open."""
    begins, ends = (period or {}).get("start") or "", (period or {}).get("end") or ""
    return begins[:10] <= today[: len(begins[:10])] and (not ends or today[: len(ends[:10])] <= ends[:10])


def first(items: Iterable[Any]) -> Any:
    return next(iter(items), None)
