"""What a care manager does from the worklist: assign patients, log a call. Each dialog names the people."""

from __future__ import annotations

from datetime import date

import streamlit as st

from dashboards.care_manager.worklist_rows import OUTCOME_WORDS
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.care_gaps import AssignGaps, LogContact, WorklistRow
from ehr_core.display import show_name


def _names(rows: list[WorklistRow]) -> None:
    for row in rows:
        st.write(
            f"**{show_name(row.name)}**, born {show_date(row.birth_date)}, MRN {row.mrn or 'not recorded'}"
        )


def assign_dialog(session: StaffSession, rows: list[WorklistRow]) -> None:
    _assign_dialog(session, rows, fresh_form("assign"))


def contact_dialog(session: StaffSession, row: WorklistRow) -> None:
    _contact_dialog(session, row, fresh_form("contact"))


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
    about = st.multiselect(
        "About",
        [gap.gap_id for gap in row.gaps],
        default=[gap.gap_id for gap in row.gaps],
        format_func={gap.gap_id: gap.title for gap in row.gaps}.get,
        key=f"{form}-about",
    )
    interpreter = (
        st.checkbox("Interpreter used", key=f"{form}-interpreter") if row.interpreter_required else None
    )
    again: date | None = st.date_input(
        "Try again on (optional)", value=None, format="YYYY-MM-DD", key=f"{form}-again"
    )
    note = st.text_area("Note (optional)", max_chars=2000, key=f"{form}-note")
    with told_errors():
        if st.button("Save", type="primary", disabled=outcome is None):
            contact = LogContact(
                channel=channel,
                outcome=outcome,
                gap_ids=about,
                interpreter_used=interpreter,
                try_again_on=again,
                note=note or None,
            )
            session.client.worklist.log_contact(row.patient_id, contact)
            remember("Contact logged.")
            st.rerun()
