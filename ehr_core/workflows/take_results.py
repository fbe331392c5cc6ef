"""Routes what has arrived: a result becomes somebody's item in the inbox, and closes the order that asked for it.

Each arrival is routed in the transaction that takes it from the queue. One that cannot be routed is tried again, and
in the end becomes an item that says so: nothing is ever dropped. ADR 14 tells why the queue is filled by the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.results_inbox import IncomingResults, Notice, SentPatient
from ehr_core.access.directory import practitioners_who_may
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.moments import day_of, observed_at
from ehr_core.charting.queries import StoredResult, reports_of, stored_results
from ehr_core.charting.reports import is_report, is_result
from ehr_core.charting.reviews import (
    DONE,
    awaits_review,
    came_as_news,
    expects_review,
    fingerprint,
    review_of,
)
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import codings, decode, reference_id
from ehr_core.kernel.logging import get_logger
from ehr_core.orders.fulfilment import Answered, answer_of, note_answer, orders_answered, withdraw_answer
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.results_inbox import arrivals
from ehr_core.results_inbox.acts import acknowledge_item
from ehr_core.results_inbox.events import tell
from ehr_core.results_inbox.grading import Grading
from ehr_core.results_inbox.items import (
    Arrived,
    Owner,
    add_item,
    find_item,
    follow_version,
    notify_again,
    regroup,
)
from ehr_core.results_inbox.pools import UNASSIGNED
from ehr_core.results_inbox.received import claim_message, say_why_it_waits
from ehr_core.workflows.grade_results import grade_result

Resource = dict[str, Any]

AT_ONCE = 100
RESULT_TYPES = ("Observation", "DiagnosticReport")
FINISHED = (*DONE, "completed", "current")
"""States in which a result, a vaccination, a procedure or a document answers an order."""
STORED_HERE = "Stored in this record"

log = get_logger("results_inbox")


@dataclass(frozen=True)
class Routing:
    """What one batch is routed with: read once for all of it."""

    work: UnitOfWork
    people: Mapping[str, PersonFacts]
    reports: Mapping[str, StoredResult]
    clinicians: Mapping[str, str]


def take_results(work: UnitOfWork, limit: int = AT_ONCE) -> int:
    """Routes the oldest arrivals; how many rows were taken from the queue or put back into it."""
    rows = arrivals.take_arrivals(work, limit)
    if not rows:
        return 0
    waiting: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        waiting.setdefault((row.resource_type, row.resource_id), []).append(row)
    stored = stored_results(work, waiting)
    routing = _routing(work, stored)
    for reference, its_rows in waiting.items():
        _route_or_wait(routing, reference, stored.get(reference), its_rows)
    return len(rows)


def _routing(work: UnitOfWork, stored: Mapping[tuple[str, str], StoredResult]) -> Routing:
    observations = [identity for kind, identity in stored if kind == "Observation"]
    patients = {one.patient_id for one in stored.values() if one.patient_id}
    return Routing(
        work,
        people_by_id(work, patients),
        reports_of(work, observations) if observations else {},
        practitioners_who_may(work.connection, "result.act"),
    )


def _route_or_wait(
    routing: Routing, reference: tuple[str, str], stored: StoredResult | None, rows: Sequence[Row[Any]]
) -> None:
    """Whatever goes wrong with one result costs the others nothing."""
    positions = [row.position for row in rows]
    try:
        with routing.work.connection.begin_nested():
            if stored is not None:
                _route(routing, stored)
            arrivals.drop_arrivals(routing.work, positions)
    except Exception as error:
        log.error(
            "result_not_routed",
            kind=type(error).__name__,
            resource_type=reference[0],
            resource_id=reference[1],
        )
        tried = max(row.tries for row in rows) + 1
        if tried < arrivals.TRIES_BEFORE_A_PERSON_LOOKS or stored is None or not stored.patient_id:
            arrivals.try_again_later(routing.work, positions)
            return
        _add_unreadable(routing, stored)
        arrivals.drop_arrivals(routing.work, positions)


def _route(routing: Routing, stored: StoredResult) -> None:
    resource = None if stored.deleted else decode(stored.body)
    is_finished = resource is not None and resource.get("status") in FINISHED
    if stored.patient_id is None:
        if resource is not None and _is_for_the_inbox(resource) and resource.get("status") in DONE:
            _queue_without_patient(routing.work, stored, resource)
        return
    found = _answer_orders(routing.work, stored, resource) if is_finished else Answered([], [])
    if stored.resource_type in RESULT_TYPES:
        _route_item(routing, stored, resource, found)


def _is_for_the_inbox(resource: Resource) -> bool:
    return expects_review(resource) and is_result(resource) and not _only_groups(resource)


def _only_groups(resource: Resource) -> bool:
    """A panel observation without a value of its own: its members are the results."""
    has_value = any(name.startswith("value") for name in resource)
    return bool(resource.get("hasMember")) and not has_value and not resource.get("component")


def _answer_orders(work: UnitOfWork, stored: StoredResult, resource: Resource) -> Answered:
    """The orders that this result has answered now."""
    answer = answer_of(resource, _day(work, resource))
    found = orders_answered(work, stored.patient_id, answer)
    for order_id in found.orders:
        note_answer(work, order_id, answer)
    return found


def _day(work: UnitOfWork, resource: Resource) -> date | None:
    written = observed_at(resource) or resource.get("occurrenceDateTime") or resource.get("performedDateTime")
    return day_of(written, work.site_time_zone)


def _route_item(
    routing: Routing, stored: StoredResult, resource: Resource | None, answered: Answered
) -> None:
    """Makes the item, follows a review, or notifies again of what has changed."""
    work = routing.work
    item = find_item(work, stored.resource_type, stored.resource_id)
    if resource is None or resource.get("status") == "entered-in-error":
        _withdraw(routing, item, stored, resource)
        return
    if is_report(resource):
        _group_results_of(work, resource)
    if not _is_for_the_inbox(resource):
        return
    if item is None:
        notice = _notice_of_first(work, resource)
        if notice is not None:
            arrived = _arrived(routing, stored, resource, notice, answered.orders)
            item_id = add_item(work, arrived, _owner(routing, stored.patient_id, arrived.order_id))
            if answered.unclear and item_id is not None:
                tell(
                    work, item_id, stored.patient_id, "order_unclear", note=f"{len(answered.unclear)} orders"
                )
    elif item.content_hash == fingerprint(resource) and item.patient_id == stored.patient_id:
        _follow_review(work, item, stored, resource)
    else:
        notice = "cancelled" if resource.get("status") == "cancelled" else "corrected"
        arrived = _arrived(routing, stored, resource, notice, answered.orders)
        notify_again(work, item, arrived)
        if notice == "cancelled":
            _reopen_order(work, item)


def _notice_of_first(work: UnitOfWork, resource: Resource) -> Notice | None:
    """Of a result that has no item yet: None for history, and for what somebody has reviewed already."""
    if resource.get("status") == "cancelled":
        return "cancelled" if came_as_news(resource, work.today(), work.site_time_zone) else None
    if not awaits_review(resource, work.today(), work.site_time_zone):
        return None
    return "new" if resource.get("status") == "final" else "corrected"


def _follow_review(work: UnitOfWork, item: Row[Any], stored: StoredResult, resource: Resource) -> None:
    """A review that came with the record, from wherever: the item says who, and that is all that happens."""
    review = review_of(resource)
    if review is not None and item.state == "new" and item.result_version < stored.version_id:
        acknowledge_item(
            work, item, stored.version_id, act="told_patient" if review.comment else None, by=review.by
        )
    else:
        follow_version(work, item, stored.version_id)


def _withdraw(
    routing: Routing, item: Row[Any] | None, stored: StoredResult, resource: Resource | None
) -> None:
    """Entered in error, or deleted. Nobody needs to hear of what nobody had seen; who had seen it is told."""
    if item is None or item.notice == "withdrawn":
        return
    work = routing.work
    _reopen_order(work, item)
    withdrawn = Arrived(
        item.resource_type,
        item.resource_id,
        stored.version_id,
        item.patient_id,
        fingerprint(resource) if resource else "",
        Grading("not_flagged", "It counts for nothing any more."),
        "withdrawn",
        item.code_token,
        item.group_key,
        None,
    )
    seen = item.acknowledged_version is not None or item.seen_version is not None
    notify_again(work, item, withdrawn)
    if not seen:
        fresh = find_item(work, item.resource_type, item.resource_id)
        acknowledge_item(work, fresh, stored.version_id, act="withdrawn")


def _reopen_order(work: UnitOfWork, item: Row[Any]) -> None:
    if item.order_id is not None:
        withdraw_answer(work, item.order_id, [f"{item.resource_type}/{item.resource_id}"])


def _arrived(
    routing: Routing, stored: StoredResult, resource: Resource, notice: Notice, orders: Sequence[str]
) -> Arrived:
    person = routing.people.get(stored.patient_id)
    return Arrived(
        resource_type=stored.resource_type,
        resource_id=stored.resource_id,
        version_id=stored.version_id,
        patient_id=stored.patient_id,
        content_hash=fingerprint(resource),
        grading=grade_result(resource, person.birth_date if person else None, routing.work.site_time_zone),
        notice=notice,
        code_token=next((f"{system}|{code}" for system, code in codings(resource.get("code"))), None),
        group_key=_group_key(routing, stored, resource),
        order_id=orders[0] if orders else _named_order(resource),
    )


def _named_order(resource: Resource) -> str | None:
    named = (reference_id(one, "ServiceRequest") for one in resource.get("basedOn") or ())
    return next(filter(None, named), None)


def _group_key(routing: Routing, stored: StoredResult, resource: Resource) -> str:
    """What came together stands on one card: by its report, else by its patient and the instant it was issued."""
    report = routing.reports.get(stored.resource_id) if stored.resource_type == "Observation" else None
    if report is not None:
        return f"DiagnosticReport/{report.resource_id}"
    if is_report(resource):
        return f"DiagnosticReport/{stored.resource_id}"
    if issued := resource.get("issued"):
        return f"{stored.patient_id}@{issued}"
    return f"{stored.resource_type}/{stored.resource_id}"


def _group_results_of(work: UnitOfWork, report: Resource) -> None:
    """A report that came after its results brings them together on its card."""
    members = (reference_id(one, "Observation") for one in report.get("result") or ())
    listed = [("Observation", one) for one in members if one]
    regroup(work, listed, f"DiagnosticReport/{report['id']}")


def _owner(routing: Routing, patient_id: str, order_id: str | None) -> Owner:
    """Who ordered it, else the patient's clinician, as long as they have an inbox; else the pool for such results."""
    person = routing.people.get(patient_id)
    for practitioner, reason in (
        (_orderer(routing.work, order_id), "ordered"),
        (person.clinician_id if person else None, "primary_care"),
    ):
        if practitioner in routing.clinicians:
            return Owner(practitioner, None, reason)
    return Owner(None, UNASSIGNED, "nobody")


