"""What can be recorded at the chart, one button each."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.allergy_forms import allergy_dialog
from dashboards.clinician.outside_forms import outside_dialog
from dashboards.clinician.record_forms import result_dialog, vitals_dialog
from dashboards.clinician.vaccination_forms import vaccination_dialog
from dashboards.shared.forms import fresh_form
from dashboards.shared.session import StaffSession
from data_contracts.api.patients import PatientBanner


def record_buttons(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(horizontal=True):
        if st.button("Record vitals", shortcut="Alt+V"):
            vitals_dialog(session, banner, fresh_form("vitals"))
        if st.button("Allergies", shortcut="Alt+A"):
            allergy_dialog(session, banner, fresh_form("allergy"))
        if st.button("Record result", shortcut="Alt+L"):
            result_dialog(session, banner, fresh_form("result"))
        if st.button("Record vaccination", shortcut="Alt+I"):
            vaccination_dialog(session, banner, fresh_form("vaccination"))
        asked = st.session_state.pop("record_outside", None) == banner.patient_id
        if st.button("Record outside result", shortcut="Alt+O") or asked:
            outside_dialog(session, banner, fresh_form("outside"))
