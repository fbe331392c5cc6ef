"""Checks of orders that came over FHIR: open until somebody who may sign such an order has answered them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

OUTSIDE = "outside_order"
PREFIX = "outside:"
MOST = 100

OF_PATIENT = text("""
SELECT proposal, max(at) AS at, array_agg(check_id) AS check_ids FROM decision_support.checked
 WHERE moment = 'outside_order' AND signed_at IS NULL AND patient_id = :patient_id GROUP BY proposal ORDER BY 2, 1
""")
WITH_WARNINGS = text("""
SELECT patient_id, min(at) AS at, count(DISTINCT proposal) AS orders FROM decision_support.checked
 WHERE moment = 'outside_order' AND signed_at IS NULL AND interrupted GROUP BY patient_id ORDER BY 2, 1 LIMIT :most
""")
SETTLED = text("UPDATE decision_support.checked SET signed_at = :at WHERE check_id = ANY(:check_ids)")


@dataclass(frozen=True)
class OpenOrder:
    """`check_ids` are those of every time that it was written since somebody looked."""

    reference: str
    at: datetime
    check_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class OpenPatient:
    patient_id: str
    at: datetime
    orders: int


def open_of_patient(connection: Connection, patient_id: str) -> dict[str, OpenOrder]:
    """By the order's reference, the oldest first."""
    rows = connection.execute(OF_PATIENT, {"patient_id": patient_id}).all()
    found = (OpenOrder(row.proposal.removeprefix(PREFIX), row.at, tuple(row.check_ids)) for row in rows)
    return {one.reference: one for one in found}


def open_with_warnings(connection: Connection) -> list[OpenPatient]:
    """Patients with one against which a warning interrupts, the oldest first."""
    rows = connection.execute(WITH_WARNINGS, {"most": MOST}).all()
    return [OpenPatient(row.patient_id, row.at, row.orders) for row in rows]


def settle(connection: Connection, order: OpenOrder, at: datetime) -> None:
    """Only what was open when it was read: a version written meanwhile stays open."""
    connection.execute(SETTLED, {"at": at, "check_ids": list(order.check_ids)})
