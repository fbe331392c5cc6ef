"""Break-glass: a closed chart opened in an emergency, with a reason, for a while, and looked at by somebody afterwards.

It opens what panel, patient-requested restrictions and labels keep back; never what a rule keeps even in an emergency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from ehr_core.kernel.ids import new_id

OPEN_FOR = timedelta(hours=4)
"""How long the glass stays broken: about half a shift. A site's policy may ask to do it again sooner or later."""

SHORTEST_WORDS = 10
"""Characters of the explanation: enough for a reviewer to know what it was about."""

Reason = Literal["emergency", "covering", "patient_asked", "safety_check"]
Review = Literal["justified", "not_justified", "follow_up"]

STATE = """
SELECT access.chart_is_open(:patient_id) AS open, access.chart_is_shut_for_good(:patient_id) AS shut_for_good,
  (SELECT max(ends_at) FROM access.glass_broken WHERE patient_id = :patient_id) AS broken_until
"""


@dataclass(frozen=True)
class ChartState:
    """Whether this actor may open the chart; whether breaking the glass would; until when it is broken."""

    open: bool
    may_break_glass: bool
    broken_until: datetime | None


def chart_state(work: UnitOfWork, patient_id: str) -> ChartState:
    """Says nothing about whether there is such a patient: somebody who may not open a chart cannot try ids out."""
    row = work.connection.execute(text(STATE), {"patient_id": patient_id}).one()
    may_break = not row.open and not row.shut_for_good and work.actor.may("chart.break_glass")
    return ChartState(row.open, may_break, row.broken_until)


def break_glass(work: UnitOfWork, patient_id: str, *, reason: Reason, words: str) -> datetime:
    """Until when the chart is open to this actor. Raises Forbidden, BadRequest; counts from the next call on."""
    work.actor.require("chart.break_glass")
    if len(words.strip()) < SHORTEST_WORDS:
        raise BadRequest(f"Say in at least {SHORTEST_WORDS} characters why you open this chart.")
    if not chart_state(work, patient_id).may_break_glass:
        raise Forbidden("This chart cannot be opened by breaking the glass.")
    now = work.now()
    values = {
        "id": new_id(),
        "account": work.actor.actor_id,
        "patient": patient_id,
        "reason": reason,
        "words": words.strip()[:500],
        "now": now,
        "ends": now + OPEN_FOR,
    }
    work.connection.execute(
        text(
            "INSERT INTO access.break_glass (id, account_id, patient_id, reason, words, opened_at, ends_at) "
            "VALUES (:id, :account, :patient, :reason, :words, :now, :ends)"
        ),
        values,
    )
    work.audit("glass_broken", patient_id=patient_id, detail={"reason": reason, "review": values["id"]})
    return values["ends"]


def close_glass(work: UnitOfWork, patient_id: str) -> None:
    """Gives a chart back before its time; one that is not open stays as it is."""
    closed = work.connection.execute(
        text(
            "UPDATE access.break_glass SET closed_at = :now WHERE account_id = :account AND patient_id = :patient "
            "AND closed_at IS NULL AND ends_at > :now"
        ),
        {"now": work.now(), "account": work.actor.actor_id, "patient": patient_id},
    ).rowcount
    if closed:
        work.audit("glass_closed", patient_id=patient_id)


def to_review(work: UnitOfWork, *, most: int = 200) -> list[Row]:
    """Every broken glass that nobody has reviewed, the oldest first; audited, as it names patients."""
    work.actor.require("audit.read")
    rows = work.connection.execute(
        text(
            "SELECT b.id, b.account_id, a.display_name AS account_name, b.patient_id, b.reason, b.words, b.opened_at, "
            "coalesce(b.closed_at, b.ends_at) AS closed_at, (SELECT count(*) FROM audit.event e "
            "  WHERE e.actor_id = b.account_id AND e.patient_id = b.patient_id "
            "  AND e.at BETWEEN b.opened_at AND coalesce(b.closed_at, b.ends_at)) AS acts "
            "FROM access.break_glass b JOIN access.account a ON a.id = b.account_id "
            "WHERE b.reviewed_at IS NULL ORDER BY b.opened_at, b.id LIMIT :most"
        ),
        {"most": most},
    ).all()
    work.audit("glass_reviews_listed", patient_ids=[row.patient_id for row in rows])
    return list(rows)


def review(work: UnitOfWork, break_id: str, *, outcome: Review, words: str | None) -> None:
    """Nobody reviews their own. Raises Forbidden, NotFound."""
    work.actor.require("audit.read")
    row = work.connection.execute(
        text(
            "SELECT account_id, patient_id FROM access.break_glass WHERE id = :id AND reviewed_at IS NULL FOR UPDATE"
        ),
        {"id": break_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such review, or somebody has done it.")
    if row.account_id == work.actor.actor_id:
        raise Forbidden("Nobody reviews their own: ask another administrator.")
    work.connection.execute(
        text(
            "UPDATE access.break_glass SET reviewed_at = :now, reviewed_by = :by, review = :outcome, "
            "review_words = :words WHERE id = :id"
        ),
        {
            "now": work.now(),
            "by": work.actor.actor_id,
            "outcome": outcome,
            "words": (words or "").strip()[:500] or None,
            "id": break_id,
        },
    )
    work.audit("glass_reviewed", patient_id=row.patient_id, detail={"review": break_id, "outcome": outcome})
