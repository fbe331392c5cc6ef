"""Results without a patient: what the sender said beside who it may be; attached after a look at both sides."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.inbox_words import grade_tag
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from dashboards.shared.who import who_html, who_line, who_words
from data_contracts.api.results_inbox import (
    MATCH_WORDS,
    AttachResult,
    Match,
    MatchCandidate,
    SetAside,
    UnmatchedResult,
)

MATCH_KIND: dict[Match, str] = {"certain": "closed", "possible": "open", "certainly_not": "apart"}
SHORTEST_REASON = 3


def unmatched_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Results without a patient")
    tell_remembered()
    with told_errors():
        found = session.client.results_inbox.unmatched()
        st.caption(f"{found.total} waiting, the gravest first · protected health information")
        for result in found.waiting:
            _result(session, result)
        if not found.waiting:
            st.info("Every result has its patient. One that comes without a certain match waits here.")
        elif found.total > len(found.waiting):
            st.caption(f"The first {len(found.waiting)} of {found.total}.")


def sent_html(result: UnmatchedResult) -> str:
    """What was sent, about whom, and why it waits."""
    sent = result.patient
    name = ", ".join(part for part in (sent.family, sent.given) if part)
    facts = [
        f"born {show_date(sent.birth_date)}" if sent.birth_date else "no birth date sent",
        f"MRN {sent.mrn}" if sent.mrn else "no record number sent",
        f"order {result.order_number}" if result.order_number else "no order number sent",
    ]
    return (
        f"<h4>{text(name, 'No name sent')} {grade_tag(result.grade)}</h4>"
        f'<p class="quiet">{" · ".join(text(fact) for fact in facts)}</p>'
        f"{lines(map(text, result.results), 'Nothing readable was sent')}"
        f"<p>{text(result.why)}</p><p>{text(result.grade_reason)}</p>"
        f'<p class="quiet">From {text(result.source)}, {text(show_instant(result.received_at))}</p>'
    )


def candidate_html(candidate: MatchCandidate) -> str:
    """Who it may be, how well that fits, and why."""
    orders = f"<p><b>Open orders it may answer:</b> {text(', '.join(candidate.open_orders))}</p>"
    return (
        f"{who_html(candidate)}{tag(MATCH_WORDS[candidate.match], MATCH_KIND[candidate.match])} "
        f'<span class="quiet">{text(" ".join(candidate.reasons), "nothing to compare")}</span>'
        f"{orders if candidate.open_orders else ''}"
    )


def _result(session: StaffSession, result: UnmatchedResult) -> None:
    with st.container(border=True, key=f"unmatched-{result.received_id}"):
        sent, candidates = st.columns([4, 6], vertical_alignment="top")
        sent.html(f'<div class="card">{sent_html(result)}</div>')
        with candidates:
            for candidate in result.candidates:
                _candidate(session, result, candidate)
            if not result.candidates:
                st.caption("Nobody here fits. Attach it to whoever you know it is about, or set it aside.")
            if session.may("result.act"):
                _others(session, result)


def _candidate(session: StaffSession, result: UnmatchedResult, candidate: MatchCandidate) -> None:
    who, act = st.columns([5, 1.5], vertical_alignment="center")
    who.html(f'<div class="card">{candidate_html(candidate)}</div>')
    key = f"{result.received_id}-{candidate.patient_id}-{result.version}"
    if session.may("result.act") and act.button("Attach", key=f"attach-{key}"):
        _attach_dialog(session, result, candidate, fresh_form("attach"))


def _others(session: StaffSession, result: UnmatchedResult) -> None:
    with st.container(horizontal=True):
        if st.button("Attach to somebody else", key=f"other-{result.received_id}"):
            _search_dialog(session, result, fresh_form("search"))
        if st.button("Set aside", key=f"aside-{result.received_id}"):
            _aside_dialog(session, result, fresh_form("aside"))


def _both_sides(result: UnmatchedResult, candidate: MatchCandidate) -> None:
    left, right = st.columns(2)
    left.html(f'<div class="card"><h4>Sent</h4>{sent_html(result)}</div>')
    right.html(f'<div class="card"><h4>Record here</h4>{candidate_html(candidate)}</div>')


@st.dialog("Attach to this record", width="large")
def _attach_dialog(
    session: StaffSession, result: UnmatchedResult, candidate: MatchCandidate, form: str
) -> None:
    _both_sides(result, candidate)
    _attach_form(session, result, candidate, form)


def _attach_form(
    session: StaffSession, result: UnmatchedResult, candidate: MatchCandidate, form: str
) -> None:
    """The confirmation repeats whose record it is; what is not certain needs a reason."""
    certain = candidate.match == "certain"
    reason = "" if certain else st.text_input("How do you know?", max_chars=500, key=f"{form}-reason").strip()
    st.write(f"Into the record of {who_words(candidate)}")
    with told_errors():
        if st.button("Attach the result", type="primary", key=f"{form}-attach"):
            if not certain and len(reason) < SHORTEST_REASON:
                st.error("Not attached: say how you know that it is this patient.")
                return
            act = AttachResult(
                version=result.version,
                patient_id=candidate.patient_id,
                match=candidate.match,
                reason=reason or None,
            )
            session.client.results_inbox.attach(result.received_id, act)
            remember("The result is in the chart now, and in the inbox of the patient's clinician.")
            st.rerun()


@st.dialog("Attach to somebody else", width="large")
def _search_dialog(session: StaffSession, result: UnmatchedResult, form: str) -> None:
    """Somebody whom nothing that was sent had led to: graded now, in the same way."""
    st.html(f'<div class="card">{sent_html(result)}</div>')
    query = st.text_input("Name, birth date, MRN or phone", key=f"{form}-query", max_chars=100)
    with told_errors():
        hits = (
            session.client.registration.search(query.strip(), limit=10).hits if len(query.strip()) > 1 else []
        )
        chosen = st.selectbox(
            "Patient", hits, index=None, format_func=who_line, key=f"{form}-hit", placeholder="Search first"
        )
        if chosen is None:
            return
        candidate = session.client.results_inbox.candidate(result.received_id, chosen.patient_id)
        st.html(f'<div class="card">{candidate_html(candidate)}</div>')
        _attach_form(session, result, candidate, form)


@st.dialog("Set aside")
def _aside_dialog(session: StaffSession, result: UnmatchedResult, form: str) -> None:
    st.html(f'<div class="card">{sent_html(result)}</div>')
    st.caption("It leaves this list. The message is kept with your reason.")
    reason = st.text_input("Why is it nobody's here?", max_chars=500, key=f"{form}-reason").strip()
    with told_errors():
        if st.button("Set aside", type="primary", key=f"{form}-aside"):
            if len(reason) < SHORTEST_REASON:
                st.error("Not saved: say why.")
                return
            session.client.results_inbox.set_aside(
                result.received_id, SetAside(version=result.version, reason=reason)
            )
            remember("Set aside. The message is kept.")
            st.rerun()
