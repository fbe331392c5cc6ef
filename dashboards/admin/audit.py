"""Audit: who saw and did what, newest first, by patient or by person."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import table, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.audit import AuditEvent

LIMIT = 200


def _who(event: AuditEvent) -> str:
    return f"{text(event.actor_name or event.actor_id)} <span class='quiet'>{text(event.actor_kind)}</span>"


def audit_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Audit")
    st.caption("Looking here is audited too.")
    patient_column, actor_column = st.columns(2)
    patient_id = patient_column.text_input("Patient id", key="patient", bind="query-params", max_chars=64)
    actor_id = actor_column.text_input("Account id", key="actor", bind="query-params", max_chars=64)
    with told_errors():
        events = session.client.audit.events(
            patient_id=patient_id or None, actor_id=actor_id or None, limit=LIMIT
        )
        if not events:
            st.info("No entries match. Clear a field to see more.")
            return
        st.html(
            table(
                ["When", "Who", "What", "On", "Outcome"],
                (
                    [
                        text(show_instant(event.at)),
                        _who(event),
                        text(event.sentence),
                        text(event.resource_type, ""),
                        text(event.outcome),
                    ]
                    for event in events
                ),
                caption="Audit entries",
            )
        )
        st.caption(f"The newest {len(events)} entries; narrow by patient or account to go further back.")
