"""Results from outside: matched to a patient and an order, or kept in the queue until somebody says whose they are.

Every message is kept as it came, once; the same message again changes nothing. Filed without a look is only what is
certain; anything else waits, the gravest first, and is attached by a person who has seen both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.results_inbox import (
    AttachResult,
    IncomingResults,
    MatchCandidate,
    ReceivedResults,
    SentPatient,
    UnmatchedResult,
    UnmatchedResults,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.reading import reading_of
from ehr_core.charting.series import Versioned, points_of
from ehr_core.display import show_date
from ehr_core.kernel.errors import BadRequest, Conflict, InvalidResource, Issue, NotFound
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.kernel.ids import stable_id
from ehr_core.orders.fulfilment import answer_of, orders_answered
from ehr_core.orders.queries import order_line
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.results_inbox.grading import gravest
from ehr_core.results_inbox.matching import Matched, Person, match_person
from ehr_core.results_inbox.received import (
    claim_message,
    incoming_of,
    message_to_settle,
    read_answer,
    received_before,
    say_why_it_waits,
    settle,
    waiting_message,
    waiting_messages,
)
from ehr_core.store.names import folded
from ehr_core.store.repository import Store
from ehr_core.store.tokens import ANY_SYSTEM, identifier_token
from ehr_core.workflows.grade_results import grade_result

Resource = dict[str, Any]

NAMESPACE = "https://almoner.dev/results/received"
TAKEN_TYPES = ("Observation", "DiagnosticReport")
MOST_CANDIDATES = 8
MOST_LOOKED_AT = 60

CANDIDATES = text("""
SELECT id FROM fhir.patient WHERE NOT deleted AND replaced_by IS NULL AND (
    identifier_tokens @> CAST(:mrn AS text[])
 OR id = :ordered_for
 OR birth_date = CAST(:born AS date)
 OR (CAST(:family AS text) IS NOT NULL AND name_text LIKE :family_like))
ORDER BY (identifier_tokens @> CAST(:mrn AS text[])) DESC NULLS LAST, (id = :ordered_for) DESC NULLS LAST,
         (name_text LIKE :family_like) DESC NULLS LAST, id
LIMIT :most
""")


def receive_results(work: UnitOfWork, incoming: IncomingResults) -> ReceivedResults:
    """Files a message with a certain patient, and queues any other. Idempotent by (source, message id).

    Raises Forbidden, and BadRequest for what is neither an Observation nor a DiagnosticReport. What the store refuses
    is queued with the reason: the sender has done their part.
    """
    work.actor.require("fhir.write")
    _check_types(incoming)
    if before := received_before(work, incoming.source, incoming.message_id):
        return before
    birth = incoming.patient.birth_date.isoformat() if incoming.patient.birth_date else None
    grading = gravest(grade_result(one, birth, work.site_time_zone) for one in incoming.results)
    received_id = claim_message(work, incoming, grading)
    if received_id is None:
        return received_before(work, incoming.source, incoming.message_id)
    _file_if_certain(work, received_id, incoming)
    found = read_answer(work, received_id)
    work.audit(
        "results_inbox.received",
        patient_id=found.patient_id,
        detail={"received_id": received_id, "state": found.state, "results": len(incoming.results)},
    )
    return found


def _check_types(incoming: IncomingResults) -> None:
    kinds = {resource.get("resourceType") for resource in incoming.results}
    if kinds - set(TAKEN_TYPES):
        raise BadRequest(f"results: only {' and '.join(TAKEN_TYPES)} are taken here.")


def _file_if_certain(work: UnitOfWork, received_id: str, incoming: IncomingResults) -> None:
    candidates = _candidates(work, incoming)
    certain = [person.patient_id for person, matched in candidates if matched.match == "certain"]
    if len(certain) != 1:
        say_why_it_waits(work, received_id, _why_uncertain(candidates, certain))
        return
    try:
        with work.connection.begin_nested():
            _file(work, received_id, incoming, certain[0], note=None)
    except InvalidResource as error:
        issues = "; ".join(f"{issue.expression} {issue.message}" for issue in error.issues)
        say_why_it_waits(work, received_id, f"It breaks the form of a FHIR resource: {issues}.")


def _why_uncertain(candidates: Sequence[tuple[PersonFacts, Matched]], certain: Sequence[str]) -> str:
    if len(certain) > 1:
        return "Several records fit for certain: they may be double records of one person."
    if any(matched.match == "possible" for _, matched in candidates):
        return "It may be about somebody here, but that is not certain."
    return "Nobody here fits what the sender says."


def _file(
    work: UnitOfWork, received_id: str, incoming: IncomingResults, patient_id: str, *, note: str | None
) -> None:
    """Stores the resources in this patient's record; the inbox and the orders follow from that."""
    order_id = _named_order(work, incoming, patient_id)
    ids = {
        f"{resource['resourceType']}/{resource.get('id')}": stable_id(NAMESPACE, f"{received_id}/{place}")
        for place, resource in enumerate(incoming.results)
    }
    for place, resource in enumerate(incoming.results):
        filed = _with_references(resource, ids) | {"subject": {"reference": f"Patient/{patient_id}"}}
        filed.pop("id", None)
        if order_id is not None and "basedOn" not in filed:
            filed["basedOn"] = [{"reference": f"ServiceRequest/{order_id}"}]
        identity = stable_id(NAMESPACE, f"{received_id}/{place}")
        Store(work).create(resource["resourceType"], encode(filed), id=identity)
    settle(work, received_id, "stored", patient_id=patient_id, order_id=order_id, note=note)


