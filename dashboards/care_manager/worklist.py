"""The worklist: one row a patient with all gaps together; filters in the address, 25 a page, safe selection."""

from __future__ import annotations

import streamlit as st

from dashboards.care_manager.worklist_acts import assign_dialog, row_acts
from dashboards.care_manager.worklist_rows import contact_html, gaps_html, patient_html, summary_words
from dashboards.shared.chart_button import chart_button
from dashboards.shared.page import start_page, tell_remembered, told_errors
from dashboards.shared.paging import show_paging, stay_within
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.url_choice import clear_choices, url_choice
from data_contracts.api.care_gaps import (
    STATUS_WORDS,
    WorklistChoices,
    WorklistPage,
    WorklistQuery,
    WorklistRow,
)
from data_contracts.api.risk import TIER_WORDS

PAGE_SIZE = 25
SORTS = {
    "priority": "Priority",
    "due_on": "Due date",
    "name": "Name",
    "last_attempt": "Last contact",
    "tier": "Care tier",
}
DEFAULT_SORT = "priority"
CHOICES = ("source_id", "status", "clinic_id", "clinician_id", "owner_id", "language", "tier", "sort")


def worklist_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Worklist")
    tell_remembered()
    with told_errors():
        query = _filters(session.client.worklist.choices())
        page = session.client.worklist.page(query)
        stay_within(page.page, "page")
        _replies(page)
        st.caption(summary_words(query, page))
        _bulk_acts(session, page.rows)
        _download(session, query, page)
        for row in page.rows:
            _row(session, row)
        if not page.rows:
            st.info("Nobody matches these filters. Reset them to see everyone with an open gap.")
        show_paging(page.page, "page", in_address=True)


def _filters(choices: WorklistChoices) -> WorklistQuery:
    """Every filter but the name stands in the address, so that a view can be kept; a name is patient data."""
    with st.container(horizontal=True, key="filters"):
        source = _choice("Care gap", "source_id", dict(choices.sources))
        status = _choice("Status", "status", STATUS_WORDS, "Wants action")
        clinic = _choice("Clinic", "clinic_id", dict(choices.clinics))
        clinician = _choice("Clinician", "clinician_id", dict(choices.clinicians))
        owner = _choice("Owner", "owner_id", {"me": "Me", "nobody": "Nobody", **dict(choices.owners)})
        language = _choice("Language", "language", dict(choices.languages))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", key="worklist_name", max_chars=100, width=200, on_change=_first_page)
        tier = _choice("Care tier", "tier", TIER_WORDS)
        sort = _choice("Sort by", "sort", SORTS, SORTS[DEFAULT_SORT])
        overdue = st.checkbox("Overdue only", key="overdue_only", bind="query-params", on_change=_first_page)
        replied = st.checkbox("Patient replied", key="replied", bind="query-params", on_change=_first_page)
        st.button("Reset filters", on_click=_reset)
    return WorklistQuery(
        source_id=source,
        status=status,
        clinic_id=clinic,
        clinician_id=clinician,
        owner_id=owner,
        language=language,
        tier=tier,
        overdue_only=overdue,
        reply_waiting=replied,
        name=name or None,
        sort=sort or DEFAULT_SORT,
        page=st.session_state.get("page") or _page_in_address(),
        size=PAGE_SIZE,
    )


def _choice(label: str, key: str, words: dict[str, str], everything: str = "All") -> str | None:
    return url_choice(label, key, words, placeholder=everything, on_change=_first_page, width=190)


def _page_in_address() -> int:
    given = st.query_params.get("page", "1")
    return max(1, int(given)) if given.isdigit() and len(given) < 6 else 1


def _first_page() -> None:
    st.session_state["page"] = 1


def _reset() -> None:
    clear_choices(CHOICES)
    st.session_state["overdue_only"] = False
    st.session_state["replied"] = False
    st.session_state["worklist_name"] = ""
    _first_page()


def _replies(page: WorklistPage) -> None:
    waiting = page.replies_waiting
    if waiting and st.button(f"{waiting} {'reply' if waiting == 1 else 'replies'} from patients to review"):
        go_to("replies")


def _download(session: StaffSession, query: WorklistQuery, page: WorklistPage) -> None:
    """Made when it is pressed: what nobody takes away is not exported."""
    if page.page.total:
        st.download_button(
            "Download list",
            data=lambda: session.client.worklist.csv(query),
            file_name="worklist.csv",
            mime="text/csv",
            help="Everybody whom the filters show. Protected health information; the export is audited.",
        )


def _bulk_acts(session: StaffSession, rows: list[WorklistRow]) -> None:
    """Ticks are keyed by patient, and the ids are read again here: a tick can never move to somebody else."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.checkbox(
            "Select this page", key="tick-all", on_change=_tick_all, args=([row.patient_id for row in rows],)
        )
        ticked = [row for row in rows if st.session_state.get(f"tick-{row.patient_id}")]
        if st.button(f"Assign {len(ticked) or ''}".strip(), disabled=not ticked, shortcut="Alt+A"):
            assign_dialog(session, ticked)


def _tick_all(patient_ids: list[str]) -> None:
    for patient_id in patient_ids:
        st.session_state[f"tick-{patient_id}"] = st.session_state["tick-all"]


def _row(session: StaffSession, row: WorklistRow) -> None:
    with st.container(border=True, key=f"row-{row.patient_id}"):
        tick, who, gaps, contact, acts = st.columns([0.3, 3, 5, 3, 1.4], vertical_alignment="top")
        tick.checkbox(
            f"Select {row.name.family or 'this patient'}",
            key=f"tick-{row.patient_id}",
            label_visibility="collapsed",
        )
        who.html(f'<div class="card">{patient_html(row)}</div>')
        gaps.html(f'<div class="card">{gaps_html(row)}</div>')
        contact.html(f'<div class="card">{contact_html(row)}</div>')
        with acts:
            chart_button(session, row.patient_id, key=f"open-{row.patient_id}")
            row_acts(session, row)
