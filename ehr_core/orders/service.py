"""Placing an order: one active ServiceRequest, signed by who acts."""

from __future__ import annotations

import re

from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue, NotFound
from ehr_core.kernel.fhir_json import Resource, encode
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

GAP_IDENTIFIER = "https://almoner.dev/fhir/NamingSystem/care-gap"
ACCOUNT_SYSTEM = "https://almoner.dev/fhir/NamingSystem/account"
SYSTEM_URI = re.compile(r"(https?://|urn:)\S+")


def place_order(
    work: UnitOfWork,
    patient_id: str,
    code_system: str,
    code: str,
    display: str,
    reason: str | None,
    gap_id: str | None = None,
) -> StoredResource:
    """A ServiceRequest, intent order and status active. An order is never evidence that care was given.

    `code_system` is a URI. With `gap_id` the order says which care gap it answers. Raises Forbidden without the
    permission to act on gaps or to write the chart, NotFound, Conflict for a record that is not in use, and
    InvalidResource for a code without its system.
    """
    _require_ordering(work.actor, for_gap=gap_id is not None)
    _check_patient(work, patient_id)
    order = build_order(
        patient_id=patient_id,
        code_system=code_system,
        code=code,
        display=display,
        reason=reason,
        gap_id=gap_id,
        requester=_requester(work.actor),
        authored_on=work.now().replace(microsecond=0).isoformat(),
    )
    return Store(work).create("ServiceRequest", encode(order))


def build_order(
    *,
    patient_id: str,
    code_system: str,
    code: str,
    display: str,
    reason: str | None,
    gap_id: str | None,
    requester: Resource,
    authored_on: str,
) -> Resource:
    """The ServiceRequest itself. Pure. Raises InvalidResource naming the field."""
    if not SYSTEM_URI.fullmatch(code_system) or not code.strip():
        raise InvalidResource(
            [
                Issue(
                    "code",
                    "An order needs a code and the URI of its code system. Choose from the list.",
                    "value",
                )
            ]
        )
    order: Resource = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {
            "coding": [{"system": code_system, "code": code.strip(), "display": display}],
            "text": display,
        },
        "subject": {"reference": f"Patient/{patient_id}"},
        "authoredOn": authored_on,
        "requester": requester,
    }
    if reason:
        order["reasonCode"] = [{"text": reason}]
    if gap_id:
        order["identifier"] = [{"system": GAP_IDENTIFIER, "value": gap_id}]
    return order


def _require_ordering(actor: Actor, *, for_gap: bool) -> None:
    """An order is a clinician's, also when it answers a gap: there is no standing-order policy yet."""
    actor.require("chart.write")
    if for_gap:
        actor.require("gap.act")


def _requester(actor: Actor) -> Resource:
    if actor.practitioner_id:
        return {"reference": f"Practitioner/{actor.practitioner_id}", "display": actor.name}
    return {"identifier": {"system": ACCOUNT_SYSTEM, "value": actor.actor_id}, "display": actor.name}


def _check_patient(work: UnitOfWork, patient_id: str) -> None:
    row = work.connection.execute(
        text("SELECT deceased, replaced_by FROM fhir.patient WHERE id = :id AND NOT deleted"),
        {"id": patient_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such patient. Search again; the record may have been deleted.")
    if row.replaced_by is not None:
        raise Conflict("This record was merged into another one. Open the surviving record and order there.")
    if row.deceased:
        raise Conflict("The patient is recorded as deceased: nothing can be ordered.")
