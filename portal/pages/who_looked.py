"""Who looked: everybody who did something in the record, one line a person, act and day."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from data_contracts.api.disclosures import Disclosed
from data_contracts.api.portal import RecordOpened
from portal.markup import show
from portal.session import PatientSession
from portal.text import Words

ACTS = {
    "chart_summary_read": "looked.chart",
    "results_read": "looked.results",
    "glass_broken": "looked.glass",
    "create": "looked.wrote",
    "update": "looked.wrote",
    "delete": "looked.wrote",
    "application_allowed": "looked.app",
}
"""Acts that have words of their own; every other one is told as having opened the record."""


def who_looked_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    st.title(words("looked.page"), anchor=False)
    st.write(words("looked.what_it_is"))
    openings = session.client.portal.who_looked()
    if openings:
        show(words.language, openings_html(words, openings))
    else:
        st.info(words("looked.nobody"))
    st.header(words("looked.given_page"), anchor=False)
    st.write(words("looked.given_what"))
    given = session.client.disclosures.own()
    if given:
        show(words.language, given_html(words, given))
    else:
        st.info(words("looked.given_nobody"))
    st.caption(words("looked.question"))


def given_html(words: Words, given: Sequence[Disclosed]) -> str:
    """To whom outside, when, what of the record, and why."""
    items = "".join(
        f"<li>{escape(words.long_date(one.day))}: <b>{escape(one.recipient)}</b> "
        f"{escape(words(f'looked.given_{one.purpose}'))} – {escape(one.what)}</li>"
        for one in given
    )
    return f"<ul>{items}</ul>"


def openings_html(words: Words, openings: Sequence[RecordOpened]) -> str:
    """A list by day, the newest first; acts that are told by the same words on one line."""
    items = "".join(f"<li>{line}</li>" for line in dict.fromkeys(_line(words, one) for one in openings))
    return f"<ul>{items}</ul>"


def _line(words: Words, one: RecordOpened) -> str:
    what = words(ACTS.get(one.what, "looked.opened"))
    refused = f" ({escape(words('looked.refused'))})" if one.refused else ""
    return f"{escape(words.long_date(one.day))}: <b>{escape(one.who)}</b> {escape(what)}{refused}"
