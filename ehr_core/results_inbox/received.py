"""Results as they were sent, kept whatever became of them. One that has no patient waits here for somebody to look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.results_inbox import IncomingResults, ReceivedResults, SetAside
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, NotFound, StaleVersion
from ehr_core.results_inbox.grading import Grading

MOST_SHOWN = 50


def received_before(work: UnitOfWork, source: str, message_id: str) -> ReceivedResults | None:
    """What became of this very message when it was sent before."""
    row = work.connection.execute(
        text("SELECT * FROM results_inbox.received WHERE source = :source AND message_id = :message"),
        {"source": source, "message": message_id},
    ).one_or_none()
    return answer_of(row) if row is not None else None


def claim_message(work: UnitOfWork, incoming: IncomingResults, grading: Grading, **about: Any) -> str | None:
    """Keeps the message and returns its id; None when it was here before. A second sender waits for the first."""
    return work.connection.execute(
        text(
            "INSERT INTO results_inbox.received (source, message_id, received_at, body, state, grade, grade_rank, "
            "grade_reason, resource_type, resource_id) VALUES (:source, :message, :now, :body, 'waiting', :grade, "
            ":rank, :why, :type, :id) ON CONFLICT (source, message_id) DO NOTHING RETURNING received_id::text"
        ),
        {
            "source": incoming.source,
            "message": incoming.message_id,
            "now": work.now(),
            "body": incoming.model_dump_json(),
            "grade": grading.grade,
            "rank": grading.rank,
            "why": grading.reason,
            "type": about.get("resource_type"),
            "id": about.get("resource_id"),
        },
    ).scalar_one_or_none()


def say_why_it_waits(work: UnitOfWork, received_id: str, why: str) -> None:
    work.connection.execute(
        text("UPDATE results_inbox.received SET why = :why WHERE received_id::text = :id"),
        {"why": why, "id": received_id},
    )


def settle(
    work: UnitOfWork,
    received_id: str,
    state: str,
    *,
    patient_id: str | None = None,
    order_id: str | None = None,
    note: str | None = None,
) -> None:
    """Stored in somebody's chart, or set aside, by this actor."""
    work.connection.execute(
        text(
            "UPDATE results_inbox.received SET state = :state, patient_id = :patient, order_id = :order, note = :note, "
            "settled_at = :now, settled_by_name = :name, version = version + 1 WHERE received_id::text = :id"
        ),
        {
            "state": state,
            "patient": patient_id,
            "order": order_id,
            "note": note,
            "now": work.now(),
            "name": work.actor.name,
            "id": received_id,
        },
    )


def waiting_messages(work: UnitOfWork) -> tuple[Sequence[Row[Any]], int]:
    """(the gravest and oldest, how many in all)."""
    rows = work.connection.execute(
        text(
            "SELECT *, count(*) OVER () AS total FROM results_inbox.received WHERE state = 'waiting' "
            "ORDER BY grade_rank, received_at LIMIT :most"
        ),
        {"most": MOST_SHOWN},
    ).all()
    return rows, rows[0].total if rows else 0


def waiting_message(work: UnitOfWork, received_id: str) -> Row[Any]:
    """Raises NotFound, and Conflict when it has been settled."""
    row = work.connection.execute(
        text("SELECT * FROM results_inbox.received WHERE received_id::text = :id"), {"id": received_id}
    ).one_or_none()
    _check_waiting(row)
    return row


def message_to_settle(work: UnitOfWork, received_id: str, version: int) -> Row[Any]:
    """The locked message. Raises NotFound, StaleVersion, and Conflict that says who was first."""
    row = work.connection.execute(
        text("SELECT * FROM results_inbox.received WHERE received_id::text = :id FOR UPDATE"),
        {"id": received_id},
    ).one_or_none()
    _check_waiting(row)
    if row.version != version:
        raise StaleVersion("This has changed since you saw it. Look at it again, then go on.")
    return row


def _check_waiting(row: Row[Any] | None) -> None:
    if row is None:
        raise NotFound("There is no such result among those that wait for a patient.")
    if row.state != "waiting":
        done = "put it into a chart" if row.state == "stored" else "set it aside"
        raise Conflict(f"{row.settled_by_name} has {done} already. Nothing was changed.")


def set_aside(work: UnitOfWork, received_id: str, act: SetAside) -> ReceivedResults:
    """It is nobody's here: it leaves the queue, and the message stays with the reason."""
    work.actor.require("result.act")
    message_to_settle(work, received_id, act.version)
    settle(work, received_id, "set_aside", note=act.reason)
    work.audit("results_inbox.set_aside", detail={"received_id": received_id})
    return answer_of(_read(work, received_id))


def read_answer(work: UnitOfWork, received_id: str) -> ReceivedResults:
    return answer_of(_read(work, received_id))


def _read(work: UnitOfWork, received_id: str) -> Row[Any]:
    return work.connection.execute(
        text("SELECT * FROM results_inbox.received WHERE received_id::text = :id"), {"id": received_id}
    ).one()


def answer_of(row: Row[Any]) -> ReceivedResults:
    return ReceivedResults(
        received_id=str(row.received_id), state=row.state, patient_id=row.patient_id, why=row.why
    )


def incoming_of(row: Row[Any]) -> IncomingResults:
    """The message as it was sent."""
    return IncomingResults.model_validate_json(row.body)
