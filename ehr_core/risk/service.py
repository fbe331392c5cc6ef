"""Adjusting a care tier: by who knows the patient, with a reason, until a day; taken back by the same. Told, audited.

Every act names the version that the person saw. The computed tier is never touched, and both are shown.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import text

from data_contracts.api.risk import AdjustTier, CareTier, TakeBackTier
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, StaleVersion
from ehr_core.risk.reading import Row, as_care_tier, check_known, tier_row

MOST_DAYS = 366
"""An adjustment is looked at again at least once a year."""

KEEP = """
INSERT INTO risk.care_tier AS held (patient_id, present, tier, version, adjusted_tier, adjusted_reason, adjusted_note,
  adjusted_from, adjusted_until, adjusted_by, adjusted_by_name, adjusted_at)
VALUES (:id, false, 'unknown', 1, :tier, :reason, :note, :computed, :until, :by, :name, :at)
ON CONFLICT (patient_id) DO UPDATE SET adjusted_tier = excluded.adjusted_tier,
  adjusted_reason = excluded.adjusted_reason, adjusted_note = excluded.adjusted_note,
  adjusted_from = excluded.adjusted_from, adjusted_until = excluded.adjusted_until,
  adjusted_by = excluded.adjusted_by, adjusted_by_name = excluded.adjusted_by_name,
  adjusted_at = excluded.adjusted_at, version = held.version + 1"""

END = """
UPDATE risk.care_tier SET adjusted_tier = NULL, adjusted_reason = NULL, adjusted_note = NULL, adjusted_from = NULL,
  adjusted_until = NULL, adjusted_by = NULL, adjusted_by_name = NULL, adjusted_at = NULL, version = version + 1
WHERE patient_id = :id"""

TELL = """
INSERT INTO risk.tier_event (patient_id, at, actor_id, actor_name, act, from_tier, to_tier, reason, note, until)
VALUES (:id, :now, :by, :name, :act, :from_tier, :to_tier, :reason, :note, :until)"""
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('risk.care_tier/' || :id, 0))")


def adjust(work: UnitOfWork, patient_id: str, act: AdjustTier) -> CareTier:
    """Sets the tier that counts from now until a day.

    Raises Forbidden without the permission or where a restricted fact decides the tier, NotFound, StaleVersion when
    somebody was quicker, BadRequest for a day that is not ahead.
    """
    work.actor.require("risk.adjust")
    row = _seen(work, patient_id, act.version)
    _check_until(act.until, work.today())
    before = as_care_tier(row)
    said = {"reason": act.reason, "note": (act.note or "").strip() or None, "until": act.until}
    keep(
        work,
        patient_id,
        tier=act.tier,
        computed=before.computed,
        by=work.actor.actor_id,
        name=work.actor.name,
        at=work.now(),
        **said,
    )
    tell(work, patient_id, "adjusted", from_tier=before.shown, to_tier=act.tier, **said)
    return _done(work, patient_id, "risk.adjusted", {"tier": act.tier, "reason": act.reason})


def take_back(work: UnitOfWork, patient_id: str, act: TakeBackTier) -> CareTier:
    """The computed tier counts again. Raises Conflict when no adjustment is in force."""
    work.actor.require("risk.adjust")
    row = _seen(work, patient_id, act.version)
    if row is None or not row["in_force"]:
        raise Conflict("There is no adjustment to take back: the computed tier counts already.")
    work.connection.execute(text(END), {"id": patient_id})
    note = (act.note or "").strip() or None
    computed = row["tier"] if row["present"] else "unknown"
    tell(work, patient_id, "taken_back", from_tier=row["shown"], to_tier=computed, note=note)
    return _done(work, patient_id, "risk.taken_back", {})


def keep(work: UnitOfWork, patient_id: str, **said: object) -> None:
    """Writes the adjustment: tier, reason, note, computed (the tier at that moment), until, by, name, at."""
    work.connection.execute(text(KEEP), {"id": patient_id, **said})


def tell(work: UnitOfWork, patient_id: str, act: str, **said: object) -> None:
    """Adds one line to the history of the tier, as this actor."""
    values = dict.fromkeys(("from_tier", "to_tier", "reason", "note", "until")) | said
    who = {"id": patient_id, "act": act, "now": work.now(), "by": work.actor.actor_id}
    work.connection.execute(text(TELL), {**values, **who, "name": work.actor.name})


def _seen(work: UnitOfWork, patient_id: str, version: int) -> Row | None:
    """The row as the person saw it, locked: two people at once are told of each other."""
    check_known(work, patient_id, to_act=True)
    work.connection.execute(ONE_AT_A_TIME, {"id": patient_id})
    row = tier_row(work, patient_id, lock=True)
    if row is not None and not row["open"]:
        raise Forbidden(
            "A restricted part of the record decides this tier. Somebody who may see it can adjust it."
        )
    if (row["version"] if row else 0) != version:
        raise StaleVersion(_changed_words(row))
    return row


def _changed_words(row: Row | None) -> str:
    if row is not None and row["in_force"]:
        return f"Changed by {row['adjusted_by_name']} since you saw it. Reload the page and look again."
    return "This tier has changed since you saw it. Reload the page and look again."


def _check_until(until: date, today: date) -> None:
    if not today < until <= today + timedelta(days=MOST_DAYS):
        raise BadRequest(
            f"until: give a day after today and at most {MOST_DAYS} days ahead, so that it is looked at again."
        )


def _done(work: UnitOfWork, patient_id: str, act: str, detail: dict[str, object]) -> CareTier:
    work.audit(act, patient_id=patient_id, detail=detail)
    return as_care_tier(tier_row(work, patient_id))
