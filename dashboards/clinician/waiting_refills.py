"""Refill requests on the day's page: how many, and once unfolded each with its context, to approve in a row."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.refill_cards import refill_card
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession


def waiting_refills_panel(session: StaffSession) -> None:
    """Nothing when nothing waits; the checks are asked only once it is unfolded."""
    if not session.may("medication.prescribe"):
        return
    with told_errors():
        waiting = session.client.medications.refills_waiting()
        if not waiting:
            return
        with st.expander(f"Refill requests: {waiting}", key="waiting-refills", on_change="rerun") as unfolded:
            if unfolded.open:
                for request in session.client.medications.refills().items:
                    refill_card(session, request, named=True)
