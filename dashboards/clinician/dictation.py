"""Dictating into a note: record, read, confirm each dose, accept. Until then nothing of it is in the note."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician import speech
from dashboards.clinician.dictated import doses_in, prompt_of, unknown_drugs
from dashboards.clinician.note_screen import NoteOnScreen, keep
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import ChartSummary


def dictation_panel(session: StaffSession, screen: NoteOnScreen, summary: ChartSummary) -> None:
    with st.expander("Dictate", key=f"dictate-{screen.base.note_id}", on_change="rerun") as opened:
        if not opened.open:
            return
        if reason := speech.why_not():
            st.warning(reason)
            return
        with told_errors():
            _dictate(session, screen, summary)


def _dictate(session: StaffSession, screen: NoteOnScreen, summary: ChartSummary) -> None:
    round_ = st.session_state.setdefault(f"dictation-round-{screen.base.note_id}", 0)
    key = f"dictation-{screen.base.note_id}-{round_}"
    recording = st.audio_input("Speak; the recording stays on this machine and is not kept", key=key)
    if recording is None:
        return
    medicines = [medication.name for medication in summary.medications]
    if f"{key}-words" not in st.session_state:
        prompt = prompt_of(medicines, [problem.name for problem in summary.problems])
        with st.spinner("Listening …"):
            st.session_state[f"{key}-words"] = speech.transcribe(recording.getvalue(), prompt=prompt)
    words = st.text_area("Heard, as a suggestion: read it and put it right", key=f"{key}-words", height=140)
    places = {
        section.section_id: section.title
        for section in screen.base.template.sections
        if section.kind == "text"
    }
    place = st.selectbox("Into", list(places), format_func=places.get, key=f"{key}-place")
    if not words.strip():
        st.info("No words were heard. Record again, nearer to the microphone.")
        return
    if not _confirmed(key, words, medicines):
        return
    st.button(
        "Accept into the note",
        type="primary",
        key=f"{key}-accept",
        on_click=_accept,
        args=(session, screen, place, words),
    )


def _confirmed(key: str, words: str, medicines: list[str]) -> bool:
    """All was read, and every dose looked at. A dose's tick is bound to its words: another number, another tick."""
    doses = doses_in(words)
    if unknown_drugs(doses, words, medicines):
        st.warning("A dose is spoken of, and no medicine of this chart. Check the medicine's name too.")
    looked = [st.checkbox(f"I have checked the dose: **{dose}**", key=f"{key}-dose-{dose}") for dose in doses]
    read = st.checkbox("I have read what was heard, and it is what I said", key=f"{key}-read")
    return read and all(looked)


def _accept(session: StaffSession, screen: NoteOnScreen, place: str, words: str) -> None:
    content = screen.base.content
    before = content.texts.get(place, "").rstrip()
    texts = {**content.texts, place: f"{before}\n{words.strip()}".lstrip("\n")}
    if keep(session, screen, content.model_copy(update={"texts": texts})):
        screen.before, screen.reset = content, screen.reset + 1
        st.session_state[f"dictation-round-{screen.base.note_id}"] += 1
        screen.go_to(f"texts.{place}")
