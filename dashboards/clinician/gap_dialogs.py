"""Dialogs of a gap's other acts: decline, snooze, exclude. Each repeats who it is about."""

from __future__ import annotations

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
)
from data_contracts.api.patients import PatientBanner
from ehr_core.display import show_name

RE_ASK_DAYS = 180
SNOOZE_DAYS = 30
EXCLUSION_DAYS = 365


def _about(banner: PatientBanner, gap: CareGap) -> None:
    st.write(
        f"**{show_name(banner.name)}**, born {show_date(banner.birth_date)}, MRN {banner.mrn or 'not recorded'}"
    )
    st.write(gap.title)


def _in_days(days: int) -> date:
    return date.today() + timedelta(days=days)  # noqa: DTZ011  a proposal in a form; the API decides by site date


def decline_dialog(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    _decline_dialog(session, banner, gap, fresh_form("decline"))


@st.dialog("Patient declined")
def _decline_dialog(session: StaffSession, banner: PatientBanner, gap: CareGap, form: str) -> None:
    _about(banner, gap)
    again = st.date_input("Ask again on", value=_in_days(RE_ASK_DAYS), format="YYYY-MM-DD", key=f"{form}-day")
    note = st.text_area("What the patient said (optional)", max_chars=2000, key=f"{form}-note")
    with told_errors():
        if st.button("Save as declined", type="primary"):
            act = DeclineGap(version=gap.version, note=note or None, re_ask_on=again)
            session.client.care_gaps.decline(gap.gap_id, act)
            remember(f"{gap.title}: declined, asked again on {show_date(again)}. Undo it on the card.")
            st.rerun()


def snooze_dialog(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    _snooze_dialog(session, banner, gap, fresh_form("snooze"))


@st.dialog("Snooze")
def _snooze_dialog(session: StaffSession, banner: PatientBanner, gap: CareGap, form: str) -> None:
    _about(banner, gap)
    until = st.date_input("Until", value=_in_days(SNOOZE_DAYS), format="YYYY-MM-DD", key=f"{form}-day")
    with told_errors():
        if st.button("Snooze", type="primary"):
            session.client.care_gaps.snooze(gap.gap_id, SnoozeGap(version=gap.version, until=until))
            remember(f"{gap.title}: snoozed until {show_date(until)}. Undo it on the card.")
            st.rerun()


def exclude_dialog(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    _exclude_dialog(session, banner, gap, fresh_form("exclude"))


@st.dialog("Exclude from this care gap")
def _exclude_dialog(session: StaffSession, banner: PatientBanner, gap: CareGap, form: str) -> None:
    """Hides the gap for a time. It never changes a measure's denominator, and it can be undone for 30 days."""
    _about(banner, gap)
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
        if st.button("Exclude", type="primary", disabled=reason is None):
            if reason == "other_administrative" and not note.strip():
                st.error("Say why in the note when the reason is 'Other'.")
                return
            act = ExcludeGap(version=gap.version, note=note or None, reason=reason, expires_on=expires)
            session.client.care_gaps.exclude(gap.gap_id, act)
            remember(f"{gap.title}: excluded until {show_date(expires)}. Undo it on the card within 30 days.")
            st.rerun()
