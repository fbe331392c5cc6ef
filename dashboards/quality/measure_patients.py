"""The patients behind a rate, by membership, each with the fact that decided it."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.quality import MeasurePage, MeasurePatient
from ehr_core.display import show_name

MEMBERSHIP_WORDS = {
    "not_in_numerator": "Not met",
    "numerator": "Met",
    "excluded": "Excluded",
    "excepted": "Excepted",
    "not_evaluable": "Not evaluable",
}
PAGE_SIZE = 25


def patients_section(session: StaffSession, page: MeasurePage) -> None:
    st.subheader("Patients behind this rate", anchor=False)
    membership = st.segmented_control(
        "Which",
        list(MEMBERSHIP_WORDS),
        default="not_in_numerator",
        required=True,
        format_func=MEMBERSHIP_WORDS.get,
        key="membership",
    )
    number = st.session_state.get("measure_patients_page") or 1
    found = session.client.quality.patients(
        page.line.measure_id, membership=membership, page=number, size=PAGE_SIZE
    )
    st.caption(f"{found.page.total} patients · protected health information")
    for patient in found.rows:
        _patient(session, patient)
    pages = -(-found.page.total // PAGE_SIZE)
    if pages > 1:
        st.pagination(pages, key="measure_patients_page")


def patient_html(patient: MeasurePatient) -> str:
    """Who, and the fact that decided; without a fact, the reason."""
    fact = " · ".join(part for part in (patient.evidence_value, show_date(patient.evidence_on)) if part)
    decided = fact if patient.evidence_on else (patient.reason or "no matching record")
    return (
        f"<b>{text(show_name(patient.name))}</b> <span class='quiet'>born {text(show_date(patient.birth_date))} · "
        f"MRN {text(patient.mrn)}</span><br>{text(decided)}"
    )


def _patient(session: StaffSession, patient: MeasurePatient) -> None:
    who, go = st.columns([6, 1.2], vertical_alignment="center")
    who.html(f'<div class="card">{patient_html(patient)}</div>')
    with go:
        chart_button(session, patient.patient_id, key=f"measure-{patient.patient_id}")
