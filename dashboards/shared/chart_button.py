"""The way from any list to a patient's chart or profile, for those who may go there."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession


def chart_button(session: StaffSession, patient_id: str, *, key: str) -> None:
    """Shows nothing to a role without charts. The address carries the patient's opaque id, nothing else."""
    if session.may("chart.read") and st.button("Open chart", key=key, width="stretch"):
        go_to("chart", patient=patient_id)


def book_button(session: StaffSession, patient_id: str, *, key: str) -> None:
    """The way from a person to a booking; nothing to who may not book."""
    if session.may("schedule.book") and st.button("Book", key=key, width="stretch"):
        go_to("book", patient=patient_id)


def record_outside_button(session: StaffSession, patient_id: str, *, key: str) -> None:
    """Opens the chart with the dialog for an outside result; nothing to who may not write charts."""
    if session.may("chart.write") and st.button("Record outside result", key=key, width="stretch"):
        st.session_state["record_outside"] = patient_id
        go_to("chart", patient=patient_id)


def profile_button(session: StaffSession, patient_id: str, *, key: str, label: str = "Profile") -> None:
    """Who somebody is, to read and to change; nothing to who may not register patients."""
    if session.may("registration.write") and st.button(label, key=key, width="stretch"):
        go_to("profile", patient=patient_id)
