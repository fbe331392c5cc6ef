"""What a care manager does from the worklist: assign patients, log a call, set a gap aside. Each names the people."""

from __future__ import annotations

from datetime import date

import streamlit as st

from dashboards.care_manager.worklist_rows import OUTCOME_WORDS
from dashboards.shared.forms import fresh_form
from dashboards.shared.gap_dialogs import (
    confirm_follow_up_declined,
    decline_dialog,
    exclude_dialog,
    snooze_dialog,
)
from dashboards.shared.gap_words import ACTION_STATUSES
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.tier_dialogs import adjust_dialog, why_dialog
from data_contracts.api.care_gaps import AssignGaps, LogContact, WorklistGap, WorklistRow
from ehr_core.display import show_name

SET_ASIDE = {"Exclude…": exclude_dialog, "Snooze…": snooze_dialog, "Patient declined…": decline_dialog}


def _names(rows: list[WorklistRow]) -> None:
    for row in rows:
        st.write(
            f"**{show_name(row.name)}**, born {show_date(row.birth_date)}, MRN {row.mrn or 'not recorded'}"
        )


def assign_dialog(session: StaffSession, rows: list[WorklistRow]) -> None:
    _assign_dialog(session, rows, fresh_form("assign"))


def contact_dialog(session: StaffSession, row: WorklistRow) -> None:
    _contact_dialog(session, row, fresh_form("contact"))


def row_acts(session: StaffSession, row: WorklistRow) -> None:
    """What may be done about the row's gaps, where one wants action, and about the care tier."""
    _tier_act(session, row)
    gaps = _to_act_on(row)
    if not gaps:
        return
    if session.may("outreach.log") and st.button("Log a call", key=f"call-{row.patient_id}", width="stretch"):
        contact_dialog(session, row)
    if session.may("gap.act"):
        chosen = st.menu_button("More", list(SET_ASIDE), key=f"more-{row.patient_id}", width="stretch")
        if chosen:
            SET_ASIDE[chosen](session, row, *gaps)


def _tier_act(session: StaffSession, row: WorklistRow) -> None:
    if session.may("chart.read") and st.button("Why this tier", key=f"why-{row.patient_id}", width="stretch"):
        why_dialog(session, row)
    if not session.may("risk.adjust") or row.tier.masked:
        return
    if st.button("Adjust tier", key=f"tier-{row.patient_id}", width="stretch"):
        adjust_dialog(session, row, row.tier)


def _to_act_on(row: WorklistRow) -> list[WorklistGap]:
    return [gap for gap in row.gaps if gap.status in ACTION_STATUSES]


@st.dialog("Assign patients")
def _assign_dialog(session: StaffSession, rows: list[WorklistRow], form: str) -> None:
    _names(rows)
    owners = dict(session.client.worklist.choices().owners)
    mine = session.me.account_id
    owner = st.selectbox(
        "Owner",
        [mine, *(key for key in owners if key != mine)],
        format_func=lambda key: owners.get(key, "Me"),
        key=f"{form}-owner",
    )
    with told_errors():
        if st.button(f"Assign {len(rows)}", type="primary"):
            done = session.client.worklist.assign(
                AssignGaps(patient_ids=[row.patient_id for row in rows], owner_id=owner)
            )
            remember(f"{done.patients} patients with {done.gaps} gaps assigned.")
            st.rerun()


@st.dialog("Log a contact")
def _contact_dialog(session: StaffSession, row: WorklistRow, form: str) -> None:
    _names([row])
    if row.interpreter_required:
        st.info(f"Interpreter needed: {row.language or 'language not recorded'}")
    channel = st.segmented_control(
        "How", ["phone", "sms", "email", "letter"], default="phone", required=True, key=f"{form}-channel"
    )
    outcome = st.selectbox(
        "Outcome",
        list(OUTCOME_WORDS),
        index=None,
        format_func=OUTCOME_WORDS.get,
        required=True,
        key=f"{form}-outcome",
    )
    gaps = {gap.gap_id: gap for gap in _to_act_on(row)}
    if gaps:
        st.write("About (only what was talked about)")
    about = [gap_id for gap_id, gap in gaps.items() if st.checkbox(gap.title, key=f"{form}-about-{gap_id}")]
    declined = [gaps[gap_id] for gap_id in about] if outcome == "declined" else []
    confirmed = confirm_follow_up_declined(declined, form)
    interpreter = (
        st.checkbox("Interpreter used", key=f"{form}-interpreter") if row.interpreter_required else None
    )
    again: date | None = st.date_input(
        "Try again on (optional)", value=None, format="YYYY-MM-DD", key=f"{form}-again"
    )
    note = st.text_area("Note (optional)", max_chars=2000, key=f"{form}-note")
    with told_errors():
        if st.button("Save", type="primary", disabled=outcome is None or not about or confirmed is False):
            contact = LogContact(
                channel=channel,
                outcome=outcome,
                gap_ids=about,
                follow_up_confirmed=bool(confirmed),
                interpreter_used=interpreter,
                try_again_on=again,
                note=note or None,
            )
            session.client.worklist.log_contact(row.patient_id, contact)
            remember("Contact logged.")
            st.rerun()
