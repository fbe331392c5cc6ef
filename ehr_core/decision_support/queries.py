"""Decision support's own tables: checks, the cards that were shown, and the site's choices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from cds.cards import Card, Tier
from cds.oversight import SiteChoice

INSERT_CHECK = text("""
INSERT INTO decision_support.checked (check_id, patient_id, at, actor_id, moment, proposal, rxcui, interrupted)
VALUES (:check_id, :patient_id, :at, :actor_id, :moment, :proposal, :rxcui, :interrupted)
""")
INSERT_SHOWN = text("""
INSERT INTO decision_support.shown (check_id, card_key, rule_id, patient_id, outcome, tier, severity)
VALUES (:check_id, :card_key, :rule_id, :patient_id, :outcome, :tier, :severity)
ON CONFLICT DO NOTHING
""")
ANSWER = text("""
UPDATE decision_support.shown
   SET answer = :answer, reason_code = :reason_code, reason_words = :reason_words,
       answered_at = :at, answered_by = :actor_id
 WHERE check_id = :check_id AND card_key = :card_key
""")
SIGNED = text("UPDATE decision_support.checked SET signed_at = :at WHERE check_id = :check_id")
DROPPED = text("""
UPDATE decision_support.shown s SET answer = 'accepted', answered_at = :at, answered_by = :actor_id
  FROM decision_support.checked c
 WHERE c.check_id = s.check_id AND c.patient_id = :patient_id AND c.actor_id = :actor_id AND c.signed_at IS NULL
   AND s.answer IS NULL AND s.tier = 1 AND s.outcome = 'fires' AND c.moment = 'order' AND c.at < :before
   AND NOT EXISTS (SELECT 1 FROM decision_support.checked later
                    WHERE later.proposal = c.proposal AND later.signed_at IS NOT NULL)
""")
CHOICES = text("""
SELECT choice_id, rule_id, tier, reason, chosen_by, chosen_by_name, chosen_on, until, approved_by, approved_by_name,
       approved_on
  FROM decision_support.choice WHERE ended_on IS NULL AND until >= :today ORDER BY rule_id
""")
FIGURES = text("""
SELECT s.rule_id, count(DISTINCT c.proposal) AS shown,
       count(DISTINCT c.proposal) FILTER (WHERE s.tier = 1 AND s.outcome = 'fires' AND c.moment = 'order')
         AS interrupted,
       count(DISTINCT c.proposal) FILTER (WHERE s.answer = 'accepted') AS accepted,
       count(DISTINCT c.proposal) FILTER (WHERE s.answer = 'overridden') AS overridden,
       count(DISTINCT c.proposal) FILTER (WHERE s.outcome = 'could_not_check') AS could_not_check
  FROM decision_support.shown s JOIN decision_support.checked c USING (check_id)
 WHERE c.at >= :since GROUP BY s.rule_id
""")
TOTALS = text("""
SELECT count(DISTINCT proposal) AS checks, count(DISTINCT proposal) FILTER (WHERE interrupted) AS interruptions
  FROM decision_support.checked WHERE at >= :since AND moment = 'order'
""")


@dataclass(frozen=True)
class Kept:
    """One check as it is kept."""

    check_id: UUID
    patient_id: str
    moment: str
    proposal: str
    rxcui: str | None
    cards: Sequence[Card]


def insert_checks(connection: Connection, checks: Sequence[Kept], *, at: datetime, actor_id: str) -> None:
    """All of them in two statements."""
    if not checks:
        return
    connection.execute(INSERT_CHECK, [_check_row(one, at, actor_id) for one in checks])
    if shown := [_shown_row(one, card) for one in checks for card in one.cards]:
        connection.execute(INSERT_SHOWN, shown)


def _check_row(kept: Kept, at: datetime, actor_id: str) -> dict[str, Any]:
    return {
        "check_id": kept.check_id,
        "patient_id": kept.patient_id,
        "at": at,
        "actor_id": actor_id,
        "moment": kept.moment,
        "proposal": kept.proposal,
        "rxcui": kept.rxcui,
        "interrupted": any(card.interrupts for card in kept.cards),
    }


def _shown_row(kept: Kept, card: Card) -> dict[str, Any]:
    return {
        "check_id": kept.check_id,
        "card_key": card.key,
        "rule_id": card.rule.id,
        "patient_id": kept.patient_id,
        "outcome": card.outcome.value,
        "tier": int(card.tier),
        "severity": card.severity.word,
    }


def choices_of(connection: Connection, today: date) -> list[SiteChoice]:
    return [_choice(row) for row in connection.execute(CHOICES, {"today": today})]


def _choice(row: Row[Any]) -> SiteChoice:
    return SiteChoice(
        rule_id=row.rule_id,
        tier=None if row.tier is None else Tier(row.tier),
        reason=row.reason,
        chosen_by=row.chosen_by,
        chosen_on=row.chosen_on,
        until=row.until,
        approved_by=frozenset({row.approved_by} if row.approved_by else ()),
    )


def choice_rows(connection: Connection, today: date) -> dict[str, Row[Any]]:
    return {row.rule_id: row for row in connection.execute(CHOICES, {"today": today})}


def answer_cards(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    listed = list(rows)
    if listed:
        connection.execute(ANSWER, listed)
