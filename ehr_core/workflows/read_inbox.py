"""The inbox as a page: items brought together on cards, each value read from the record now, with its person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.chart import ResultPoint
from data_contracts.api.model import Page
from data_contracts.api.patients import PatientName
from data_contracts.api.results_inbox import (
    GRADE_RANK,
    Inbox,
    InboxCard,
    InboxChoices,
    InboxCounts,
    InboxEvent,
    InboxResult,
)
from ehr_core.access.directory import practitioners_who_may
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.queries import StoredResult, earlier_values, stored_results
from ehr_core.charting.reading import reading_of
from ehr_core.charting.series import Versioned, points_of
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.fhir_json import decode, words
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable
from ehr_core.results_inbox.arrivals import count_arrivals
from ehr_core.results_inbox.events import events_of
from ehr_core.results_inbox.limits import limits_words
from ehr_core.results_inbox.queries import (
    CARDS_A_PAGE,
    Reader,
    View,
    count_items,
    names_of_pools,
    page_of_items,
    reader_of,
)
from ehr_core.store.repository import Store
from ehr_core.workflows.patient_messages import suggested_message

Resource = dict[str, Any]

EVENTS_SHOWN = 6
UNKNOWN_OF_NOBODY = (
    *("birth_date", "deceased_on", "sex", "mrn", "phone", "email", "language", "interpreter_required"),
    *("gender_identity", "pronouns", "replaced_by"),
)


def read_inbox(work: UnitOfWork, *, of: str = "mine", view: View = "open", page: int = 1) -> Inbox:
    """`of`: 'mine', 'all', or the practitioner id of somebody else's inbox. Audited with the patients shown.

    Raises Forbidden. A result that cannot be read stands there as such.
    """
    work.actor.require("result.read")
    reader = _reader(work, of)
    cards, total = page_of_items(work, reader, view, page)
    parts = _read_parts(work, [item for card in cards for item in card])
    work.audit(
        "results_inbox.read",
        patient_ids=list(parts.people),
        detail={"view": view, "cards": len(cards), "page": page},
    )
    return Inbox(
        cards=[_card(work, reader, card, parts) for card in cards if card],
        page=Page(number=page, size=CARDS_A_PAGE, total=total),
        counts=count_items(work, reader),
        covering_for=[parts.clinicians.get(one, "An account that is closed") for one in reader.covering],
        covered_by=[_name(parts, practitioner, pool) for practitioner, pool in reader.covers],
        on_their_way=count_arrivals(work),
        limits_source=limits_words(),
    )


def read_counts(work: UnitOfWork) -> InboxCounts:
    """Of the reader's own inbox: numbers only, no patient."""
    work.actor.require("result.read")
    counts = count_items(work, _reader(work, "mine"))
    return counts.model_copy(update={"on_their_way": count_arrivals(work)})


def read_choices(work: UnitOfWork) -> InboxChoices:
    """Who has an inbox, and the pools. No patient data."""
    work.actor.require("result.read")
    return InboxChoices(
        clinicians=list(practitioners_who_may(work.connection, "result.act").items()),
        pools=sorted(names_of_pools(work).items(), key=lambda pair: pair[1]),
    )


def _reader(work: UnitOfWork, of: str) -> Reader:
    if of == "all":
        return reader_of(work, None, everybody=True)
    return reader_of(work, work.actor.practitioner_id if of == "mine" else of)


@dataclass(frozen=True)
class Parts:
    """What the cards of one page are made of, each kind read in one statement."""

    stored: Mapping[tuple[str, str], StoredResult]
    people: Mapping[str, PersonFacts]
    alike: set[str]
    earlier: Mapping[tuple[str, str], list[Versioned]]
    events: Mapping[str, list[Row[Any]]]
    orders: Mapping[str, str]
    titles: Mapping[str, str]
    clinicians: Mapping[str, str]
    pools: Mapping[str, str]


