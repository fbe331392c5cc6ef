"""Recording a vaccination that was given here."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about, done, moment
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import RecordImmunization
from data_contracts.api.patients import PatientBanner


@st.dialog("Record a vaccination given here", width="medium")
def vaccination_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    offered = [item for item in session.client.charting.recordable() if item.kind == "immunization"]
    chosen = st.selectbox(
        "Vaccine", offered, index=None, format_func=lambda item: item.name, key=f"{form}-vaccine"
    )
    at = moment(form)
    lot = st.text_input("Lot (optional)", max_chars=40, key=f"{form}-lot")
    st.caption("Given elsewhere? Record it as an outside result, with where it was given.")
    if st.button("Save vaccination", type="primary", disabled=chosen is None):
        with told_errors():
            given = RecordImmunization(code=chosen.code, at=at, lot=(lot or "").strip() or None)
            session.client.charting.record_immunization(banner.patient_id, given)
            done(f"{chosen.name} recorded as given here.")
