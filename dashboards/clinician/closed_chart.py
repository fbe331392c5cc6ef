"""A chart that is closed to this person: why nothing is shown, and the way in for an emergency."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.access import GLASS_REASONS, ChartAccess

SHORTEST_WORDS = 10
"""Characters; the API holds the rule and this page only says it beforehand."""


def closed_chart(session: StaffSession, patient_id: str) -> bool:
    """Whether the chart is closed; then the page has said so, and offers to break the glass where that is allowed."""
    access = session.client.access.chart(patient_id)
    if access.open:
        _broken(session, patient_id, access)
        return False
    st.title("This chart is closed to you")
    if not access.may_break_glass:
        st.error("It cannot be opened here, not even in an emergency. Ask a colleague of the care team.")
        return True
    st.write(
        "It is not on your panel, or access to it is restricted. In an emergency you can open it for four hours. "
        "What you do in it is logged, the patient can see that you opened it, and somebody reviews it."
    )
    with st.form("break_glass", width=560):
        reason = st.selectbox("Reason", GLASS_REASONS, format_func=GLASS_REASONS.get, index=None)
        words = st.text_area("What happens, in your words", max_chars=500)
        asked = st.form_submit_button("Break the glass and open the chart", type="primary")
    if asked and reason and len(words.strip()) >= SHORTEST_WORDS:
        with told_errors():
            session.client.access.break_glass(patient_id, reason, words)
            st.rerun()
    elif asked:
        st.error(f"Choose a reason and say in at least {SHORTEST_WORDS} characters what happens.")
    return True


def _broken(session: StaffSession, patient_id: str, access: ChartAccess) -> None:
    """The banner while the glass is broken."""
    if access.broken_until is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="broken_glass"):
        st.warning(
            f"You broke the glass to open this chart. It closes at {show_instant(access.broken_until)}; "
            "everything you do here is reviewed."
        )
        if st.button("Close the chart now"):
            with told_errors():
                session.client.access.close_glass(patient_id)
                remember("The chart is closed again.")
                st.rerun()
