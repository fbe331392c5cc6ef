"""What is done to one booking: look, move, cancel, mark as missed. Each dialog says whose it is, as it was drawn."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.front_desk.people import show_line, show_visit_identity, visit_line
from dashboards.front_desk.slots import alternatives, show_slots
from dashboards.shared.chart_button import chart_button
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.calendars import SchedulingSetup
from data_contracts.api.scheduling import (
    CANCEL_REASON_WORDS,
    CancelVisit,
    FindSlots,
    MoveVisit,
    Slot,
    VisitCard,
)
from ehr_core.display import show_instant
from ehr_core.kernel.errors import TimeTaken

MOVABLE = ("pending", "booked")


def open_visit(session: StaffSession, setup: SchedulingSetup, visit: VisitCard) -> None:
    _visit_dialog(session, setup, visit, fresh_form("visit"))


def confirm_move(
    session: StaffSession,
    visit: VisitCard,
    starts_at: datetime,
    provider: str | None,
    provider_name: str | None,
) -> None:
    """After a drop: from where to where, and whose visit it is; nothing has moved yet."""
    _move_dialog(session, visit, starts_at, provider, provider_name, fresh_form("move"))


@st.dialog("Visit", width="medium")
def _visit_dialog(session: StaffSession, setup: SchedulingSetup, visit: VisitCard, form: str) -> None:
    show_visit_identity(visit)
    show_line(visit_line(visit))
    if visit.double_booked:
        st.warning("An import brought this visit over another one. Move one of the two.")
    if visit.confirmed:
        st.caption("The patient has confirmed.")
    if visit.patient_id:
        chart_button(session, visit.patient_id, key=f"{form}-chart")
    if not session.may("schedule.book"):
        return
    if visit.status not in MOVABLE:
        st.caption("This visit has begun, is over or was missed: it is not moved or cancelled any more.")
        return
    moving, ending, missing = st.tabs(["Move", "Cancel", "Missed"])
    with moving:
        _move_form(session, setup, visit, form)
    with ending:
        _cancel_form(session, visit, form)
    with missing:
        _missed_form(session, visit, form)


@st.dialog("Move this visit?")
def _move_dialog(
    session: StaffSession,
    visit: VisitCard,
    starts_at: datetime,
    provider: str | None,
    provider_name: str | None,
    form: str,
) -> None:
    show_visit_identity(visit)
    show_line(f"From {visit_line(visit)}")
    with_whom = f" with {provider_name}" if provider_name else ""
    show_line(f"To {show_instant(starts_at, visit.time_zone)}{with_whom}")
    following = _following(visit, form)
    if st.button("Move", type="primary", key=f"{form}-go"):
        _move(session, visit, starts_at, provider, following, form)
    _offered(session, visit, following, form)


def _move_form(session: StaffSession, setup: SchedulingSetup, visit: VisitCard, form: str) -> None:
    """By day and time, or by one of the nearest free times: what a drag does, without one."""
    providers = {one.actor: one.name for one in setup.calendars if one.kind == "provider"}
    local = visit.starts_at.astimezone(ZoneInfo(visit.time_zone))
    on, clock, whom = st.columns(3)
    day = on.date_input("New day", value=local.date(), format="YYYY-MM-DD", key=f"{form}-day")
    at = clock.time_input("New time", value=local.time(), step=timedelta(minutes=5), key=f"{form}-time")
    names = list(providers)
    provider = whom.selectbox(
        "With",
        names,
        index=names.index(visit.provider) if visit.provider in names else None,
        format_func=providers.get,
        key=f"{form}-with",
    )
    following = _following(visit, form)
    if day and at and st.button("Move", type="primary", key=f"{form}-move", disabled=provider is None):
        starts_at = datetime.combine(day, at, tzinfo=ZoneInfo(visit.time_zone))
        _move(session, visit, starts_at, provider, following, form)
    if visit.type_code and st.button("Show the nearest free times", key=f"{form}-near"):
        wish = FindSlots(
            type_code=visit.type_code,
            patient_id=visit.patient_id,
            providers=[provider] if provider else None,
            near=visit.starts_at,
            limit=6,
        )
        with told_errors():
            st.session_state[f"{form}-offered"] = session.client.scheduling.find(wish).slots
    _offered(session, visit, following, form)


def _move(
    session: StaffSession,
    visit: VisitCard,
    starts_at: datetime,
    provider: str | None,
    following: bool,
    form: str,
) -> None:
    """Moves the version that was drawn; refused, the nearest free times are offered in the same place."""
    wanted = MoveVisit(version=visit.version, starts_at=starts_at, provider=provider, following=following)
    with told_errors():
        try:
            done = session.client.scheduling.move(visit.appointment_id, wanted)
        except TimeTaken as error:
            st.session_state[f"{form}-offered"] = alternatives(error)
            raise
        more = f" with {len(done.visits) - 1} later ones" if len(done.visits) > 1 else ""
        remember(f"Moved: {done.visits[0].patient_name or 'the visit'} · {visit_line(done.visits[0])}{more}.")
        st.rerun()


def _offered(session: StaffSession, visit: VisitCard, following: bool, form: str) -> None:
    offered: list[Slot] = st.session_state.get(f"{form}-offered") or []
    if not offered:
        return
    chosen: list[Slot] = []
    show_slots(offered, chosen.append, key=f"{form}-slot")
    if chosen:
        _move(session, visit, chosen[0].starts_at, chosen[0].provider, following, form)


def _cancel_form(session: StaffSession, visit: VisitCard, form: str) -> None:
    reason = st.selectbox(
        "Why", list(CANCEL_REASON_WORDS), index=None, format_func=CANCEL_REASON_WORDS.get, key=f"{form}-why"
    )
    note = st.text_input("In other words (optional)", max_chars=300, key=f"{form}-note")
    following = _following(visit, f"{form}-end")
    if st.button("Cancel this visit", type="primary", key=f"{form}-cancel", disabled=reason is None):
        wanted = CancelVisit(
            version=visit.version, reason=reason, note=note.strip() or None, following=following
        )
        with told_errors():
            done = session.client.scheduling.cancel(visit.appointment_id, wanted)
            remember(f"Cancelled: {visit.patient_name or 'the patient'}, {len(done.visits)} visits.")
            st.rerun()


def _missed_form(session: StaffSession, visit: VisitCard, form: str) -> None:
    st.write("The patient did not come and did not cancel.")
    if st.button("Mark as missed", type="primary", key=f"{form}-missed"):
        with told_errors():
            session.client.scheduling.no_show(visit.appointment_id, visit.version)
            remember(f"Marked as missed: {visit.patient_name or 'the patient'}.")
            st.rerun()


def _following(visit: VisitCard, form: str) -> bool:
    """Of a series: this one, or this and all that follow."""
    if visit.series_id is None:
        return False
    chosen = st.radio(
        "This visit is one of a series", ["Only this one", "This and all that follow"], key=f"{form}-series"
    )
    return chosen == "This and all that follow"
