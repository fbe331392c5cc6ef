"""Your visits: what is still to come, a button each to cancel or to answer the questions before it; how to book."""

from __future__ import annotations

from datetime import date
from html import escape
from zoneinfo import ZoneInfo

import streamlit as st

from data_contracts.api.portal_visits import OwnVisit, OwnVisits, OwnWait
from data_contracts.api.scheduling import CancelVisit
from ehr_core.kernel.errors import AlmonerError, Conflict, SignInRequired
from portal.markup import show
from portal.pages.check_in import check_in_dialog
from portal.session import PatientSession
from portal.text import Words


def visits_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    st.title(words("visits.page"), anchor=False)
    if said := st.session_state.pop("said", None):
        st.success(said)
    own = session.client.portal.visits(words.language)
    _offers(session, own)
    if not own.visits:
        st.write(words("visits.none"))
    for visit in own.visits:
        _visit(session, visit)
    if own.types and st.button(words("visits.book"), type="primary"):
        st.switch_page(st.session_state["book_page"])
    for wait in own.waits:
        if wait.offered_at is None:
            _wait(session, wait)
    st.caption(words("gate.emergency"))


def visit_html(words: Words, visit: OwnVisit) -> str:
    """Day and time at the clinic, what, with whom, where, and how to prepare."""
    local = visit.starts_at.astimezone(ZoneInfo(visit.time_zone))
    when = words("link.when", date=words.long_date(local.date()), time=words.clock(local))
    lines = [visit.kind, words("visits.with", who=visit.with_whom) if visit.with_whom else None, visit.where]
    told = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    prepare = f'<p class="note">{escape(visit.preparation)}</p>' if visit.preparation else ""
    marks = [words("visits.confirmed")] if visit.confirmed else []
    marks += [words("visits.checked_in")] if visit.checked_in else []
    tags = "".join(f'<p><span class="mark">{escape(mark)}</span></p>' for mark in marks)
    return f'<div class="thing"><h3>{escape(when)}</h3>{told}{prepare}{tags}</div>'


def _visit(session: PatientSession, visit: OwnVisit) -> None:
    words = session.words
    with st.container(border=True, key=f"visit-{visit.appointment_id}"):
        show(words.language, visit_html(words, visit))
        with st.container(horizontal=True):
            if visit.can_check_in and st.button(
                words("visits.check_in"), key=f"check-in-{visit.appointment_id}", type="primary"
            ):
                check_in_dialog(session, visit.appointment_id)
            if visit.can_cancel and st.button(words("visits.cancel"), key=f"cancel-{visit.appointment_id}"):
                _cancel_dialog(session, visit)


def _cancel_dialog(session: PatientSession, visit: OwnVisit) -> None:
    words = session.words

    @st.dialog(words("visits.cancel_title"))
    def dialog() -> None:
        show(words.language, visit_html(words, visit))
        if st.button(words("visits.cancel_sure"), type="primary"):
            trouble = cancel(session, visit)
            if trouble is None:
                st.session_state["said"] = words("visits.cancelled")
                st.rerun()
            st.error(trouble)

    dialog()


def cancel(session: PatientSession, visit: OwnVisit) -> str | None:
    """Null when it was cancelled, else what to tell the person."""
    words = session.words
    try:
        wanted = CancelVisit(version=visit.version, reason="patient_request")
        session.client.scheduling.cancel(visit.appointment_id, wanted)
    except Conflict:
        return words("visits.changed")
    except SignInRequired:
        return words("gate.session_ended")
    except AlmonerError:
        return words("visits.trouble")
    return None


def _offers(session: PatientSession, own: OwnVisits) -> None:
    words = session.words
    for wait in own.waits:
        if wait.offered_at is None or wait.offered_until is None:
            continue
        zone = ZoneInfo(wait.time_zone)
        local, until = wait.offered_at.astimezone(zone), wait.offered_until.astimezone(zone)
        with st.container(border=True, key=f"offer-{wait.entry_id}"):
            st.write(
                words(
                    "visits.offer",
                    date=words.long_date(local.date()),
                    time=words.clock(local),
                    until=words.clock(until),
                )
            )
            if st.button(words("link.accept"), key=f"accept-{wait.entry_id}", type="primary"):
                _accept(session, wait)


def _accept(session: PatientSession, wait: OwnWait) -> None:
    words = session.words
    try:
        session.client.messaging.accept_for(wait.entry_id)
    except AlmonerError:
        st.error(words("link.gone"))
        return
    st.session_state["said"] = words("visits.booked_short")
    st.rerun()


def _wait(session: PatientSession, wait: OwnWait) -> None:
    words = session.words
    with st.container(border=True, key=f"wait-{wait.entry_id}"):
        st.write(
            words(
                "visits.waiting",
                kind=wait.kind or words("visits.page"),
                until=words.long_date(date.fromisoformat(wait.last_day)),
            )
        )
        if st.button(words("visits.stop_waiting"), key=f"stop-{wait.entry_id}"):
            try:
                session.client.messaging.withdraw(wait.entry_id, wait.version)
            except AlmonerError:
                st.error(words("visits.changed"))
            else:
                st.rerun()
