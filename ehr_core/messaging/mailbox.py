"""The mailbox page: every message, newest first, what became of it and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from data_contracts.api.messaging import Mailbox, MailboxMessage
from data_contracts.api.model import Page
from ehr_core.access.unit_of_work import UnitOfWork

PAGE_SIZE = 25


def read_mailbox(
    work: UnitOfWork,
    senders: Mapping[str, str],
    *,
    page: int = 1,
    state: str | None = None,
    channel: str | None = None,
) -> Mailbox:
    """One page; one audit row with the sealed list of whom it was about."""
    work.actor.require("mailbox.read")
    number = max(1, page)
    rows = work.connection.execute(
        text(
            "SELECT CAST(message_id AS text) AS message_id, patient_id, kind, channel, state, why, sender, address, "
            "subject, body, made_at, not_before, sent_at, count(*) OVER () AS total FROM messaging.message "
            "WHERE (CAST(:state AS text) IS NULL OR state = :state) "
            "AND (CAST(:channel AS text) IS NULL OR channel = :channel) "
            "ORDER BY made_at DESC, message_id DESC LIMIT :size OFFSET :skip"
        ),
        {"state": state, "channel": channel, "size": PAGE_SIZE, "skip": (number - 1) * PAGE_SIZE},
    ).mappings()
    found: list[dict[str, Any]] = [dict(row) for row in rows]
    total = found[0]["total"] if found else 0
    work.audit(
        "mailbox_read",
        patient_ids=[row["patient_id"] for row in found],
        detail={"page": number, "messages": len(found)},
    )
    return Mailbox(
        messages=[MailboxMessage(**{key: row[key] for key in row if key != "total"}) for row in found],
        page=Page(number=number, size=PAGE_SIZE, total=total),
        senders=dict(senders),
    )
