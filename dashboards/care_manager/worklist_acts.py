"""What a care manager does from the worklist: assign patients, log a call. Each dialog names the people."""

from __future__ import annotations

from datetime import date

import streamlit as st

from dashboards.care_manager.worklist_rows import OUTCOME_WORDS
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


@st.dialog("Assign patients")
def assign_dialog(session: StaffSession, rows: list[WorklistRow]) -> None:
    _names(rows)
    owners = dict(session.client.worklist.choices().owners)
    mine = session.me.account_id
    owner = st.selectbox(
        "Owner",
        [mine, *(key for key in owners if key != mine)],
        format_func=lambda key: owners.get(key, "Me"),
    )
    with told_errors():
        if st.button(f"Assign {len(rows)}", type="primary"):
            done = session.client.worklist.assign(
                AssignGaps(patient_ids=[row.patient_id for row in rows], owner_id=owner)
            )
            remember(f"{done.patients} patients with {done.gaps} gaps assigned.")
            st.rerun()


@st.dialog("Log a contact")
def contact_dialog(session: StaffSession, row: WorklistRow) -> None:
    _names([row])
    if row.interpreter_required:
        st.info(f"Interpreter needed: {row.language or 'language not recorded'}")
    channel = st.segmented_control(
        "How", ["phone", "sms", "email", "letter"], default="phone", required=True, key="contact-channel"
    )
    outcome = st.selectbox(
        "Outcome", list(OUTCOME_WORDS), index=None, format_func=OUTCOME_WORDS.get, required=True
    )
    about = st.multiselect(
        "About",
        [gap.gap_id for gap in row.gaps],
        default=[gap.gap_id for gap in row.gaps],
        format_func={gap.gap_id: gap.title for gap in row.gaps}.get,
    )
    interpreter = st.checkbox("Interpreter used") if row.interpreter_required else None
    again: date | None = st.date_input("Try again on (optional)", value=None, format="YYYY-MM-DD")
    note = st.text_area("Note (optional)", max_chars=2000)
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
