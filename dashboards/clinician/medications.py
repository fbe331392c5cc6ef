"""Medications of one patient: what is taken, what waits, and writing a prescription beside it."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st

from dashboards.clinician.dose_forms import dose_dialog, given_doses
from dashboards.clinician.medication_forms import dispensed_dialog, end_dialog, send_dialog
from dashboards.clinician.medication_rows import allergies_line, entry_html
from dashboards.clinician.outside_cards import outside_panel
from dashboards.clinician.prepared_cards import prepared_card
from dashboards.clinician.prescription_form import open_form, prescription_form
from dashboards.clinician.refill_cards import refill_card
from dashboards.shared.banner import show_banner
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from data_contracts.api.medications import (
    AskRefill,
    ChangePrescription,
    MedicationEntry,
    MedicationList,
    RecordReview,
)
from data_contracts.api.patients import PatientBanner
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_name

REVIEWS = {
    "pdmp_review": "Prescription monitoring program reviewed",
    "urine_drug_test": "Urine drug test done",
    "naloxone_supplied": "Naloxone supplied",
}


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
        st.html(allergies_line(session.client.allergies.of_patient(patient_id)))
        _bar(session, shown)
        listed, writing = st.columns([6, 5], gap="medium")
        with listed:
            _list(session, shown)
        with writing:
            if session.may("medication.prescribe") or session.may("medication.reconcile"):
                prescription_form(session, shown)


def _bar(session: StaffSession, shown: MedicationList) -> None:
    with st.container(horizontal=True):
        if st.button("Back to the chart", key="to_chart"):
            go_to("chart", patient=shown.banner.patient_id)
        writes = session.may("medication.prescribe") or session.may("medication.reconcile")
        if writes and st.button("New prescription", type="primary", shortcut="Alt+P"):
            open_form(shown.banner.patient_id)
        if st.button("Reconcile", shortcut="Alt+E"):
            go_to("reconcile", patient=shown.banner.patient_id)
        if session.may("medication.administer") and st.button("Give a dose", shortcut="Alt+G"):
            dose_dialog(session, shown.banner, fresh_form("dose"), str(uuid4()))
        if writes:
            with st.popover("Record a review"):
                for kind, words in REVIEWS.items():
                    st.button(words, key=f"review-{kind}", on_click=_review, args=(session, shown, kind))
    tell_refusal(shown.banner.patient_id)
    if shown.must_be_reconciled:
        st.warning(f"{shown.must_be_reconciled}. Open Reconcile.")


def _review(session: StaffSession, shown: MedicationList, kind: str) -> None:
    patient_id = shown.banner.patient_id
    done = RecordReview(kind=kind)
    if tried(patient_id, lambda: session.client.medications.record_review(patient_id, done)):
        remember(f"{REVIEWS[kind]}: recorded for today, {show_name(shown.banner.name)}.")


def _list(session: StaffSession, shown: MedicationList) -> None:
    for waiting in shown.prepared:
        prepared_card(session, shown.banner, waiting)
    if shown.prepared and session.may("medication.prescribe") and session.may("order.write"):
        versions = ",".join(f"{one.entry.prescription_id}-{one.entry.version_id}" for one in shown.prepared)
        outside_panel(session, shown.banner.patient_id, "order-sign", state=versions)
    for request in shown.refill_requests:
        refill_card(session, request)
    st.subheader(f"Current ({len(shown.current)})", anchor=False)
    if not shown.current:
        st.info("No current medications recorded, neither prescribed nor reported.")
    for entry in shown.current:
        _row(session, shown.banner, entry)
    with st.expander(f"Past ({len(shown.past)})"):
        st.html("".join(entry_html(entry) for entry in shown.past) or "<p class='quiet'>None recorded</p>")
    if st.toggle("Doses given in the clinic", key="given_doses"):
        given_doses(session, shown.banner.patient_id)
    st.caption(f"What can be looked up: {shown.coverage}")


def _row(session: StaffSession, banner: PatientBanner, entry: MedicationEntry) -> None:
    with st.container(border=True, key=f"med-{entry.prescription_id}"):
        st.html(entry_html(entry))
        if entry.kind == "reported":
            return
        with st.container(horizontal=True):
            if session.may("medication.prescribe"):
                _prescriber_acts(session, banner, entry)
            if session.may("medication.reconcile"):
                _nurse_acts(session, banner, entry)
        tell_refusal(entry.prescription_id)


def _prescriber_acts(session: StaffSession, banner: PatientBanner, entry: MedicationEntry) -> None:
    identity, key = entry.prescription_id, f"{entry.prescription_id}-{entry.version_id}"
    if st.button("Change", key=f"change-{identity}", help="Write a new one that replaces it"):
        open_form(banner.patient_id, replaces=entry)
    if st.button("Stop", key=f"stop-{identity}"):
        end_dialog(session, banner, entry, "stop", fresh_form("stop"))
    if entry.state == "on_hold":
        st.button("Resume", key=f"resume-{key}", on_click=_resume, args=(session, entry))
    elif st.button("Hold", key=f"hold-{identity}", help="Not taken for now"):
        end_dialog(session, banner, entry, "hold", fresh_form("hold"))
    if entry.state == "signed" and st.button("Send", key=f"send-{identity}"):
        send_dialog(session, banner, entry, fresh_form("send"))


def _nurse_acts(session: StaffSession, banner: PatientBanner, entry: MedicationEntry) -> None:
    key = f"{entry.prescription_id}-{entry.version_id}"
    st.button("Ask for a refill", key=f"ask-{key}", on_click=_ask, args=(session, banner.patient_id, entry))
    if st.button("Given out", key=f"dispensed-{key}", help="The pharmacy says that it gave it out"):
        dispensed_dialog(session, banner, entry, fresh_form("dispensed"))


def _resume(session: StaffSession, entry: MedicationEntry) -> None:
    act = ChangePrescription(version_id=entry.version_id)
    if tried(entry.prescription_id, lambda: session.client.medications.resume(entry.prescription_id, act)):
        remember(f"{entry.name} goes on.")


def _ask(session: StaffSession, patient_id: str, entry: MedicationEntry) -> None:
    asked = AskRefill(prescription_id=entry.prescription_id)
    if tried(entry.prescription_id, lambda: session.client.medications.ask_refill(patient_id, asked)):
        remember("The refill waits for a prescriber.")


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
