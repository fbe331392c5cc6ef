"""Patient search: name, birth date, MRN or phone; hits that could be confused are marked."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.chart_button import book_button, chart_button, profile_button
from dashboards.shared.markup import tag, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.patients import PatientHit
from ehr_core.display import show_age, show_name

LIMIT = 25


def hit_html(hit: PatientHit) -> str:
    """A hit with all that tells two people apart."""
    marks = [tag("Same or similar name", "open")] if hit.same_name else []
    marks += [tag("Deceased", "apart")] if hit.deceased else []
    marks += [tag("Inactive record", "apart")] if not hit.active else []
    marks += [tag("Not as typed", "apart")] if hit.alike else []
    return (
        f"<h4>{text(show_name(hit.name))} {' '.join(marks)}</h4>"
        f'<p class="quiet">Born {text(show_date(hit.birth_date))} ({text(show_age(hit.age_years))}) · '
        f"{text(hit.sex, 'sex not recorded')} · MRN {text(hit.mrn)} · {text(hit.phone, 'no phone recorded')}</p>"
    )


def patients_page() -> None:
    """What is typed stays out of the address: it is patient data."""
    session: StaffSession = st.session_state["session"]
    start_page("Patients")
    query = st.text_input(
        "Name, birth date, MRN or phone",
        key="patient_query",
        type="search",
        live=True,
        placeholder="Reyes Ana · 1974-05-02 · MRN · 555-0142",
        max_chars=100,
    )
    if not query or len(query.strip()) < 2:
        st.caption("Type at least two characters. Family or given name first; accents do not matter.")
        return
    with told_errors():
        found = session.client.registration.search(query.strip(), limit=LIMIT)
        _count(found.total)
        for hit in found.hits:
            _hit(session, hit)


def _count(total: int) -> None:
    if total == 0:
        st.info("Nobody found. Check the spelling, try the birth date, or part of the name.")
    elif total > LIMIT:
        st.caption(f"The first {LIMIT} of {total}. Add the birth date or more of the name.")
    else:
        st.caption(f"{total} found")


def _hit(session: StaffSession, hit: PatientHit) -> None:
    with st.container(border=True, key=f"hit-{hit.patient_id}"):
        who, go = st.columns([6, 1.2], vertical_alignment="center")
        who.html(f'<div class="card">{hit_html(hit)}</div>')
        with go:
            chart_button(session, hit.patient_id, key=f"open-{hit.patient_id}")
            profile_button(session, hit.patient_id, key=f"profile-{hit.patient_id}")
            book_button(session, hit.patient_id, key=f"book-{hit.patient_id}")