def _with_references(value: Any, ids: dict[str, str]) -> Any:
    """The same with references inside the message rewritten to the ids that its resources get here."""
    if isinstance(value, dict):
        rewritten = {name: _with_references(item, ids) for name, item in value.items()}
        target = rewritten.get("reference")
        if isinstance(target, str) and target in ids:
            rewritten["reference"] = f"{target.partition('/')[0]}/{ids[target]}"
        return rewritten
    return [_with_references(item, ids) for item in value] if isinstance(value, list) else value


def _named_order(work: UnitOfWork, incoming: IncomingResults, patient_id: str) -> str | None:
    """Our order that the message names, if it is this patient's."""
    found = _order(work, incoming.order_number)
    return found.id if found is not None and found.patient_id == patient_id else None


def _order(work: UnitOfWork, order_number: str | None) -> Row[Any] | None:
    return work.connection.execute(
        text("SELECT id, patient_id FROM fhir.service_request WHERE id = :id AND NOT deleted"),
        {"id": order_number},
    ).one_or_none()


def _candidates(work: UnitOfWork, incoming: IncomingResults) -> list[tuple[PersonFacts, Matched]]:
    """Those who could be meant, the best first."""
    sent = incoming.patient
    order = _order(work, incoming.order_number)
    ids = (
        work.connection.execute(CANDIDATES, _wanted(sent, order.patient_id if order else None))
        .scalars()
        .all()
    )
    people = people_by_id(work, ids)
    judged = [
        (people[one], match_person(sent, _person(people[one], order, one))) for one in ids if one in people
    ]
    return sorted(judged, key=lambda pair: pair[1].rank)


def _wanted(sent: SentPatient, ordered_for: str | None) -> dict[str, Any]:
    family = folded(sent.family).replace("%", "").replace("_", "") if sent.family else None
    return {
        "mrn": [identifier_token(ANY_SYSTEM, sent.mrn)] if sent.mrn else None,
        "ordered_for": ordered_for,
        "born": sent.birth_date,
        "family": family,
        "family_like": f"% {family}%" if family else None,
        "most": MOST_LOOKED_AT,
    }


def _person(person: PersonFacts, order: Row[Any] | None, patient_id: str) -> Person:
    return Person(
        family=person.name.family,
        given=person.name.given,
        birth_date=person.birth_date,
        sex=person.sex,
        mrn=person.mrn,
        names_our_order=order is not None and order.patient_id == patient_id,
    )


def read_unmatched(work: UnitOfWork) -> UnmatchedResults:
    """What waits for a patient, each with its candidates graded now; audited with the candidates."""
    work.actor.require("result.read")
    rows, total = waiting_messages(work)
    shown = [_present(work, row, incoming_of(row)) for row in rows]
    patients = {one.patient_id for result in shown for one in result.candidates}
    work.audit("results_inbox.unmatched.read", patient_ids=patients, detail={"waiting": total})
    return UnmatchedResults(waiting=shown, total=total)


def _present(work: UnitOfWork, row: Row[Any], incoming: IncomingResults) -> UnmatchedResult:
    candidates = _candidates(work, incoming)[:MOST_CANDIDATES]
    return UnmatchedResult(
        received_id=str(row.received_id),
        version=row.version,
        source=row.source,
        received_at=row.received_at,
        why=row.why or "Nobody has looked at it yet.",
        patient=incoming.patient,
        order_number=incoming.order_number,
        results=list(_result_lines(work, incoming.results)),
        grade=row.grade,
        grade_reason=row.grade_reason,
        candidates=[_candidate(work, person, matched, incoming.results) for person, matched in candidates],
    )


