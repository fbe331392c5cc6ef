"""The life of a care gap, pure: which status is shown today, which act is allowed, what an act leads to.

The computed result and what people or workflows said about it are kept apart; the one displayed status is derived from
both, and from today, each time. A state that has an end holds while today is before that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from data_contracts.api.care_gaps import CLINICAL_EXCLUSION_REASONS, STATUS_WORDS, GapStatus
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden

WorkflowState = Literal["outreach_sent", "scheduled", "result_pending"]
HumanState = Literal["excluded", "declined", "snoozed"]

LIVE_STATUSES: tuple[GapStatus, ...] = ("open", "outreach_sent", "scheduled", "result_pending")
"""Care is due and nobody has set it aside: shown on the schedule and in a worklist row."""

OUTREACH_SILENCE_DAYS = 14  # a message without an answer counts as silence after two weeks: ask again
RESULT_DEADLINE_DAYS = 30  # an order without a result for a month has gone astray: look at it again
RE_ASK_DAYS = 180  # a "no" is asked again at the next half-yearly visit when no other day was agreed
UNDO_DAYS = 30  # a manual state may be taken back for this long (ux.md: reversible for 30 days)
NEED_CONSENT = ("sms", "email")
"""Channels on which nobody is written to without consent on record."""

LONGEST_DAYS: dict[HumanState, int] = {"excluded": 1826, "declined": 731, "snoozed": 183}
"""Longest life of each manual state, in days: five years, two years, half a year. Nothing is set aside for ever."""


@dataclass(frozen=True)
class GapState:
    """What is stored about one gap, as far as its status is concerned."""

    computed_status: Literal["open", "closed", "excluded", "not_evaluable"]
    workflow_state: WorkflowState | None = None
    workflow_until: date | None = None
    human_state: HumanState | None = None
    human_until: date | None = None
    human_at: datetime | None = None


def displayed_status(state: GapState, today: date) -> GapStatus:
    """The one status: the computed one unless care is due, then a person's word, then a workflow's, then open."""
    if state.computed_status != "open":
        return state.computed_status
    if state.human_state is not None and _holds(state.human_until, today):
        return state.human_state
    if state.workflow_state is not None and _holds(state.workflow_until, today):
        return state.workflow_state
    return "open"


STATUS_SQL = """CASE
  WHEN gap.computed_status <> 'open' THEN gap.computed_status
  WHEN gap.human_until > :today THEN gap.human_state
  WHEN gap.workflow_until > :today THEN gap.workflow_state
  ELSE 'open' END"""
"""`displayed_status` for the database, over an alias `gap`; a test holds the two together."""


def status_until(state: GapState, today: date) -> date | None:
    """The day on which the displayed manual or workflow state ends; null when none is shown."""
    status = displayed_status(state, today)
    if status == state.human_state:
        return state.human_until
    return state.workflow_until if status == state.workflow_state else None


def can_undo(state: GapState, today: date, acted_on: date | None) -> bool:
    """A manual state that is shown now and was set at most 30 days ago (`acted_on`: its day at the site)."""
    if acted_on is None or displayed_status(state, today) != state.human_state:
        return False
    return today <= acted_on + timedelta(days=UNDO_DAYS)


def is_overdue(computed_status: str, due_on: date | None, today: date) -> bool:
    """Due before today and still open. A gap that has never been done has no due day and is not called overdue."""
    return computed_status == "open" and due_on is not None and due_on < today


def check_can_act(state: GapState, today: date) -> None:
    """Raises Conflict unless care is due: a closed gap is neither excluded, snoozed nor ordered for."""
    if state.computed_status != "open":
        words = STATUS_WORDS[displayed_status(state, today)].lower()
        raise Conflict(f"This gap is {words}: there is nothing to do. Reload the page to see what changed.")


def check_manual_end(kind: HumanState, until: date, today: date) -> None:
    """Raises BadRequest when a manual state would end today or earlier, or last longer than its kind may."""
    latest = today + timedelta(days=LONGEST_DAYS[kind])
    if not today < until <= latest:
        raise BadRequest(f"Choose a day after today and not after {latest.isoformat()}.")


def check_may_exclude(reason: str, permissions: frozenset[str]) -> None:
    """Raises Forbidden when the reason is clinical and the actor is no clinician, or may not exclude at all."""
    clinical = reason in CLINICAL_EXCLUSION_REASONS
    needed = "gap.exclude_clinical" if clinical else "gap.exclude_administrative"
    if needed not in permissions:
        raise Forbidden(
            "A clinical reason can only be given by a clinician. Ask the patient's clinician to exclude it."
            if clinical
            else "Your role may not exclude a gap."
        )


@dataclass(frozen=True)
class ContactEffect:
    """What a call or message does to each gap that it was about."""

    workflow_state: WorkflowState | None = None
    human_state: HumanState | None = None
    until: date | None = None


def check_follow_up_declined(gap_kind: str, confirmed: bool) -> None:
    """Raises BadRequest for a "no" to the follow-up of an abnormal result that was not confirmed for itself."""
    if gap_kind == "follow_up_due" and not confirmed:
        raise BadRequest(
            "This is the follow-up of an abnormal result. Confirm that the patient knows of the result and still "
            "declines, or leave it open."
        )


def contact_effect(
    outcome: str, *, today: date, try_again_on: date | None, next_appointment_on: date | None
) -> ContactEffect:
    """Reached or left a message: outreach sent until silence; booked: scheduled until the day after the visit.

    Nobody answered and a wrong number leave the gap open: an attempt is counted, nothing was asked.
    """
    if outcome == "booked" and next_appointment_on is not None:
        return ContactEffect(workflow_state="scheduled", until=next_appointment_on + timedelta(days=1))
    if outcome in ("reached", "left_message", "booked"):
        return ContactEffect(
            workflow_state="outreach_sent",
            until=_later(try_again_on, today) or today + timedelta(days=OUTREACH_SILENCE_DAYS),
        )
    if outcome == "declined":
        return ContactEffect(
            human_state="declined",
            until=_later(try_again_on, today) or today + timedelta(days=RE_ASK_DAYS),
        )
    return ContactEffect()


def check_reachable(channel: str, consent: str) -> None:
    """Raises Conflict when the person has refused this channel, or never agreed to messages on it.

    A call needs no consent on record; a text message and an e-mail do.
    """
    if consent == "refused":
        raise Conflict(
            f"The patient has refused contact by {channel}. Choose another way, or record consent."
        )
    if channel in NEED_CONSENT and consent != "given":
        raise Conflict(
            f"Consent to contact by {channel} is not recorded. Call instead, or ask the patient and record consent."
        )


def _holds(until: date | None, today: date) -> bool:
    return until is not None and today < until


def _later(day: date | None, today: date) -> date | None:
    return day if day is not None and day > today else None
