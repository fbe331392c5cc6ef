"""What can be recorded at the chart, one button each."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.allergy_forms import allergy_dialog
from dashboards.clinician.done_here_forms import document_dialog, procedure_dialog
from dashboards.clinician.notes_panel import start_visit_button
from dashboards.clinician.outside_forms import outside_dialog
from dashboards.clinician.problem_forms import problems_dialog
from dashboards.clinician.record_forms import result_dialog
from dashboards.clinician.vaccination_forms import vaccination_dialog
from dashboards.clinician.vitals_forms import vitals_dialog
from dashboards.shared.forms import fresh_form
from dashboards.shared.session import StaffSession
from data_contracts.api.patients import PatientBanner

MORE = {
    "problems": ("Problem list", problems_dialog),
    "procedure": ("Procedure done here", procedure_dialog),
    "document": ("Document or picture", document_dialog),
}


def record_buttons(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(horizontal=True):
        if session.may("note.write"):
            start_visit_button(session, banner)
        if st.button("Record vitals", shortcut="Alt+V"):
            vitals_dialog(session, banner, fresh_form("vitals"))
        if st.button("Allergies", shortcut="Alt+A"):
            allergy_dialog(session, banner, fresh_form("allergy"))
        if st.button("Record result", shortcut="Alt+L"):
            result_dialog(session, banner, fresh_form("result"))
        if st.button("Record vaccination", shortcut="Alt+I"):
            vaccination_dialog(session, banner, fresh_form("vaccination"))
        more = st.menu_button("Record more", list(MORE), format_func=lambda key: MORE[key][0])
        if more:
            MORE[more][1](session, banner, fresh_form(more))
        asked = st.session_state.pop("record_outside", None) == banner.patient_id
        if st.button("Record outside result", shortcut="Alt+O") or asked:
            outside_dialog(session, banner, fresh_form("outside"))
