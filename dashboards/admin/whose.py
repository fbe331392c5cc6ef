"""Whose record a rule, a proxy or a disclosure is about: by its number, and named before anything is changed."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.access import PatientNamed
from ehr_core.display import show_name


def whose_record(session: StaffSession, what_for: str) -> PatientNamed | None:
    """The patient that was typed, or that the address names by its id. A record number never gets into the address."""
    typed = st.text_input("Patient's record number (MRN) or id", key="whose", max_chars=64, width=300)
    who = typed.strip() or st.query_params.get("patient", "")
    if not who:
        st.info(f"Enter a patient's record number or id to {what_for}.")
        return None
    with told_errors():
        named = session.client.access.patient(who)
        st.query_params["patient"] = named.patient_id
        st.html(f'<div class="card"><p>{named_html(named)}</p></div>')
        if named.replaced_by:
            st.warning("This record was merged into another one. Look that one up: care goes on there.")
        return named
    return None


def whose_if_any(session: StaffSession) -> PatientNamed | None:
    """The same where a patient may be left out: None is everybody. Raises NotFound for a number of nobody."""
    typed = st.text_input("Patient's record number (MRN) or id", key="whose", max_chars=64, width=300)
    who = typed.strip() or st.query_params.get("patient", "")
    if not who:
        return None
    named = session.client.access.patient(who)
    st.query_params["patient"] = named.patient_id
    return named


def forget_whose() -> None:
    """For a button's callback: everybody again."""
    st.session_state["whose"] = ""
    st.query_params.pop("patient", None)


def patient_html(named: PatientNamed | None, patient_id: str) -> str:
    """By name; a record that is gone by its id."""
    return named_html(named) if named else f"<code>{text(patient_id)}</code>"


def named_html(named: PatientNamed) -> str:
    return (
        f"<b>{text(show_name(named.name))}</b> <span class='quiet'>born {text(show_date(named.birth_date))} · "
        f"MRN {text(named.mrn)}</span>"
    )
