"""What every page starts with, and how errors are told: a sentence, what to do, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from dashboards.shared.markup import plain_words
from ehr_core.kernel.errors import AlmonerError, InvalidResource, StaleVersion

STYLE = Path(__file__).with_name("style.css")


def start_page(title: str, *, heading: bool = True) -> None:
    st.html(STYLE)
    if heading:
        st.title(title)


@contextmanager
def told_errors() -> Iterator[None]:
    """Shows an expected failure as a sentence where it happened; the rest of the page goes on."""
    try:
        yield
    except AlmonerError as error:
        st.error(plain_words(error_words(error)))


def error_words(error: AlmonerError) -> str:
    """An expected failure as a sentence: what was not done, and what to do."""
    if isinstance(error, StaleVersion):
        return (
            "Somebody else changed this a moment ago, so nothing was saved. Look at the newest state below, "
            "then do it again if it is still right."
        )
    if isinstance(error, InvalidResource):
        return "Not saved. " + " ".join(f"{issue.expression}: {issue.message}" for issue in error.issues)
    return error.message


def remember(message: str) -> None:
    """Keeps a message for the next rerun, where it is shown once above the page."""
    st.session_state["told"] = message


def tell_remembered() -> None:
    if message := st.session_state.pop("told", None):
        st.success(plain_words(message))
