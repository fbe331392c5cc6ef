"""The inbox's name in the navigation, with its counts: asked for now and then, not with every click."""

from __future__ import annotations

import time

import streamlit as st

from dashboards.clinician.inbox_words import title_of
from dashboards.shared.session import StaffSession
from data_contracts.api.results_inbox import InboxCounts
from ehr_core.kernel.errors import AlmonerError

ASK_EVERY_SECONDS = 20.0


def inbox_title(session: StaffSession) -> str:
    """'Inbox (2 critical)'. Counts that cannot be had leave the page its plain name: it is still the way there."""
    if not session.may("result.read"):
        return title_of(None)
    held: tuple[float, InboxCounts] | None = st.session_state.get("inbox_counts")
    if held is None or time.monotonic() - held[0] > ASK_EVERY_SECONDS:
        try:
            held = (time.monotonic(), session.client.results_inbox.counts())
        except AlmonerError:
            return title_of(None)
        st.session_state["inbox_counts"] = held
    return title_of(held[1])
