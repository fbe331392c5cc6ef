"""A draft as it stands on this screen: what the server has, what was typed since, and what clashes with others' words.

Kept in the session by the note's id. Nothing typed is ever dropped: it is saved, or shown beside what somebody else
wrote, or stays in the editor while the server is away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dashboards.clinician.note_merge import Clash, merge, with_answer, with_typed
from dashboards.shared.page import error_words
from dashboards.shared.session import StaffSession
from data_contracts.api.notes import NoteContent, NoteDraft
from ehr_core.kernel.errors import AlmonerError, StaleVersion

NOT_SAVED = "Not saved yet; your words are on the screen and in this browser. {}"


@dataclass
class NoteOnScreen:
    """`acked` is the editor's last payload that is stored.

    `reset` grows when the editor must show our words; `before` is what it showed until then.
    """

    base: NoteDraft
    acked: int = 0
    reset: int = 1
    clashes: list[Clash] = field(default_factory=list)
    before: NoteContent | None = None
    trouble: str = ""
    notice: str = ""
    focus: tuple[str, int] = ("", 0)

    def go_to(self, place: str) -> None:
        self.focus = (place, self.focus[1] + 1)


def screen_of(note_id: str) -> NoteOnScreen | None:
    return st.session_state.get(f"note-{note_id}")


def open_screen(draft: NoteDraft) -> NoteOnScreen:
    """The screen of this draft, made anew when it is opened; a rerun finds the one that is there."""
    found = screen_of(draft.note_id)
    if found is None:
        found = NoteOnScreen(draft)
        st.session_state[f"note-{draft.note_id}"] = found
    return found


def forget_screen(note_id: str) -> None:
    st.session_state.pop(f"note-{note_id}", None)


def typed(session: StaffSession, note_id: str, payload: dict[str, Any] | None) -> None:
    """The editor's words after a pause. Saved under the version that they were written on."""
    screen = screen_of(note_id)
    if screen is None or not payload:
        return
    base = _written_on(screen, payload)
    mine = with_typed(base or screen.base.content, payload)
    try:
        if base is screen.base.content:
            _save(session, screen, mine)
        else:
            _bring_together(session, screen, base, mine)
    except AlmonerError as error:
        screen.trouble = NOT_SAVED.format(error_words(error))
        return
    screen.trouble, screen.acked = "", payload["n"]


def _written_on(screen: NoteOnScreen, payload: dict[str, Any]) -> NoteContent | None:
    """What the words were written on: the stored draft, the one before it was replaced on the screen, or unknown."""
    if payload.get("restored") and payload["base"] != screen.base.version:
        return None
    if payload["reset"] != screen.reset and screen.before is not None:
        return screen.before
    return screen.base.content


def keep(session: StaffSession, screen: NoteOnScreen, mine: NoteContent) -> bool:
    """Saves a change made beside the editor, or an answer. False, with `trouble` told, when it could not be saved."""
    screen.trouble = ""
    try:
        _save(session, screen, mine)
    except AlmonerError as error:
        screen.trouble = NOT_SAVED.format(error_words(error))
        return False
    return True


def _save(session: StaffSession, screen: NoteOnScreen, mine: NoteContent) -> None:
    try:
        screen.base = session.client.notes.save(screen.base.note_id, screen.base.version, mine)
    except StaleVersion:
        _bring_together(session, screen, screen.base.content, mine)


def _bring_together(
    session: StaffSession, screen: NoteOnScreen, base: NoteContent | None, mine: NoteContent
) -> None:
    theirs = session.client.notes.draft(screen.base.note_id)
    merged, clashes = merge(base, mine, theirs.content, theirs.template)
    if merged != theirs.content:
        screen.base = session.client.notes.save(theirs.note_id, theirs.version, merged)
    else:
        screen.base = theirs
    answered = {clash.field for clash in clashes}
    screen.clashes = [*(one for one in screen.clashes if one.field not in answered), *clashes]
    screen.before, screen.reset = base or theirs.content, screen.reset + 1
    screen.notice = f"{theirs.updated_by_name}, or another window of yours, saved this note too. " + (
        "Decide below what it says." if clashes else "Both versions were brought together."
    )


def answer(session: StaffSession, screen: NoteOnScreen, clash: Clash, words: str) -> None:
    """One clash decided: the part says `words` from now on. It stays open when that could not be saved."""
    before = screen.base.content
    if keep(session, screen, with_answer(before, clash, words)):
        screen.clashes = [one for one in screen.clashes if one.field != clash.field]
        screen.before, screen.reset = before, screen.reset + 1
        if not screen.clashes:
            screen.notice = ""
