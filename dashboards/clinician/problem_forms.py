"""The problem list: put a problem on it, or end one with its reason."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about, done, now_at_site
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import Problem
from data_contracts.api.notes import DiagnosisCode
from data_contracts.api.patients import PatientBanner
from data_contracts.api.problems import ENDING_WORDS, EndProblem, RecordProblem

SHORTEST_REASON = 3
SHORTEST_QUERY = 2


@st.dialog("Problem list", width="medium")
def problems_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    add, end = st.tabs(["Add a problem", "End a problem"])
    with add:
        _add(session, banner, form)
    with end:
        _end(session, banner, form)


def _add(session: StaffSession, banner: PatientBanner, form: str) -> None:
    query = st.text_input("Find a diagnosis by word or code", max_chars=80, live="400ms", key=f"{form}-query")
    found: list[DiagnosisCode] = []
    with told_errors():
        if len((query or "").strip()) >= SHORTEST_QUERY:
            found = session.client.notes.diagnoses(query)
    codes = {one.code: f"{one.code} {one.name}" for one in found}
    chosen = st.selectbox("Diagnosis", list(codes), index=None, format_func=codes.get, key=f"{form}-code")
    in_words = chosen is None and st.checkbox("Not in the list: keep it as typed", key=f"{form}-words")
    since = st.date_input(
        "Since (empty: not known)",
        None,
        max_value=now_at_site().date(),
        format="YYYY-MM-DD",
        key=f"{form}-since",
    )
    ready = chosen is not None or (in_words and len((query or "").strip()) >= SHORTEST_QUERY)
    with told_errors():
        if st.button("Add to the problem list", type="primary", disabled=not ready, key=f"{form}-add"):
            name = next((one.name for one in found if one.code == chosen), (query or "").strip())
            session.client.charting.record_problem(
                banner.patient_id, RecordProblem(code=chosen, name=name, since=since)
            )
            done(f"{name} is on the problem list.")


def _end(session: StaffSession, banner: PatientBanner, form: str) -> None:
    with told_errors():
        problems: list[Problem] = session.client.charting.summary(banner.patient_id).problems
        if not problems:
            st.info("No problem is on the list.")
            return
        by_id = {one.condition_id: one for one in problems}
        chosen = st.selectbox(
            "Problem", list(by_id), index=None, format_func=lambda key: by_id[key].name, key=f"{form}-problem"
        )
        ending = st.radio(
            "What happened",
            list(ENDING_WORDS),
            index=None,
            format_func=ENDING_WORDS.get,
            key=f"{form}-ending",
        )
        on = None
        if ending == "resolved":
            on = st.date_input(
                "Over since (empty: not known)",
                None,
                max_value=now_at_site().date(),
                format="YYYY-MM-DD",
                key=f"{form}-on",
            )
        reason = st.text_input("Why", max_chars=500, key=f"{form}-reason").strip()
        ready = chosen is not None and ending is not None and len(reason) >= SHORTEST_REASON
        if st.button("Save", type="primary", disabled=not ready, key=f"{form}-end"):
            problem = by_id[chosen]
            act = EndProblem(version_id=problem.version_id, ending=ending, on=on, reason=reason)
            session.client.charting.end_problem(problem.condition_id, act)
            done(f"{problem.name}: {ENDING_WORDS[ending].lower()}.")
