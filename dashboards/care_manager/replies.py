"""Replies: what patients say they already had, the oldest first, until somebody has looked and answered."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.chart_button import chart_button, record_outside_button
from dashboards.shared.forms import fresh_form
from dashboards.shared.gap_words import status_tag
from dashboards.shared.markup import tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.care_gaps import PatientReply, ReplyOutcome, ReviewReply
from ehr_core.display import show_name

OUTCOME_WORDS: dict[ReplyOutcome, str] = {
    "recorded": "Found, and recorded in the chart",
    "requested": "Asked the other place for the record",
    "not_found": "Not found",
}


def replies_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Replies")
    tell_remembered()
    with told_errors():
        found = session.client.worklist.replies()
        if found.replies:
            st.caption(count_words(found.waiting, len(found.replies)))
        else:
            st.info("No reply waits. A patient who says 'I already had this' in the portal comes here.")
        for reply in found.replies:
            _reply(session, reply)


def count_words(waiting: int, shown: int) -> str:
    first = f", the oldest {shown} are shown" if shown < waiting else ", the oldest first"
    return f"{waiting} waiting{first} · protected health information"


def patient_html(reply: PatientReply) -> str:
    """All that tells this person apart, and the language that an answer is read in."""
    warning = tag("Same or similar name", "open") if reply.same_name else ""
    return (
        f"<h4>{text(show_name(reply.name))}</h4>{warning}"
        f'<p class="quiet">Born {text(show_date(reply.birth_date))} · MRN {text(reply.mrn)}<br>'
        f"{text(reply.language, 'language not recorded')}</p>"
    )


def reply_html(reply: PatientReply) -> str:
    """The patient's own words, and where the gap stands now."""
    asked = (
        " " + tag(f"Record asked for on {show_date(reply.requested_at)}", "waiting")
        if reply.requested_at
        else ""
    )
    return (
        f"<p><b>{text(reply.title)}</b> {status_tag(reply)}{asked}</p>"
        f"<p>When: {text(reply.when, 'not said')} · where: {text(reply.where, 'not said')}</p>"
        f'<p class="quiet">Told in the portal on {text(show_instant(reply.received_at))}</p>'
    )


def _reply(session: StaffSession, reply: PatientReply) -> None:
    with st.container(border=True, key=f"reply-{reply.reply_id}"):
        who, what, acts = st.columns([3, 6, 1.8], vertical_alignment="top")
        who.html(f'<div class="card">{patient_html(reply)}</div>')
        what.html(f'<div class="card">{reply_html(reply)}</div>')
        with acts:
            chart_button(session, reply.patient_id, key=f"open-{reply.reply_id}")
            record_outside_button(session, reply.patient_id, key=f"record-{reply.reply_id}")
            if session.may("gap.act") and st.button(
                "Answer", key=f"answer-{reply.reply_id}", width="stretch"
            ):
                _answer_dialog(session, reply, fresh_form("answer"))


@st.dialog("Answer the patient")
def _answer_dialog(session: StaffSession, reply: PatientReply, form: str) -> None:
    st.write(
        f"**{show_name(reply.name)}**, born {show_date(reply.birth_date)}, MRN {reply.mrn or 'not recorded'}"
    )
    st.write(reply.title)
    outcome = st.radio(
        "What came of it",
        list(OUTCOME_WORDS),
        index=None,
        format_func=OUTCOME_WORDS.get,
        key=f"{form}-outcome",
    )
    st.caption(
        "The portal says this in the patient's language. A reply closes no gap: what was found counts once a "
        "clinician has recorded it in the chart."
    )
    reads = f", who reads {reply.language}" if reply.language else ""
    answer = st.text_area(
        f"Your words for the patient{reads} (optional)", max_chars=500, key=f"{form}-answer"
    )
    with told_errors():
        if st.button("Send answer", type="primary", disabled=outcome is None):
            review = ReviewReply(outcome=outcome, answer=answer.strip() or None)
            session.client.worklist.review_reply(reply.reply_id, review)
            remember(f"{reply.title}: the patient is told '{OUTCOME_WORDS[outcome].lower()}'.")
            st.rerun()
