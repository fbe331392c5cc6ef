"""Lists of entries in a dialog: a row an entry, one more by a button, and one less by a tick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

Entry = TypeVar("Entry")


def entry_rows(
    form: str,
    name: str,
    entries: Sequence[Entry],
    draw: Callable[[str, Entry, int], Entry],
    *,
    new: Callable[[], Entry],
    what: str,
) -> list[Entry]:
    """The entries as they stand in the rows, those that are ticked to go left out.

    `draw` is given the row's key prefix, what the row begins with, and its number for the labels.
    """
    added = st.session_state.setdefault(f"{form}-{name}-added", 0)
    made = []
    for number, entry in enumerate([*entries, *(new() for _ in range(added))], 1):
        key = f"{form}-{name}-{number}"
        drawn = draw(key, entry, number)
        if not st.checkbox(f"Remove {what} {number}", key=f"{key}-gone"):
            made.append(drawn)
    st.button(f"Add {what}", key=f"{form}-{name}-add", on_click=_one_more, args=(f"{form}-{name}-added",))
    return made


def _one_more(key: str) -> None:
    st.session_state[key] += 1
