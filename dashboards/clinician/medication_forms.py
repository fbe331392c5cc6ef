"""What becomes of one prescription: stopped or held with a reason, sent to a pharmacy, given out."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from dashboards.clinician.form_parts import about, now_at_site, parse_decimal
from dashboards.clinician.medication_rows import entry_html
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.medications import (
    ChangePrescription,
    MedicationEntry,
    RecordDispense,
    SendPrescription,
)
from data_contracts.api.patients import PatientBanner


@st.dialog("Stop or hold a medication")
def end_dialog(
    session: StaffSession,
    banner: PatientBanner,
    entry: MedicationEntry,
    act: Literal["stop", "hold"],
    form: str,
) -> None:
    about(banner)
    st.html(entry_html(entry))
    reasons = {choice.code: choice.words for choice in session.client.medications.choices().stop_reasons}
    reason = st.selectbox("Why", list(reasons), index=None, format_func=reasons.get, key=f"{form}-reason")
    words = st.text_input("More (optional)", max_chars=300, key=f"{form}-words")
    label = "Stop it" if act == "stop" else "Put it on hold"
    if st.button(label, type="primary", disabled=reason is None):
        with told_errors():
            change = ChangePrescription(
                version_id=entry.version_id, reason=reason, words=words.strip() or None
            )
            room = session.client.medications
            (room.stop if act == "stop" else room.hold)(entry.prescription_id, change)
            remember(f"{entry.name} {'was stopped' if act == 'stop' else 'is on hold'}. The reason is kept.")
            st.rerun()


@st.dialog("Send to a pharmacy")
def send_dialog(session: StaffSession, banner: PatientBanner, entry: MedicationEntry, form: str) -> None:
    about(banner)
    st.html(entry_html(entry))
    pharmacy = st.text_input("Pharmacy", value=entry.pharmacy or "", max_chars=200, key=f"{form}-pharmacy")
    if st.button("Send", type="primary", disabled=len(pharmacy.strip()) < 2, key=f"{form}-send"):
        with told_errors():
            act = SendPrescription(version_id=entry.version_id, pharmacy=pharmacy.strip())
            session.client.medications.send(entry.prescription_id, act)
            remember(f"{entry.name} is marked as sent to {pharmacy.strip()}.")
            st.rerun()


@st.dialog("The pharmacy gave it out")
def dispensed_dialog(session: StaffSession, banner: PatientBanner, entry: MedicationEntry, form: str) -> None:
    about(banner)
    st.html(entry_html(entry))
    today = now_at_site().date()
    on = st.date_input("Day", value=today, max_value=today, format="YYYY-MM-DD", key=f"{form}-on")
    quantity = st.text_input("Quantity (optional)", key=f"{form}-quantity")
    told_by = st.text_input("Told by", value="pharmacy, by telephone", max_chars=200, key=f"{form}-by")
    if st.button("Record", type="primary", key=f"{form}-save"):
        with told_errors():
            told = RecordDispense(
                version_id=entry.version_id,
                on=on,
                quantity=parse_decimal(quantity) if quantity.strip() else None,
                told_by=told_by.strip() or "not said",
            )
            session.client.medications.record_dispense(entry.prescription_id, told)
            remember(f"{entry.name} was given out on {on.isoformat()}.")
            st.rerun()
