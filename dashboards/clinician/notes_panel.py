"""The notes of one chart: begin one, go on with a draft, read a signed one."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import plain_words
from dashboards.shared.page import told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.notes import ENCOUNTER_KIND_WORDS, NoteLine, StartVisit
from data_contracts.api.patients import PatientBanner

SHOWN = 6


def start_visit_button(session: StaffSession, banner: PatientBanner) -> None:
    """A visit that is not booked, by its kind. A booked one is started from the day's list."""
    kind = st.menu_button("Start a visit", list(ENCOUNTER_KIND_WORDS), format_func=ENCOUNTER_KIND_WORDS.get)
    if kind:
        with told_errors():
            begin(session, banner.patient_id, StartVisit(kind=kind))


def begin(session: StaffSession, patient_id: str, start: StartVisit) -> None:
    """Begins the visit, or finds the one that was begun, and opens its note."""
    started = session.client.notes.start_visit(patient_id, start)
    open_note(started.note_id, patient_id)


def open_note(note_id: str, patient_id: str) -> None:
    go_to("note", patient=patient_id, note=note_id)


def notes_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(border=True, key="notes"):
        st.subheader("Notes", anchor=False)
        with told_errors():
            notes = session.client.notes.of_patient(banner.patient_id).notes
            top = [note for note in notes if note.kind != "addendum" or note.state == "draft"]
            shown = top if st.session_state.get("all-notes") else top[:SHOWN]
            for note in shown:
                _line(note)
            if not notes:
                st.caption("No notes written here yet.")
            if len(top) > len(shown):
                st.button(
                    f"Show all {len(top)} notes",
                    on_click=lambda: st.session_state.update({"all-notes": True}),
                )


def _line(note: NoteLine) -> None:
    words, go = st.columns([5, 1.2], vertical_alignment="center")
    words.write(f"**{plain_words(note.title)}** · {standing(note)}")
    label = "Go on" if note.state == "draft" else "Read"
    if go.button(label, key=f"open-note-{note.note_id}", width="stretch"):
        open_note(note.note_id, note.patient_id)


def standing(note: NoteLine) -> str:
    """Who wrote or signed it when, and what it waits for."""
    if note.state == "draft":
        kind = "" if note.kind == "note" else f"{note.kind}, "
        return f"{kind}draft of {note.author_name}, begun {show_instant(note.started_at)}, not signed"
    words = f"signed by {note.signed_by_name}, {show_instant(note.signed_at)}"
    if note.state == "replaced":
        return f"{words}, replaced by an amendment"
    if note.cosign_wanted and note.cosigned_by_name is None:
        return f"{words}, waits for a co-signature"
    return words
