"""A rule, a proxy or a disclosure is about a patient who is there: under a mistyped id it would protect nobody."""

from __future__ import annotations

from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import NotFound

LOOKER = Actor("service:known-patients", "service", "Whether a patient is there", (), frozenset())
"""Whoever keeps the rules is not always let in by them: whether a record is there is asked for them."""
THERE = text("SELECT 1 FROM fhir.patient WHERE id = :id")
NOT_KNOWN = (
    "There is no patient of this id. Copy the id from the address of the chart, or from the audit log."
)


def require_known(parts: Parts, work: UnitOfWork, permission: str, patient_id: str) -> None:
    """Raises Forbidden without the permission, and NotFound for an id that nobody has."""
    work.actor.require(permission)
    with begin(parts.database, LOOKER, parts.clock, parts.settings.site_time_zone) as looking:
        if looking.connection.execute(THERE, {"id": patient_id}).first() is None:
            raise NotFound(NOT_KNOWN)
