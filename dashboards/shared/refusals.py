"""What an act was refused with, kept beside the place where it was tried.

A part of the page that refreshes itself would wipe a sentence that stood in one run only. An act that runs in a
widget's callback is handed what was on the screen when the widget was drawn; its sentence is shown by the run after it.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboards.shared.page import error_words
from ehr_core.kernel.errors import AlmonerError


def tried(place: str, act: Callable[[], object]) -> bool:
    """Whether the act was done; an expected failure is kept for `tell_refusal(place)`."""
    _refusals().pop(place, None)
    try:
        act()
    except AlmonerError as error:
        refuse(place, error)
        return False
    return True


def refuse(place: str, error: AlmonerError) -> None:
    _refusals()[place] = error_words(error)


def tell_refusal(place: str) -> None:
    """The last act here was refused: says so until somebody acts here again, or the page itself runs anew."""
    if sentence := _refusals().get(place):
        st.error(sentence)


def forget_refusals() -> None:
    _refusals().clear()


def _refusals() -> dict[str, str]:
    return st.session_state.setdefault("refusals", {})