def _read_parts(work: UnitOfWork, items: Sequence[Row[Any]]) -> Parts:
    people = people_by_id(work, [item.patient_id for item in items])
    events: dict[str, list[Row[Any]]] = {}
    for event in events_of(work, [item.item_id for item in items]):
        events.setdefault(str(event.item_id), []).append(event)
    return Parts(
        stored=stored_results(work, [(item.resource_type, item.resource_id) for item in items]),
        people=people,
        alike=mistakable({patient_id: person.name for patient_id, person in people.items()}),
        earlier=earlier_values(
            work,
            [
                (item.patient_id, item.code_token)
                for item in items
                if item.resource_type == "Observation" and item.code_token
            ],
        ),
        events=events,
        orders=_names_of(work, "service_request", {item.order_id for item in items if item.order_id}),
        titles=_names_of(work, "diagnostic_report", _report_ids(items)),
        clinicians=practitioners_who_may(work.connection, "result.act"),
        pools=names_of_pools(work),
    )


def _report_ids(items: Iterable[Row[Any]]) -> set[str]:
    kind = "DiagnosticReport/"
    return {item.group_key.removeprefix(kind) for item in items if item.group_key.startswith(kind)}


def _names_of(work: UnitOfWork, table: str, ids: set[str]) -> dict[str, str]:
    """What these orders or reports are of, in words."""
    rows = work.connection.execute(
        text(f"SELECT id, body FROM fhir.{table} WHERE id = ANY(:ids) AND NOT deleted"), {"ids": sorted(ids)}
    )
    return {row.id: words(decode(row.body).get("code")) or "not named" for row in rows}


def _card(work: UnitOfWork, reader: Reader, items: Sequence[Row[Any]], parts: Parts) -> InboxCard:
    first = items[0]
    person = parts.people.get(first.patient_id) or _nobody(first.patient_id)
    results = [_result(work, item, parts) for item in items]
    order_id = next((item.order_id for item in items if item.order_id), None)
    system, _, code = (first.code_token or "").rpartition("|")
    escalated = next((item for item in items if item.escalated_at), None)
    return InboxCard(
        group_key=first.group_key,
        patient_id=first.patient_id,
        name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        phone=person.phone,
        language=person.language,
        same_name=first.patient_id in parts.alike,
        title=_title(first, order_id, results, parts),
        results=results,
        grade=min((result.grade for result in results), key=GRADE_RANK.__getitem__),
        arrived_at=min(item.arrived_at for item in items),
        notified_at=min(item.notified_at for item in items),
        owner=_name(parts, first.owner_practitioner, first.owner_pool),
        why_here=_why_here(reader, first, parts),
        escalated_to=_name(parts, escalated.escalated_practitioner, escalated.escalated_pool)
        if escalated
        else None,
        escalated_at=escalated.escalated_at if escalated else None,
        order_id=order_id,
        order_name=parts.orders.get(order_id) if order_id else None,
        events=_events(items, parts),
        suggested=suggested_message(person.language_tag, results[0].grade, system, code, results[0].name),
    )


def _nobody(patient_id: str) -> PersonFacts:
    """Of a record that was deleted: the result is still shown, with nothing known of whose it is."""
    silent = dict.fromkeys(UNKNOWN_OF_NOBODY)
    return PersonFacts(patient_id=patient_id, name=PatientName(), deceased=False, active=False, **silent)


def _title(first: Row[Any], order_id: str | None, results: Sequence[InboxResult], parts: Parts) -> str:
    """The report's name, or the order's where several came for it, else the test's own."""
    report = parts.titles.get(first.group_key.removeprefix("DiagnosticReport/"))
    if report:
        return report
    if len(results) > 1 and order_id in parts.orders:
        return parts.orders[order_id]
    return results[0].name if len(results) == 1 else f"{len(results)} results that came together"


def _name(parts: Parts, practitioner: str | None, pool: str | None) -> str:
    if practitioner is not None:
        return parts.clinicians.get(practitioner, "A clinician whose account is closed")
    return parts.pools.get(pool or "", "A pool that is gone")


