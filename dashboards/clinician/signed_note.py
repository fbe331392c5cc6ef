"""A signed note: its words, its seal, who stands for it, and what may still be done."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.clinician.papers import after_visit_panel, note_paper
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words, tag, text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.paper_buttons import paper_buttons
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.notes import NoteLine, SignedNote
from data_contracts.api.patients import PatientBanner

SEAL_WORDS = {
    "whole": "Seal whole: these are the words that were signed.",
    "broken": "SEAL BROKEN: these are not the words that were signed. Do not rely on them; tell your administrator.",
    "missing": "NO SEAL: this note cannot be checked. Do not rely on it; tell your administrator.",
}


def signed_note(session: StaffSession, note: SignedNote, banner: PatientBanner) -> None:
    if note.seal != "whole":
        st.error(SEAL_WORDS[note.seal])
    if note.in_error:
        st.error("This note was marked as entered in error. It counts for nothing.")
    st.html(heading_html(note))
    if note.note.reason:
        st.caption(f"Amended, because: {plain_words(note.note.reason)}")
    st.html(f'<pre class="note-words">{text(note.text, "")}</pre>')
    if note.seal == "whole":
        st.caption(f"{SEAL_WORDS['whole']} SHA-256 {note.sha256}")
    paper_buttons(note_paper(note, banner), key=note.note.note_id, name="note")
    after_visit_panel(session, note.note.encounter_id)
    for addendum in note.addenda:
        _addendum(session, addendum)
    if note.note.state == "signed" and not note.in_error:
        _acts(session, note, banner)


def heading_html(note: SignedNote) -> str:
    line = note.note
    marks = [tag("Replaced by an amendment", "apart")] if line.state == "replaced" else []
    if line.cosign_wanted and line.cosigned_by_name is None:
        marks.append(tag("Waits for a co-signature", "waiting"))
    who = f"signed by {line.signed_by_name}, {show_instant(line.signed_at)}"
    if line.author_name != line.signed_by_name:
        who = f"written by {line.author_name}, {who}"
    if line.cosigned_by_name:
        who += f", co-signed by {line.cosigned_by_name}"
    return f'<div class="card"><h4>{text(line.title)}</h4><p class="quiet">{text(who)}</p>{" ".join(marks)}</div>'


def _addendum(session: StaffSession, line: NoteLine) -> None:
    read = session.client.notes.read(line.note_id)
    with st.container(border=True):
        if read.seal != "whole":
            st.error(SEAL_WORDS[read.seal])
        st.html(heading_html(read))
        st.html(f'<pre class="note-words">{text(read.text, "")}</pre>')


def _acts(session: StaffSession, note: SignedNote, banner: PatientBanner) -> None:
    with st.container(horizontal=True), told_errors():
        if session.may("note.write") and st.button("Write an addendum"):
            _open(session.client.notes.add(note.note.note_id).note_id, banner)
        if session.may("note.sign") and st.button("Unlock to amend", disabled=note.seal != "whole"):
            unlock_dialog(session, note, banner, fresh_form("unlock"))
        waits = note.note.cosign_wanted and note.note.cosigned_by_name is None
        if waits and session.may("note.sign") and st.button("Co-sign", type="primary"):
            cosign_dialog(session, note, banner)


@st.dialog("Unlock a signed note")
def unlock_dialog(session: StaffSession, note: SignedNote, banner: PatientBanner, form: str) -> None:
    """Opens an amendment; the signed note stands until that is signed."""
    about(banner)
    reason = st.text_input("Why it is amended", max_chars=500, key=f"{form}-reason")
    st.caption("The reason is kept. The note as signed stays readable after the amendment replaces it.")
    with told_errors():
        if st.button("Unlock", type="primary", disabled=len((reason or "").strip()) < 5):
            _open(session.client.notes.unlock(note.note.note_id, reason).note_id, banner)


@st.dialog("Co-sign this note")
def cosign_dialog(session: StaffSession, note: SignedNote, banner: PatientBanner) -> None:
    """Bound to the version that was read."""
    about(banner)
    st.write(plain_words(f"{note.note.title}, signed by {note.note.signed_by_name}"))
    with told_errors():
        if st.button("Co-sign", type="primary", key="cosign-go"):
            session.client.notes.cosign(note.note.note_id, note.document_version)
            remember("Co-signed.")
            st.rerun()


def _open(note_id: str, banner: PatientBanner) -> None:
    go_to("note", patient=banner.patient_id, note=note_id)
