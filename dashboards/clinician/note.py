"""One note: a draft that saves itself, or a signed one with its seal. The address says which, by ids alone."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.dictation import dictation_panel
from dashboards.clinician.note_editor import editor
from dashboards.clinician.note_merge import Clash, both, clash_words
from dashboards.clinician.note_screen import NoteOnScreen, answer, forget_screen, open_screen
from dashboards.clinician.note_side import side_panel
from dashboards.clinician.note_tools import note_tools
from dashboards.clinician.papers import after_visit_panel
from dashboards.clinician.signed_note import signed_note
from dashboards.shared.banner import show_banner
from dashboards.shared.markup import plain_words, text
from dashboards.shared.page import start_page, tell_remembered, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import ChartSummary
from data_contracts.api.notes import NoteDraft
from ehr_core.kernel.errors import Conflict, NotFound


def note_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Note", heading=False)
    note_id = st.query_params.get("note")
    if not note_id:
        st.info("No note is chosen. Start one under Today, or from a chart.")
        return
    with told_errors():
        _note(session, note_id)


def _note(session: StaffSession, note_id: str) -> None:
    try:
        draft = session.client.notes.draft(note_id) if session.may("note.write") else None
    except Conflict:
        draft = None
    if draft is None:
        forget_screen(note_id)
        read = session.client.notes.read(note_id)
        summary = _summary(session, read.note.patient_id)
        signed_note(session, read, summary.banner)
        return
    summary = _summary(session, draft.patient_id)
    _draft(session, draft, summary)


def _summary(session: StaffSession, patient_id: str) -> ChartSummary:
    """Whose note it is comes from the note, never from the address: two windows on two charts stay apart."""
    if st.query_params.get("patient") not in (None, patient_id):
        raise NotFound("This note is not in the chart that the address names. Open it from its own chart.")
    summary = session.client.charting.summary(patient_id)
    show_banner(summary.banner)
    tell_remembered()
    if st.button("Back to the chart", type="tertiary", icon=":material/arrow_back:"):
        go_to("chart", patient=patient_id)
    return summary


def _draft(session: StaffSession, draft: NoteDraft, summary: ChartSummary) -> None:
    screen = open_screen(draft)
    title = {"addendum": "Addendum", "amendment": "Amendment"}.get(draft.kind, draft.template.title)
    st.subheader(title, anchor=False)
    if draft.reason:
        st.caption(plain_words(f"Amended, because: {draft.reason}"))
    _workspace(session, screen, summary)
    if draft.kind != "addendum":
        after_visit_panel(session, draft.encounter_id)


@st.fragment
def _workspace(session: StaffSession, screen: NoteOnScreen, summary: ChartSummary) -> None:
    """Runs alone after each pause in typing, so that the page around it stays as it is."""
    with told_errors():
        if screen.trouble:
            st.error(screen.trouble)
        if screen.notice:
            st.warning(screen.notice)
        for clash in screen.clashes:
            _clash(session, screen, clash)
        note_tools(session, screen, summary.banner)
        dictation_panel(session, screen, summary)
        words, side = st.columns([5, 2.6], gap="medium")
        with words:
            editor(session, screen)
        with side:
            side_panel(session, screen, summary)


def _clash(session: StaffSession, screen: NoteOnScreen, clash: Clash) -> None:
    """Both wordings side by side, and three ways out; nothing is lost until one is chosen."""
    with st.container(border=True, key=f"clash-{clash.field.replace('.', '-')}"):
        st.write(f"**{clash.title}** was written in two places.")
        mine, theirs = st.columns(2)
        mine.html(
            f'<p class="quiet">Yours</p><pre class="note-words">{text(clash_words(clash, clash.mine))}</pre>'
        )
        theirs.html(
            f'<p class="quiet">The other</p><pre class="note-words">{text(clash_words(clash, clash.theirs))}</pre>'
        )
        with st.container(horizontal=True):
            for label, words in (
                ("Keep yours", clash.mine),
                ("Keep the other", clash.theirs),
                ("Keep both", both(clash)),
            ):
                st.button(
                    label,
                    key=f"{label}-{clash.field}",
                    on_click=answer,
                    args=(session, screen, clash, words),
                )