def _why_here(reader: Reader, item: Row[Any], parts: Parts) -> str:
    """Why this stands in the reader's inbox."""
    owner = _name(parts, item.owner_practitioner, item.owner_pool)
    if item.owner_practitioner in reader.covering:
        return f"Covering for {owner}"
    if reader.everybody or item.owner_practitioner == reader.practitioner_id:
        said = {
            "ordered": "ordered it",
            "primary_care": "is the patient's clinician",
            "delegated": "had it delegated",
        }
        return f"{owner} {said[item.owner_reason]}" if item.owner_reason in said else f"Pool: {owner}"
    if item.owner_pool is not None:
        return f"Pool: {owner}"
    return f"Passed on from {owner}, who has not acknowledged it"


def _result(work: UnitOfWork, item: Row[Any], parts: Parts) -> InboxResult:
    stored = parts.stored.get((item.resource_type, item.resource_id))
    resource = _body(stored)
    points = _points(work, stored, resource)
    return InboxResult(
        item_id=str(item.item_id),
        version=item.version,
        resource_type=item.resource_type,
        resource_id=item.resource_id,
        result_version=item.result_version,
        state=item.state,
        name=words((resource or {}).get("code")) or "A result that could not be read",
        points=points,
        grade=item.grade,
        grade_reason=item.grade_reason,
        notice=item.notice,
        was=_was(work, item),
        comments=_comments(resource),
        trend=_trend(work, item, points, parts),
        acknowledged_by=item.acknowledged_by_name,
        acknowledged_at=item.acknowledged_at,
    )


def _body(stored: StoredResult | None) -> Resource | None:
    try:
        return decode(stored.body) if stored is not None and not stored.deleted else None
    except AlmonerError:
        return None


def _points(
    work: UnitOfWork, stored: StoredResult | None, resource: Resource | None
) -> list[tuple[str, ResultPoint]]:
    """Whatever is wrong with one result leaves the others readable."""
    if stored is None or resource is None:
        return []
    try:
        return [
            (name, point)
            for _, _, name, point in points_of(Versioned(stored.version_id, resource), reading_of(work))
        ]
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return []


def _was(work: UnitOfWork, item: Row[Any]) -> str | None:
    """What somebody had acknowledged before it changed: the difference is shown, not guessed."""
    if item.seen_version is None or item.notice not in ("corrected", "cancelled", "withdrawn"):
        return None
    before = Store(work).vread(item.resource_type, item.resource_id, item.seen_version)
    points = points_of(Versioned(before.version_id, decode(before.body)), reading_of(work))
    return "; ".join(point.text for _, _, _, point in points) or None


def _comments(resource: Resource | None) -> list[str]:
    return [note["text"] for note in (resource or {}).get("note") or () if note.get("text")]


def _trend(
    work: UnitOfWork, item: Row[Any], points: Sequence[tuple[str, ResultPoint]], parts: Parts
) -> list[Decimal]:
    """Finished numbers of the same test in the unit of this one; nothing for what has no number."""
    if not points or points[0][1].number is None or points[0][1].second_number is not None:
        return []
    unit, numbers = points[0][1].unit, []
    for earlier in parts.earlier.get((item.patient_id, item.code_token), ()):
        found = next(points_of(earlier, reading_of(work)), None)
        if found and found[3].number is not None and found[3].unit == unit:
            numbers.append(found[3].number)
    return numbers


def _events(items: Sequence[Row[Any]], parts: Parts) -> list[InboxEvent]:
    """The newest lines of all items of the card; what happened to several at once stands there once."""
    told = [event for item in items for event in parts.events.get(str(item.item_id), ())]
    told.sort(key=lambda event: event.event_id, reverse=True)
    lines = dict.fromkeys(
        (event.at.replace(second=0, microsecond=0), event.actor_name, event.act, event.note) for event in told
    )
    return [
        InboxEvent(at=at, who=who, act=act, note=note) for at, who, act, note in list(lines)[:EVENTS_SHOWN]
    ]
