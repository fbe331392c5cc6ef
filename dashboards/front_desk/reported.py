"""What patients told at check-in about allergies and medicines, until a clinician has looked at it."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.check_in import ReportedChange


def reported_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Reported by patients")
    tell_remembered()
    with told_errors():
        changes = session.client.visits.reported().changes
        st.caption("In the patients' own words. Nothing of it is in the chart before you put it there.")
        if not changes:
            st.info("Nothing waits: what patients tell at check-in appears here.")
        for change in changes:
            _change(session, change)


def change_html(change: ReportedChange) -> str:
    said = [("Allergies", change.allergies), ("Medicines", change.medications)]
    lines = "".join(f"<p><b>{name}:</b> {text(words)}</p>" for name, words in said if words)
    return (
        f'<div class="card"><h4>{text(change.patient_name, "Name not recorded")}</h4>'
        f'<p class="quiet">Born {text(show_date(change.birth_date))} · MRN {text(change.mrn)}</p>{lines}'
        f'<p class="quiet">{text(show_instant(change.reported_at))} · told by {text(change.reported_by)}</p></div>'
    )


def _change(session: StaffSession, change: ReportedChange) -> None:
    with st.container(border=True, key=f"reported-{change.task_id}"):
        who, go = st.columns([6, 1.6], vertical_alignment="center")
        who.html(change_html(change))
        with go:
            chart_button(session, change.patient_id, key=f"chart-{change.task_id}")
            if session.may("chart.write") and st.button(
                "Chart is right now", key=f"settle-{change.task_id}-{change.version}", width="stretch"
            ):
                session.client.visits.settle_reported(change.task_id, change.version)
                remember(f"Looked at: {change.patient_name or 'the patient'}.")
                st.rerun()
