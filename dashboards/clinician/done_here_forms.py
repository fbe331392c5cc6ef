"""Recording what was done here and what came on paper: a procedure, a document or picture."""

from __future__ import annotations

import base64

import streamlit as st

from dashboards.clinician.form_parts import about, done, moment, now_at_site
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.history import RecordDocument, RecordProcedure
from data_contracts.api.patients import PatientBanner

LARGEST_MB = 10


@st.dialog("Record a procedure done here", width="medium")
def procedure_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    name = st.text_input("What was done", max_chars=200, key=f"{form}-name")
    code, side, site = st.columns(3)
    typed = code.text_input("CPT or HCPCS (optional)", max_chars=5, key=f"{form}-code")
    which = side.selectbox("Side", ["left", "right", "both"], index=None, key=f"{form}-side")
    where = site.text_input("Where on the body", max_chars=100, key=f"{form}-site")
    outcome = st.text_input("Outcome (optional)", max_chars=500, key=f"{form}-outcome")
    note = st.text_area("Note (optional)", max_chars=2000, key=f"{form}-note")
    at = moment(form)
    with told_errors():
        if st.button("Save procedure", type="primary", disabled=len((name or "").strip()) < 2):
            try:
                made = RecordProcedure(
                    name=name.strip(),
                    at=at,
                    code=typed.strip().upper() or None,
                    side=which,
                    body_site=where.strip() or None,
                    outcome=outcome.strip() or None,
                    note=note.strip() or None,
                )
            except ValueError:
                st.error(
                    "Not saved. The code has five characters, such as 11102 or G0101. Leave it empty if unsure."
                )
                return
            session.client.history.procedure(banner.patient_id, made)
            done(f"{made.name} recorded as done here.")


@st.dialog("File a document or picture", width="medium")
def document_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    kinds = dict(session.client.history.words().document_kinds)
    kind = st.selectbox("Kind", list(kinds), index=None, format_func=kinds.get, key=f"{form}-kind")
    title = st.text_input("Title", max_chars=200, key=f"{form}-title")
    source = st.text_input("From whom", max_chars=200, value=session.me.name, key=f"{form}-source")
    today = now_at_site().date()
    on = st.date_input("Day that it is about", today, max_value=today, format="YYYY-MM-DD", key=f"{form}-on")
    file = st.file_uploader(
        f"PDF, PNG or JPEG, at most {LARGEST_MB} MB", type=["pdf", "png", "jpg", "jpeg"], key=f"{form}-file"
    )
    if file is not None and file.type in ("image/png", "image/jpeg"):
        st.image(file, caption="As it will be filed", width=320)
    elif file is not None:
        st.pdf(file.getvalue(), height=360, key=f"{form}-preview", alt="As it will be filed")
    ready = kind is not None and file is not None and len((title or "").strip()) >= 2
    with told_errors():
        if st.button("File it", type="primary", disabled=not ready):
            filed = RecordDocument(
                title=title.strip(),
                kind=kind,
                on=on,
                source=source.strip() or session.me.name,
                document_name=file.name,
                document_base64=base64.b64encode(file.getvalue()).decode(),
            )
            session.client.history.document(banner.patient_id, filed)
            done(f"{filed.title} filed.")
