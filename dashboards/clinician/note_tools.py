"""What else can be done with a draft: another template, a phrase of one's own, setting the draft aside."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.clinician.note_screen import NoteOnScreen, forget_screen
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from data_contracts.api.notes import KeepPhrase
from data_contracts.api.patients import PatientBanner


def note_tools(session: StaffSession, screen: NoteOnScreen, banner: PatientBanner) -> None:
    with st.container(horizontal=True, key="note-tools"):
        if screen.base.kind == "note":
            _templates(session, screen)
        if st.button("Phrases"):
            phrases_dialog(session, fresh_form("phrases"))
        if st.button("Discard draft"):
            discard_dialog(session, screen, banner)


def _templates(session: StaffSession, screen: NoteOnScreen) -> None:
    """Nothing is lost: what the new template has no place for is put under its first text."""
    titles = {
        template.template_id: template.title
        for template in session.client.notes.templates()
        if template.visit_kinds and template.template_id != screen.base.template.template_id
    }
    chosen = st.menu_button("Other template", list(titles), format_func=titles.get)
    if chosen:
        with told_errors():
            screen.base = session.client.notes.change_template(
                screen.base.note_id, screen.base.version, chosen
            )
            screen.reset += 1
            st.rerun(scope="fragment")


@st.dialog("Dot-phrases", width="medium")
def phrases_dialog(session: StaffSession, form: str) -> None:
    """Those that expand for this person, and a form for a new one."""
    phrases = session.client.notes.phrases()
    for phrase in phrases:
        whose = "yours" if phrase.mine else "the site's" if phrase.phrase_id else "shipped"
        words, drop = st.columns([5, 1.2])
        words.markdown(f"**.{phrase.name}** ({whose})")
        words.text(phrase.words)
        removable = phrase.mine or (phrase.phrase_id and session.may("note.sign"))
        if removable and drop.button("Remove", key=f"{form}-drop-{phrase.phrase_id}"):
            session.client.notes.drop_phrase(phrase.phrase_id)
            st.session_state.pop("note-phrases", None)
            st.rerun(scope="fragment")
    name = st.text_input("New phrase: name, typed after a dot", max_chars=30, key=f"{form}-name")
    words = st.text_area(
        "What it becomes; *** marks what is still to be filled in", max_chars=4000, key=f"{form}-w"
    )
    site = session.may("note.sign") and st.checkbox("For everybody at this site", key=f"{form}-site")
    with told_errors():
        if st.button(
            "Keep phrase", type="primary", disabled=not ((name or "").strip() and (words or "").strip())
        ):
            try:
                kept = KeepPhrase(name=name.strip().lstrip(".").lower(), words=words, for_site=bool(site))
            except ValueError:
                st.error("Not kept. A name has small letters, digits and hyphens, and begins with a letter.")
                return
            session.client.notes.keep_phrase(kept)
            st.session_state.pop("note-phrases", None)
            remember(f".{kept.name} is kept.")
            st.rerun()


@st.dialog("Discard this draft")
def discard_dialog(session: StaffSession, screen: NoteOnScreen, banner: PatientBanner) -> None:
    about(banner)
    st.write("The draft leaves the list. Nothing of it was in the record yet.")
    with told_errors():
        if st.button("Discard", type="primary"):
            session.client.notes.discard(screen.base.note_id, screen.base.version)
            forget_screen(screen.base.note_id)
            remember("The draft was discarded.")
            go_to("chart", patient=banner.patient_id)
