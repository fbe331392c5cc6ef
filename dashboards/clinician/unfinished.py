"""Notes that wait for this clinician: unsigned drafts with their age, and co-signatures that were asked for."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.notes_panel import open_note
from dashboards.shared.markup import tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.notes import UnfinishedNote
from ehr_core.display import show_name


def unfinished_panel(session: StaffSession) -> None:
    """Folded away, with the number on its label; nothing when nothing waits."""
    if not session.may("note.write"):
        return
    with told_errors():
        waiting = session.client.notes.unfinished().notes
        if not waiting:
            return
        with st.expander(f"Notes that wait for you: {len(waiting)}", key="unfinished"):
            for item in waiting:
                words, go = st.columns([5, 1.2], vertical_alignment="center")
                words.html(unfinished_html(item))
                if go.button("Open", key=f"unfinished-{item.note.note_id}", width="stretch"):
                    open_note(item.note.note_id, item.patient.patient_id)


def unfinished_html(item: UnfinishedNote) -> str:
    patient = item.patient
    who = f"{show_name(patient.name)}, born {show_date(patient.birth_date)}, MRN {patient.mrn or 'not recorded'}"
    wants = "wants a co-signature" if item.note.state == "signed" else "not signed"
    age = "begun today" if item.days_old == 0 else f"{item.days_old} days old"
    return (
        f'<div class="card"><h4>{text(who)}</h4><p class="quiet">{text(item.note.title)} · '
        f"{text(age)} {tag(wants, 'waiting')}</p></div>"
    )
