"""Dialogs of a gap's other acts: decline, snooze, exclude. Each repeats who it is about.

From the chart they are about one gap; from a worklist row about one of several, which is chosen in the dialog.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import streamlit as st

from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.care_gaps import (
    CLINICAL_EXCLUSION_REASONS,
    EXCLUSION_REASON_WORDS,
    CareGap,
    DeclineGap,
    ExcludeGap,
    SnoozeGap,
    WorklistGap,
    WorklistRow,
)
from data_contracts.api.patients import PatientBanner
from ehr_core.display import show_name

RE_ASK_DAYS = 180
SNOOZE_DAYS = 30
EXCLUSION_DAYS = 365

Person = PatientBanner | WorklistRow
Gap = CareGap | WorklistGap


def decline_dialog(session: StaffSession, person: Person, *gaps: Gap) -> None:
    _decline_dialog(session, person, gaps, fresh_form("decline"))


def snooze_dialog(session: StaffSession, person: Person, *gaps: Gap) -> None:
    _snooze_dialog(session, person, gaps, fresh_form("snooze"))


def exclude_dialog(session: StaffSession, person: Person, *gaps: Gap) -> None:
    _exclude_dialog(session, person, gaps, fresh_form("exclude"))


def confirm_follow_up_declined(gaps: Sequence[Gap], form: str) -> bool | None:
    """Whether a "no" to the follow-up of an abnormal result is confirmed for itself; null where there is none."""
    follow_ups = [gap.title for gap in gaps if gap.gap_kind == "follow_up_due"]
    if not follow_ups:
        return None
    st.warning(f"An earlier result was abnormal: {', '.join(follow_ups)}.")
    return st.checkbox(
        "The patient knows of the abnormal result and still declines the follow-up", key=f"{form}-follow-up"
    )


def _about(person: Person, gaps: Sequence[Gap], form: str) -> Gap | None:
    """Says who it is about, and which gap; of several, the chosen one, and null while none is chosen."""
    st.write(
        f"**{show_name(person.name)}**, born {show_date(person.birth_date)}, MRN {person.mrn or 'not recorded'}"
    )
    if len(gaps) == 1:
        st.write(gaps[0].title)
        return gaps[0]
    titles = {gap.gap_id: gap.title for gap in gaps}
    chosen = st.selectbox("Care gap", list(titles), index=None, format_func=titles.get, key=f"{form}-gap")
    return next((gap for gap in gaps if gap.gap_id == chosen), None)


def _in_days(days: int) -> date:
    return date.today() + timedelta(days=days)  # noqa: DTZ011  a proposal in a form; the API decides by site date


@st.dialog("Patient declined")
def _decline_dialog(session: StaffSession, person: Person, gaps: Sequence[Gap], form: str) -> None:
    gap = _about(person, gaps, form)
    again = st.date_input("Ask again on", value=_in_days(RE_ASK_DAYS), format="YYYY-MM-DD", key=f"{form}-day")
    note = st.text_area("What the patient said (optional)", max_chars=2000, key=f"{form}-note")
    confirmed = confirm_follow_up_declined([gap] if gap else [], form)
    with told_errors():
        if st.button("Save as declined", type="primary", disabled=gap is None or confirmed is False):
            act = DeclineGap(
                version=gap.version, note=note or None, re_ask_on=again, follow_up_confirmed=bool(confirmed)
            )
            session.client.care_gaps.decline(gap.gap_id, act)
            remember(f"{gap.title}: declined, asked again on {show_date(again)}. Undo it on the card.")
            st.rerun()


@st.dialog("Snooze")
def _snooze_dialog(session: StaffSession, person: Person, gaps: Sequence[Gap], form: str) -> None:
    gap = _about(person, gaps, form)
    until = st.date_input("Until", value=_in_days(SNOOZE_DAYS), format="YYYY-MM-DD", key=f"{form}-day")
    with told_errors():
        if st.button("Snooze", type="primary", disabled=gap is None):
            session.client.care_gaps.snooze(gap.gap_id, SnoozeGap(version=gap.version, until=until))
            remember(f"{gap.title}: snoozed until {show_date(until)}. Undo it on the card.")
            st.rerun()


@st.dialog("Exclude from this care gap")
def _exclude_dialog(session: StaffSession, person: Person, gaps: Sequence[Gap], form: str) -> None:
    """Hides the gap for a time. It never changes a measure's denominator, and it can be undone for 30 days."""
    gap = _about(person, gaps, form)
    st.caption("This hides the gap until the date below. It does not change any measure.")
    clinical = session.may("gap.exclude_clinical")
    reasons = [
        reason for reason in EXCLUSION_REASON_WORDS if clinical or reason not in CLINICAL_EXCLUSION_REASONS
    ]
    reason = st.selectbox(
        "Reason",
        reasons,
        index=None,
        format_func=EXCLUSION_REASON_WORDS.get,
        required=True,
        key=f"{form}-reason",
    )
    if not clinical:
        st.caption("Clinical reasons need a clinician.")
    expires = st.date_input("Until", value=_in_days(EXCLUSION_DAYS), format="YYYY-MM-DD", key=f"{form}-day")
    note = st.text_area("Note", max_chars=2000, key=f"{form}-note")
    with told_errors():
        if st.button("Exclude", type="primary", disabled=gap is None or reason is None):
            if reason == "other_administrative" and not note.strip():
                st.error("Say why in the note when the reason is 'Other'.")
                return
            act = ExcludeGap(version=gap.version, note=note or None, reason=reason, expires_on=expires)
            session.client.care_gaps.exclude(gap.gap_id, act)
            remember(f"{gap.title}: excluded until {show_date(expires)}. Undo it on the card within 30 days.")
            st.rerun()
