"""Records that were merged: a link leads to another record and never in a ring, and nothing new joins what is gone."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, text

from ehr_core.kernel.errors import Conflict, InvalidResource, Issue
from ehr_core.store.element_values import reached_values
from ehr_core.store.locks import identity_lock
from ehr_core.store.references import local_reference

PATIENT = "Patient"
ABOUT_ANY_RECORD = frozenset({PATIENT, "Provenance"})
"""Types that a record takes although it was merged away: itself, and what tells its history."""

RING = text("""
WITH RECURSIVE onward (id) AS (
  SELECT CAST(:next AS text)
  UNION SELECT p.replaced_by FROM fhir.patient p JOIN onward ON p.id = onward.id
   WHERE p.replaced_by IS NOT NULL AND NOT p.deleted)
SELECT EXISTS (SELECT 1 FROM onward WHERE id = :id)
""")
REPLACED_BY = text("SELECT replaced_by FROM fhir.patient WHERE id = :id AND NOT deleted FOR KEY SHARE")


def refuse_own_link(type_name: str, resource_id: str, resource: Any) -> None:
    """Raises InvalidResource when a Patient is linked to itself: it would be replaced by nobody."""
    if type_name != PATIENT:
        return
    own = f"{PATIENT}/{resource_id}"
    issues = [
        Issue(f"Patient.link[{place}].other", "must be another record than this one", "business-rule")
        for place, link in enumerate(reached_values(resource, "link"))
        if link.other.reference is not UNSET and local_reference(link.other.reference) == own
    ]
    if issues:
        raise InvalidResource(issues)


def refuse_ring(connection: Connection, patient_id: str, replaced_by: str | None) -> None:
    """Raises InvalidResource when the record would, over others, be replaced by itself.

    Whoever writes such a link holds a lock until the end, so that two of them cannot close a ring together.
    """
    if replaced_by is None:
        return
    identity_lock(connection, PATIENT, [("link", "replaced-by")])
    if connection.execute(RING, {"id": patient_id, "next": replaced_by}).scalar_one():
        raise InvalidResource(
            [Issue("Patient.link.other", "leads back to this record: it cannot replace it", "business-rule")]
        )


def refuse_merged_away(connection: Connection, type_name: str, patient_id: str | None) -> bool:
    """Raises Conflict when the patient's record was merged into another: what joins it now would be seen by nobody.

    Keeps the record from being merged until this transaction ends. A merge that is under way is waited for.
    True when the record was looked at and is there.
    """
    if patient_id is None or type_name in ABOUT_ANY_RECORD:
        return False
    found = connection.execute(REPLACED_BY, {"id": patient_id}).one_or_none()
    if found is not None and found.replaced_by is not None:
        raise Conflict(
            "This patient's record was merged into another one. Write to the surviving record: "
            f"Patient/{found.replaced_by}."
        )
    return found is not None
