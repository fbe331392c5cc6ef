"""The life of a care gap: which status is shown, how long a state holds, what an act leads to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta

import pytest

from ehr_core.care_gaps import rules
from ehr_core.care_gaps.rules import GapState, contact_effect, displayed_status
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden

TODAY = date(2026, 11, 20)
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)

# computed, workflow (state, until), human (state, until) → shown
STATES = [
    ("open", None, None, "open"),
    ("open", ("outreach_sent", TOMORROW), None, "outreach_sent"),
    ("open", ("outreach_sent", TODAY), None, "open"),
    ("open", ("scheduled", YESTERDAY), None, "open"),
    ("open", ("result_pending", TOMORROW), None, "result_pending"),
    ("open", None, ("excluded", TOMORROW), "excluded"),
    ("open", None, ("excluded", TODAY), "open"),
    ("open", ("scheduled", TOMORROW), ("snoozed", TOMORROW), "snoozed"),
    ("open", ("scheduled", TOMORROW), ("snoozed", TODAY), "scheduled"),
    ("closed", ("scheduled", TOMORROW), ("excluded", TOMORROW), "closed"),
    ("excluded", None, None, "excluded"),
    ("not_evaluable", None, ("declined", TOMORROW), "not_evaluable"),
]


def state_of(computed, workflow, human) -> GapState:
    return GapState(computed, *(workflow or (None, None)), *(human or (None, None)))


@pytest.mark.parametrize(("computed", "workflow", "human", "shown"), STATES)
def test_one_status_is_shown_and_a_state_ends_on_its_day(computed, workflow, human, shown):
    assert displayed_status(state_of(computed, workflow, human), TODAY) == shown


def test_the_end_that_is_told_belongs_to_the_state_that_is_shown():
    both = state_of("open", ("scheduled", TOMORROW), ("snoozed", TODAY + timedelta(days=9)))
    assert rules.status_until(both, TODAY) == TODAY + timedelta(days=9)
    assert rules.status_until(state_of("open", ("scheduled", TOMORROW), None), TODAY) == TOMORROW
    assert rules.status_until(state_of("closed", None, ("snoozed", TOMORROW)), TODAY) is None


@pytest.mark.parametrize(("days_ago", "undone"), [(0, True), (30, True), (31, False)])
def test_a_manual_state_can_be_taken_back_for_thirty_days(days_ago, undone):
    state = state_of("open", None, ("excluded", TODAY + timedelta(days=300)))
    assert rules.can_undo(state, TODAY, TODAY - timedelta(days=days_ago)) is undone


def test_nothing_that_is_not_shown_can_be_taken_back():
    assert not rules.can_undo(state_of("open", None, ("excluded", TODAY)), TODAY, TODAY)
    assert not rules.can_undo(state_of("open", ("scheduled", TOMORROW), None), TODAY, None)


@pytest.mark.parametrize(
    ("outcome", "state", "days"),
    [
        ("reached", "outreach_sent", 14),
        ("left_message", "outreach_sent", 14),
        ("booked", "outreach_sent", 14),
    ],
)
def test_outreach_waits_two_weeks_for_an_answer(outcome, state, days):
    effect = contact_effect(outcome, today=TODAY, try_again_on=None, next_appointment_on=None)
    assert (effect.workflow_state, effect.until) == (state, TODAY + timedelta(days=days))


def test_a_booking_holds_until_the_day_after_the_visit():
    effect = contact_effect("booked", today=TODAY, try_again_on=None, next_appointment_on=TOMORROW)
    assert (effect.workflow_state, effect.until) == ("scheduled", TOMORROW + timedelta(days=1))


def test_a_no_is_asked_again_on_the_agreed_day_or_after_half_a_year():
    asked = contact_effect("declined", today=TODAY, try_again_on=TOMORROW, next_appointment_on=None)
    silent = contact_effect("declined", today=TODAY, try_again_on=None, next_appointment_on=None)
    assert (asked.human_state, asked.until) == ("declined", TOMORROW)
    assert silent.until == TODAY + timedelta(days=rules.RE_ASK_DAYS)


@pytest.mark.parametrize("outcome", ["no_answer", "wrong_number"])
def test_nobody_reached_leaves_the_gap_open(outcome):
    effect = contact_effect(outcome, today=TODAY, try_again_on=TOMORROW, next_appointment_on=TOMORROW)
    assert asdict(effect) == {"workflow_state": None, "human_state": None, "until": None}


def test_a_day_to_try_again_that_has_passed_does_not_count():
    effect = contact_effect("left_message", today=TODAY, try_again_on=YESTERDAY, next_appointment_on=None)
    assert effect.until == TODAY + timedelta(days=rules.OUTREACH_SILENCE_DAYS)


@pytest.mark.parametrize("kind", ["excluded", "declined", "snoozed"])
def test_no_manual_state_lasts_for_ever_or_has_ended_already(kind):
    longest = TODAY + timedelta(days=rules.LONGEST_DAYS[kind])
    rules.check_manual_end(kind, longest, TODAY)
    for wrong in (TODAY, YESTERDAY, longest + timedelta(days=1)):
        with pytest.raises(BadRequest):
            rules.check_manual_end(kind, wrong, TODAY)


def test_a_clinical_reason_needs_a_clinician():
    manager = frozenset({"gap.exclude_administrative"})
    rules.check_may_exclude("moved_away", manager)
    with pytest.raises(Forbidden):
        rules.check_may_exclude("clinical_contraindication", manager)
    with pytest.raises(Forbidden):
        rules.check_may_exclude("moved_away", frozenset())
    rules.check_may_exclude("clinical_contraindication", frozenset({"gap.exclude_clinical"}))


def test_only_an_open_gap_is_acted_on():
    with pytest.raises(Conflict):
        rules.check_can_act(state_of("closed", None, None), TODAY)


@pytest.mark.parametrize(
    ("status", "due_on", "overdue"),
    [("open", YESTERDAY, True), ("open", TODAY, False), ("open", None, False), ("closed", YESTERDAY, False)],
)
def test_overdue_is_said_of_open_gaps_with_a_day_that_has_passed(status, due_on, overdue):
    assert rules.is_overdue(status, due_on, TODAY) is overdue


def test_a_refused_channel_is_refused_and_silence_is_not_a_refusal():
    with pytest.raises(Conflict):
        rules.check_reachable("sms", "refused")
    rules.check_reachable("phone", "not_recorded")
    rules.check_reachable("sms", "given")
    for channel in ("sms", "email"):
        with pytest.raises(Conflict, match=f"contact by {channel} is not recorded"):
            rules.check_reachable(channel, "not_recorded")
