"""Who a visit is of, in the words that every confirm repeats: name, birth date, MRN."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import tag, text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.patients import PatientBanner, PatientHit
from data_contracts.api.scheduling import VisitCard
from ehr_core.display import show_age, show_instant, show_name

HITS = 8


def show_line(words: str) -> None:
    """Words of a record as they stand: never read as formatting."""
    st.html(f"<p>{text(words)}</p>")


def identity_html(name: str | None, birth_date: str | None, mrn: str | None) -> str:
    return (
        f'<div class="card"><h4>{text(name, "Name not recorded")}</h4>'
        f"<p>Born {text(show_date(birth_date))} · MRN {text(mrn)}</p></div>"
    )


def show_visit_identity(visit: VisitCard) -> None:
    st.html(identity_html(visit.patient_name, visit.birth_date, visit.mrn))


def visit_line(visit: VisitCard) -> str:
    """When, what, with whom and where."""
    rooms = ", ".join(one.name for one in visit.resources)
    parts = [
        show_instant(visit.starts_at, visit.time_zone),
        visit.type_name,
        f"with {visit.provider_name}" if visit.provider_name else "no clinician yet",
        rooms,
        visit.reason,
    ]
    return " · ".join(part for part in parts if part)


def chosen_patient(session: StaffSession) -> PatientBanner | None:
    """The patient of the address, or the one found by typing; what is typed stays out of the address."""
    patient_id = st.query_params.get("patient")
    if patient_id:
        banner = session.client.registration.banner(patient_id)
        who, other = st.columns([6, 1.2], vertical_alignment="center")
        name = show_name(banner.name)
        who.html(identity_html(name, banner.birth_date, banner.mrn))
        if other.button("Another patient", width="stretch"):
            del st.query_params["patient"]
            st.rerun()
        return banner
    _search(session)
    return None


def _search(session: StaffSession) -> None:
    query = st.text_input(
        "Patient: name, birth date, MRN or phone",
        key="book_query",
        type="search",
        live=True,
        placeholder="Reyes Ana · 1974-05-02 · MRN · 555-0142",
        max_chars=100,
    )
    if not query or len(query.strip()) < 2:
        st.caption("Type at least two characters, then choose the patient.")
        return
    found = session.client.registration.search(query.strip(), limit=HITS)
    if not found.hits:
        st.info("Nobody found. Check the spelling, try the birth date, or register the person first.")
    for hit in found.hits:
        _hit(hit)
    if found.total > len(found.hits):
        st.caption(f"The first {len(found.hits)} of {found.total}. Add the birth date or more of the name.")


def _hit(hit: PatientHit) -> None:
    marks = [tag("Same or similar name", "open")] if hit.same_name else []
    marks += [tag("Deceased", "apart")] if hit.deceased else []
    marks += [tag("Inactive record", "apart")] if not hit.active else []
    with st.container(border=True, key=f"choose-{hit.patient_id}"):
        who, go = st.columns([6, 1.2], vertical_alignment="center")
        who.html(
            f'<div class="card"><h4>{text(show_name(hit.name))} {" ".join(marks)}</h4>'
            f'<p class="quiet">Born {text(show_date(hit.birth_date))} ({text(show_age(hit.age_years))}) · '
            f"{text(hit.sex, 'sex not recorded')} · MRN {text(hit.mrn)} · "
            f"{text(hit.phone, 'no phone recorded')}</p></div>"
        )
        if go.button("Choose", key=f"choose-go-{hit.patient_id}", width="stretch", disabled=hit.deceased):
            st.query_params["patient"] = hit.patient_id
            st.rerun()
