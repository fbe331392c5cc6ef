"""Tells an outside service what was done about its cards: afterwards, a few times when it does not answer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.outside import AnswerCard
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.outside_cds.asking import DESK, OutsideSupport
from ehr_core.kernel.errors import AlmonerError, NotFound
from ehr_core.outside.addresses import reach_of
from ehr_core.outside.calls import CallFailed, call

SECONDS = 10.0
FIRST_PAUSE = timedelta(minutes=1)
MOST_TRIES = 6
KEPT_FOR = timedelta(days=30)

NOTE = text(
    """
    UPDATE outside.cds_card SET outcome = :outcome, reason = CAST(:reason AS jsonb), answered_at = :now,
      next_try_at = :now WHERE card_id = CAST(:card AS uuid) AND account_id = :account AND outcome IS NULL
    """
)
NEXT = text(
    """
    UPDATE outside.cds_card c SET tries = tries + 1, next_try_at = :now + CAST(:pause AS interval) * power(2, tries)
    FROM outside.cds_service s WHERE s.service_id = c.service_id AND c.card_id = (
      SELECT card_id FROM outside.cds_card WHERE outcome IS NOT NULL AND told_at IS NULL AND next_try_at <= :now
        AND tries < :most ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING c.*, s.url, s.known_as
    """
)
TOLD = text("UPDATE outside.cds_card SET told_at = :now WHERE card_id = :card")
FORGET = text("DELETE FROM outside.cds_card WHERE shown_at < :before")


def note_answer(desk: UnitOfWork, actor: Actor, card_id: str, answer: AnswerCard) -> None:
    """Raises NotFound for a card that was not shown to this person, or was answered before."""
    values = {
        "card": card_id,
        "account": actor.actor_id,
        "outcome": answer.outcome,
        "reason": answer.reason.model_dump_json() if answer.reason else None,
        "now": desk.now(),
    }
    if not desk.connection.execute(NOTE, values).rowcount:
        raise NotFound("There is no such card to be answered.")


class FeedbackCarrier:
    """Carries one answer at a time."""

    def __init__(self, support: OutsideSupport):
        self.support = support

    def carry_one(self) -> bool:
        """False when nothing is due."""
        with self._desk() as desk:
            now = desk.now()
            desk.connection.execute(FORGET, {"before": now - KEPT_FOR})
            due = {"now": now, "pause": FIRST_PAUSE, "most": MOST_TRIES}
            row = desk.connection.execute(NEXT, due).one_or_none()
        if row is None:
            return False
        try:
            self._tell(row)
        except AlmonerError:
            return True
        with self._desk() as desk:
            desk.connection.execute(TOLD, {"card": row.card_id, "now": desk.now()})
        return True

    def _tell(self, row: Row[Any]) -> None:
        address = f"{row.url}/feedback"
        told: dict[str, Any] = {
            "card": row.outside_id,
            "outcome": row.outcome,
            "outcomeTimestamp": row.answered_at.isoformat(timespec="milliseconds"),
        }
        if row.reason:
            told["overrideReason"] = {"reason": row.reason}
        with self._desk() as desk:
            token = self.support.signer.token(desk.connection, self.support.claims(row, address))
        answer = call(
            "POST",
            address,
            reach=reach_of(self.support.parts.settings),
            seconds=SECONDS,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=json.dumps({"feedback": [told]}).encode(),
            look=self.support.look,
        )
        if not 200 <= answer.status < 300:
            raise CallFailed(f"It answered {answer.status}.", answer.status)

    def _desk(self) -> Any:
        parts = self.support.parts
        return begin(parts.database, DESK, parts.clock, parts.settings.site_time_zone)
