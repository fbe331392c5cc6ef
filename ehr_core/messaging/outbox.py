"""Messages on their way: put down in the act that they are about, claimed by one sender, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.ids import new_id

LEASE = timedelta(minutes=5)
"""Longer than any sender takes; a sender that dies lets go of its message then."""
MOST_TRIES = 6
FIRST_PAUSE_MINUTES = 2


@dataclass(frozen=True)
class NewMessage:
    """`places` are the words' places (starts_at, time_zone); `about` makes it the only one of its kind."""

    patient_id: str
    kind: str
    about: str
    channel: str
    language: str
    places: Mapping[str, Any]
    link_id: str | None
    not_before: datetime


def put_down(work: UnitOfWork, message: NewMessage) -> bool:
    """Waits to be sent; False when the same was put down before."""
    done = work.connection.execute(
        text(
            "INSERT INTO messaging.message (message_id, patient_id, kind, about, channel, language, places, link_id, "
            "made_at, not_before) VALUES (CAST(:id AS uuid), :patient_id, :kind, :about, :channel, :language, "
            "CAST(:places AS jsonb), CAST(:link_id AS uuid), :now, :not_before) "
            "ON CONFLICT ON CONSTRAINT one_message_of_a_kind DO NOTHING"
        ),
        {
            "id": new_id(),
            "patient_id": message.patient_id,
            "kind": message.kind,
            "about": message.about,
            "channel": message.channel,
            "language": message.language,
            "places": orjson.dumps(dict(message.places)).decode(),
            "link_id": message.link_id,
            "now": work.now(),
            "not_before": message.not_before,
        },
    )
    return bool(done.rowcount)


def claim(work: UnitOfWork) -> Mapping[str, Any] | None:
    """The next message whose time has come, leased to this sender; None when nothing waits."""
    row = (
        work.connection.execute(
            text(
                "SELECT * FROM messaging.message WHERE state = 'waiting' AND not_before <= :now "
                "AND (claimed_until IS NULL OR claimed_until <= :now) "
                "ORDER BY not_before, message_id LIMIT 1 FOR UPDATE SKIP LOCKED"
            ),
            {"now": work.now()},
        )
        .mappings()
        .one_or_none()
    )
    if row is not None:
        work.connection.execute(
            text(
                "UPDATE messaging.message SET claimed_until = :until, tries = tries + 1 WHERE message_id = :id"
            ),
            {"until": work.now() + LEASE, "id": row["message_id"]},
        )
    return row


def note_sent(
    work: UnitOfWork, message_id: str, *, sender: str, address: str, subject: str | None, body: str
) -> None:
    work.connection.execute(
        text(
            "UPDATE messaging.message SET state = 'sent', sender = :sender, address = :address, subject = :subject, "
            "body = :body, sent_at = :now, why = NULL, claimed_until = NULL WHERE message_id = CAST(:id AS uuid)"
        ),
        {
            "sender": sender,
            "address": address,
            "subject": subject,
            "body": body,
            "now": work.now(),
            "id": message_id,
        },
    )


def note_not_sent(work: UnitOfWork, message_id: str, state: str, why: str) -> None:
    """For good: withheld, overtaken by what happened since, or refused by the sender."""
    work.connection.execute(
        text(
            "UPDATE messaging.message SET state = :state, why = :why, claimed_until = NULL "
            "WHERE message_id = CAST(:id AS uuid)"
        ),
        {"state": state, "why": why, "id": message_id},
    )


def note_failed(work: UnitOfWork, message_id: str, tries: int, why: str) -> None:
    """Tried again later, each time after twice as long, and given up after MOST_TRIES."""
    if tries >= MOST_TRIES:
        note_not_sent(work, message_id, "failed", why)
        return
    work.connection.execute(
        text(
            "UPDATE messaging.message SET why = :why, claimed_until = NULL, not_before = :later "
            "WHERE message_id = CAST(:id AS uuid)"
        ),
        {
            "why": why,
            "later": work.now() + timedelta(minutes=FIRST_PAUSE_MINUTES * 2 ** (tries - 1)),
            "id": message_id,
        },
    )