def _orderer(work: UnitOfWork, order_id: str | None) -> str | None:
    body = work.connection.execute(
        text("SELECT body FROM fhir.service_request WHERE id = :id AND NOT deleted"), {"id": order_id}
    ).scalar_one_or_none()
    return reference_id(decode(body).get("requester"), "Practitioner") if body else None


def _add_unreadable(routing: Routing, stored: StoredResult) -> None:
    """Somebody opens the chart and looks: the last resort of the queue. Once for the same content."""
    said = _fingerprint(stored)
    arrived = Arrived(
        stored.resource_type,
        stored.resource_id,
        stored.version_id,
        stored.patient_id,
        said,
        Grading("not_checked", "It could not be read here. Open the chart and look at it."),
        "unreadable",
        None,
        f"{stored.resource_type}/{stored.resource_id}",
        None,
    )
    item = find_item(routing.work, stored.resource_type, stored.resource_id)
    if item is not None and said and item.content_hash == said:
        follow_version(routing.work, item, stored.version_id)
    elif item is not None:
        notify_again(routing.work, item, arrived)
    else:
        add_item(routing.work, arrived, _owner(routing, stored.patient_id, None))


def _fingerprint(stored: StoredResult) -> str:
    """'' for what is no JSON."""
    try:
        return fingerprint(decode(stored.body))
    except BadRequest:
        return ""


def _queue_without_patient(work: UnitOfWork, stored: StoredResult, resource: Resource) -> None:
    """A stored result that names no patient waits where people look for one."""
    incoming = IncomingResults(
        source=STORED_HERE,
        message_id=f"{stored.resource_type}/{stored.resource_id}",
        patient=SentPatient(),
        results=[resource],
    )
    received_id = claim_message(
        work,
        incoming,
        grade_result(resource, None, work.site_time_zone),
        resource_type=stored.resource_type,
        resource_id=stored.resource_id,
    )
    if received_id is not None:
        say_why_it_waits(work, received_id, "It was stored without a patient.")
