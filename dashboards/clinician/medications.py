"""Medications of one patient: what is taken, what waits, and writing a prescription beside it."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.clinician.medication_rows import entry_html
from dashboards.clinician.prescription_form import open_form, prescription_form
from dashboards.clinician.refill_cards import refill_card
from dashboards.shared.banner import show_banner
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.medications import AskRefill, ChangePrescription, MedicationEntry, MedicationList
from data_contracts.api.patients import PatientBanner
from ehr_core.client.streamlit_app import app_settings


def medications_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Medications", heading=False)
    patient_id = st.query_params.get("patient")
    if not patient_id:
        st.info("No patient is chosen. Find one under Patients, or open a visit under Today.")
        return
    with told_errors():
        shown = session.client.medications.of_patient(patient_id)
        show_banner(shown.banner)
        tell_remembered()
        _bar(session, shown)
        listed, writing = st.columns([6, 5], gap="medium")
        with listed:
            _list(session, shown)
        with writing:
            if session.may("medication.prescribe"):
                prescription_form(session, shown)


def _bar(session: StaffSession, shown: MedicationList) -> None:
    with st.container(horizontal=True):
        if st.button("Back to the chart", key="to_chart"):
            st.switch_page(st.session_state["chart"], query_params={"patient": shown.banner.patient_id})
        if session.may("medication.prescribe") and st.button(
            "New prescription", type="primary", shortcut="Alt+N"
        ):
            open_form(shown.banner.patient_id)


def _list(session: StaffSession, shown: MedicationList) -> None:
    for request in shown.refill_requests:
        refill_card(session, request)
    st.subheader(f"Current ({len(shown.current)})", anchor=False)
    if not shown.current:
        st.info("No current medications recorded, neither prescribed nor reported.")
    for entry in shown.current:
        _row(session, shown.banner, entry)
    with st.expander(f"Past ({len(shown.past)})"):
        st.html("".join(entry_html(entry) for entry in shown.past) or "<p class='quiet'>None recorded</p>")
    st.caption(f"What can be looked up: {shown.coverage}")


def _row(session: StaffSession, banner: PatientBanner, entry: MedicationEntry) -> None:
    with st.container(border=True, key=f"med-{entry.prescription_id}"):
        st.html(entry_html(entry))
        if entry.kind == "reported":
            return
        with st.container(horizontal=True):
            if session.may("medication.prescribe"):
                if st.button(
                    "Change", key=f"change-{entry.prescription_id}", help="Write a new one that replaces it"
                ):
                    open_form(banner.patient_id, replaces=entry)
                if st.button("Stop", key=f"stop-{entry.prescription_id}"):
                    _stop(session, banner, entry, fresh_form("stop"))
            if session.may("medication.reconcile"):
                st.button(
                    "Ask for a refill",
                    key=f"ask-{entry.prescription_id}-{entry.version_id}",
                    on_click=_ask,
                    args=(session, banner.patient_id, entry.prescription_id),
                )


def _ask(session: StaffSession, patient_id: str, prescription_id: str) -> None:
    with told_errors():
        session.client.medications.ask_refill(patient_id, AskRefill(prescription_id=prescription_id))
        remember("The refill waits for a prescriber.")


@st.dialog("Stop a medication")
def _stop(session: StaffSession, banner: PatientBanner, entry: MedicationEntry, form: str) -> None:
    about(banner)
    st.html(entry_html(entry))
    reasons = {choice.code: choice.words for choice in session.client.medications.choices().stop_reasons}
    reason = st.selectbox("Why", list(reasons), index=None, format_func=reasons.get, key=f"{form}-reason")
    words = st.text_input("More (optional)", max_chars=300, key=f"{form}-words")
    if st.button("Stop it", type="primary", disabled=reason is None):
        with told_errors():
            act = ChangePrescription(version_id=entry.version_id, reason=reason, words=words.strip() or None)
            session.client.medications.stop(entry.prescription_id, act)
            remember(f"{entry.name} was stopped. It stays under Past with its reason.")
            st.rerun()


def refills_page() -> None:
    """The queue of refill requests, oldest first."""
    session: StaffSession = st.session_state["session"]
    start_page("Refills")
    with told_errors():
        tell_remembered()
        waiting = session.client.medications.refills().items
        if not waiting:
            st.info(f"No refill waits for an answer. New requests of {app_settings().site_name} appear here.")
        for request in waiting:
            refill_card(session, request, named=True)
