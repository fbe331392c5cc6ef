"""Where I am signed in, and the way to end it there: a computer that was left open, a session that is not mine."""

from __future__ import annotations

import hashlib

import streamlit as st

from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.account import SessionInfo

WIDTH = 760
"""Pixels: an act stands near the line that it is about."""


def open_sessions(session: StaffSession) -> None:
    st.header("Where you are signed in")
    with told_errors(), st.container(width=WIDTH):
        listed = [one for one in session.client.account.sessions() if one.ended is None]
        for one in listed:
            _row(session, one)
        others = [one for one in listed if not one.current]
        if len(others) > 1 and st.button("End all but this one"):
            _end(session, others)


def _row(session: StaffSession, one: SessionInfo) -> None:
    words, act = st.columns([5, 1], vertical_alignment="center")
    here = " · **this one**" if one.current else ""
    words.markdown(f"{plain_words(one.application)} at {one.address or 'an unknown address'}{here}")
    words.caption(f"Since {show_instant(one.created_at)}, last used {show_instant(one.last_seen_at)}")
    if not one.current and act.button("End", key=f"end-{_mark(one.session_id)}", width="stretch"):
        _end(session, [one])


def _end(session: StaffSession, ended: list[SessionInfo]) -> None:
    for one in ended:
        session.client.account.revoke_session(one.session_id)
    remember("Ended: it stops working at its next click." if len(ended) == 1 else "All others are ended.")
    st.rerun()


def _mark(session_id: str) -> str:
    """A button's key goes to the browser; a session's id does not."""
    return hashlib.sha256(session_id.encode()).hexdigest()[:12]
