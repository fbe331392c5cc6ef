"""What the note's editor is handed, and what comes back from it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards.clinician.note_screen import NoteOnScreen, keep, screen_of, typed
from dashboards.components import NOTE_EDITOR, mount
from dashboards.shared.page import error_words
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.notes import Finding, NoteContent, NoteSection, PulledBlock
from ehr_core.kernel.errors import AlmonerError, StaleVersion


def editor(session: StaffSession, screen: NoteOnScreen) -> None:
    """The sections of the note to write in; it saves itself."""
    note_id = screen.base.note_id
    key = f"editor-{note_id}"
    mount(NOTE_EDITOR)(
        key=key,
        data=editor_data(screen, copy=f"{session.me.account_id}/{note_id}", phrases=_phrases(session)),
        on_typed_change=lambda: typed(session, note_id, st.session_state[key].get("typed")),
        on_act_change=lambda: _act(session, note_id, st.session_state[key].get("act")),
    )


def editor_data(screen: NoteOnScreen, *, copy: str, phrases: dict[str, str]) -> dict[str, Any]:
    draft = screen.base
    return {
        "copy": copy,
        "version": draft.version,
        "acked": screen.acked,
        "reset": screen.reset,
        "saved": f"{show_instant(draft.updated_at)} by {draft.updated_by_name}",
        "sections": [_section(section, draft.content) for section in draft.template.sections],
        "plan": [
            {"id": item.item_id, "name": item.name, "code": item.code, "words": item.words}
            for item in draft.content.plan
        ],
        "phrases": {name: with_data(words, draft.content.pulled) for name, words in phrases.items()},
        "focus": {"field": screen.focus[0], "n": screen.focus[1]},
    }


def with_data(words: str, pulled: list[PulledBlock]) -> str:
    """A phrase with the chart's data in place of {allergies} and the like; what was not read stays to be filled in."""
    for block in pulled:
        words = words.replace(f"{{{block.kind}}}", "; ".join(block.lines))
    for kind in ("allergies", "medications", "problems", "vitals", "results"):
        words = words.replace(f"{{{kind}}}", "***")
    return words


def _section(section: NoteSection, content: NoteContent) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": section.section_id,
        "title": section.title,
        "kind": section.kind,
        "required": section.required,
        "hint": section.hint,
    }
    if section.kind == "text":
        made["words"] = content.texts.get(section.section_id, "")
    if section.kind == "findings":
        made["systems"] = [
            {
                "id": system.system_id,
                "title": system.title,
                "normal": system.normal,
                **content.findings.get(system.system_id, Finding()).model_dump(),
            }
            for system in section.systems
        ]
    if section.kind == "pulled":
        made["lines"] = [
            {"heading": block.heading, "at": f"as of {show_instant(block.at)}", "lines": block.lines}
            for block in content.pulled
        ]
    return made


def _phrases(session: StaffSession) -> dict[str, str]:
    """Read once for a session; a phrase that is kept meanwhile is put there too."""
    if "note-phrases" not in st.session_state:
        st.session_state["note-phrases"] = {
            phrase.name: phrase.words for phrase in session.client.notes.phrases()
        }
    return st.session_state["note-phrases"]


def _act(session: StaffSession, note_id: str, act: dict[str, Any] | None) -> None:
    screen = screen_of(note_id)
    if screen is None or not act:
        return
    if act["act"] == "refresh":
        refresh(session, screen)
    if act["act"] == "remove":
        content = screen.base.content
        plan = [item for item in content.plan if item.item_id != act["id"]]
        keep(session, screen, content.model_copy(update={"plan": plan}))


def refresh(session: StaffSession, screen: NoteOnScreen) -> None:
    """The chart's data as it is now, in place of what the note had read."""
    try:
        screen.base = session.client.notes.refresh(screen.base.note_id, screen.base.version)
        screen.trouble, screen.notice = "", "The chart's data were read again."
    except StaleVersion:
        keep(session, screen, screen.base.content)
        screen.notice = "Somebody else saved this note just now. Refresh once more."
    except AlmonerError as error:
        screen.trouble = error_words(error)