def judge_candidate(work: UnitOfWork, received_id: str, patient_id: str) -> MatchCandidate:
    """How well somebody fits whom nothing sent had led to. Raises NotFound."""
    work.actor.require("result.act")
    incoming = incoming_of(waiting_message(work, received_id))
    person = people_by_id(work, [patient_id]).get(patient_id)
    if person is None:
        raise NotFound("There is no such patient. Search again; the record may have been deleted.")
    order = _order(work, incoming.order_number)
    matched = match_person(incoming.patient, _person(person, order, patient_id))
    work.audit("results_inbox.unmatched.read", patient_id=patient_id)
    return _candidate(work, person, matched, incoming.results)


def _candidate(
    work: UnitOfWork, person: PersonFacts, matched: Matched, results: Sequence[Resource]
) -> MatchCandidate:
    return MatchCandidate(
        patient_id=person.patient_id,
        name=person.name,
        birth_date=person.birth_date,
        sex=person.sex,
        mrn=person.mrn,
        match=matched.match,
        reasons=list(matched.reasons),
        open_orders=_open_orders(work, person.patient_id, results)
        if matched.match != "certainly_not"
        else [],
    )


def _open_orders(work: UnitOfWork, patient_id: str, results: Sequence[Resource]) -> list[str]:
    found = {
        order_id
        for place, resource in enumerate(results)
        for order_id in _answered(work, patient_id, {"id": str(place)} | resource)
    }
    return sorted(order_line(work, one).name for one in found)


def _answered(work: UnitOfWork, patient_id: str, resource: Resource) -> list[str]:
    found = orders_answered(work, patient_id, answer_of(resource, None))
    return [*found.orders, *found.unclear]


def _result_lines(work: UnitOfWork, results: Iterable[Resource]) -> Iterable[str]:
    """'Potassium 6.9 mmol/L, 20-Nov-2026', as far as it can be read."""
    for place, resource in enumerate(decode(encode(one)) for one in results):
        try:
            points = list(points_of(Versioned(0, {"id": str(place)} | resource), reading_of(work)))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            yield "A result that could not be read"
            continue
        for _, _, name, point in points:
            yield f"{name} {point.text}, {show_date(point.at, work.site_time_zone)}"


def attach_result(work: UnitOfWork, received_id: str, act: AttachResult) -> ReceivedResults:
    """Puts it into this patient's record, by somebody who may act on results and has seen how well it fits.

    Raises Conflict when somebody was first or the fit is not the one that was shown, InvalidResource without a reason
    for what is not certain, NotFound.
    """
    work.actor.require("result.act")
    row = message_to_settle(work, received_id, act.version)
    incoming = incoming_of(row)
    person = people_by_id(work, [act.patient_id]).get(act.patient_id)
    if person is None or person.replaced_by is not None:
        raise NotFound("There is no such patient, or the record was merged into another. Search again.")
    matched = match_person(
        incoming.patient, _person(person, _order(work, incoming.order_number), act.patient_id)
    )
    if matched.match != act.match:
        raise Conflict("The record has changed, and it fits differently now. Look at both sides again.")
    if matched.match != "certain" and not (act.reason or "").strip():
        raise InvalidResource(
            [
                Issue(
                    "reason",
                    "Say how you know that it is this patient: the match is not certain.",
                    "required",
                )
            ]
        )
    if row.resource_id is not None:
        _give_stored(work, row, act.patient_id, act.reason)
    else:
        _file(work, received_id, incoming, act.patient_id, note=act.reason)
    work.audit(
        "results_inbox.attached",
        patient_id=act.patient_id,
        detail={"received_id": received_id, "match": matched.match},
    )
    return read_answer(work, received_id)


def _give_stored(work: UnitOfWork, row: Row[Any], patient_id: str, note: str | None) -> None:
    """A result that was stored without a patient gets one, as a new version."""
    stored = Store(work).read(row.resource_type, row.resource_id)
    body = decode(stored.body) | {"subject": {"reference": f"Patient/{patient_id}"}}
    Store(work).update(row.resource_type, row.resource_id, encode(body), if_match=stored.version_id)
    settle(work, str(row.received_id), "stored", patient_id=patient_id, note=note)
