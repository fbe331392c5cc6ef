"""Broken glass: every chart that somebody opened in an emergency, until somebody else has looked at it."""

from __future__ import annotations

import streamlit as st

from dashboards.admin.whose import patient_html
from dashboards.shared.markup import text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.to_audit import audit_button
from data_contracts.api.access import GLASS_REASONS, GlassReview

OUTCOMES = {
    "justified": "Justified",
    "follow_up": "Talk to them about it",
    "not_justified": "Not justified",
}


def break_glass_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Broken glass")
    tell_remembered()
    st.caption("Charts that were opened in an emergency. Nobody reviews their own.")
    with told_errors():
        reviews = session.client.access.reviews()
        if not reviews:
            st.info("Nothing waits for a review.")
        for one in reviews:
            _review(session, one)


def glass_html(one: GlassReview) -> str:
    """Who opened whose chart, when, why, and how much was done in it."""
    reason = GLASS_REASONS.get(one.reason, one.reason)
    acts = "1 act" if one.acts == 1 else f"{one.acts} acts"
    return (
        f"<p><b>{text(one.account_name)}</b> opened the chart of {patient_html(one.patient, one.patient_id)}</p>"
        f"<p>Open from {text(show_instant(one.opened_at))} to {text(show_instant(one.closed_at))} · {acts} in it</p>"
        f"<p>{text(reason)}: {text(one.words)}</p>"
    )


def _review(session: StaffSession, one: GlassReview) -> None:
    with st.container(border=True):
        st.html(glass_html(one))
        audit_button(
            session,
            key=f"audit_{one.review_id}",
            actor_id=one.account_id,
            patient_id=one.patient_id,
            since=one.opened_at,
        )
        if one.account_id == session.me.account_id:
            st.caption("You opened this chart: another administrator reviews it.")
            return
        with st.form(f"review_{one.review_id}", border=False):
            outcome = st.radio("Judgement", OUTCOMES, format_func=OUTCOMES.get, horizontal=True, index=None)
            words = st.text_input("Note for the file (optional)", max_chars=500)
            asked = st.form_submit_button("Record the review", type="primary")
        if asked and outcome is None:
            st.error("Choose a judgement first.")
        elif asked:
            with told_errors():
                session.client.access.review(one.review_id, outcome, words or None)
                remember("The review is recorded.")
                st.rerun()
