"""The schedule: a day of all, a week of one or of all, the rooms, a list. Drag to move, or use the form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.front_desk.calendar_component import show_calendar
from dashboards.front_desk.calendar_layout import (
    STATUS_WORDS,
    Clock,
    day_layout,
    day_words,
    roster_layout,
    week_layout,
)
from dashboards.front_desk.people import visit_line
from dashboards.front_desk.visit_dialogs import confirm_move, open_visit
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words, tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.url_choice import url_choice
from data_contracts.api.calendars import Calendar, SchedulingSetup
from data_contracts.api.scheduling import CalendarView, NewBlock, VisitCard
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_instant

VIEWS = {"day": "Day", "week": "Week", "everybody": "Week of all", "rooms": "Rooms", "list": "List"}
WORKING_DAYS = 5


def schedule_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Schedule")
    tell_remembered()
    with told_errors():
        setup = session.client.scheduling.setup()
        providers = [one for one in setup.calendars if one.kind == "provider"]
        if not providers:
            st.info("No calendars yet. Somebody who manages the schedule adds them under Calendars.")
            return
        view, day, site_id, actor = _controls(session, setup)
        if view == "week":
            _week(session, setup, day, actor)
        elif view == "everybody":
            _everybody(session, setup, day, site_id)
        elif view == "list":
            _list(session, setup, day, site_id)
        else:
            _day(session, setup, day, site_id, kind="room" if view == "rooms" else "provider")


def _controls(session: StaffSession, setup: SchedulingSetup) -> tuple[str, date, str | None, Calendar]:
    """View, day, site and calendar; all of them stand in the address."""
    views, days, places, people = st.columns([3, 1.6, 1.6, 1.8], vertical_alignment="bottom")
    with views:
        view = st.segmented_control(
            "View",
            list(VIEWS),
            format_func=VIEWS.get,
            default="day",
            required=True,
            key="view",
            bind="query-params",
        )
    with days:
        day = st.date_input("Day", value=_today(), key="day", bind="query-params", format="YYYY-MM-DD")
    with places:
        names = {site.site_id: site.name for site in setup.sites}
        site_id = url_choice("Site", "site", names, placeholder="All sites")
    with people:
        calendars = {one.actor: one.name for one in setup.calendars if one.kind != "equipment"}
        chosen = url_choice("Calendar (week)", "of", calendars, placeholder="Mine, or the first")
    mine = f"Practitioner/{session.me.practitioner_id}"
    found = {one.actor: one for one in setup.calendars}
    first = next(one for one in setup.calendars if one.kind == "provider")
    return view or "day", day or _today(), site_id, found.get(chosen or mine, first)


def _today() -> date:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).date()


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _day(session: StaffSession, setup: SchedulingSetup, day: date, site_id: str | None, *, kind: str) -> None:
    view = session.client.scheduling.calendar(day, 1, site_id=site_id)
    actors = [one for one in view.actors if one.kind == kind]
    if not actors:
        st.info("No calendar of this kind at this site.")
        return
    said = show_calendar(day_layout(view, day, actors, datetime.now(UTC)), key=f"calendar-{kind}")
    _heard(session, setup, view, said, lambda _column: day)
    _below(view)


def _week(session: StaffSession, setup: SchedulingSetup, day: date, actor: Calendar) -> None:
    monday = _monday(day)
    view = session.client.scheduling.calendar(monday, 7, actors=[actor.actor])
    said = show_calendar(week_layout(view, actor, datetime.now(UTC)), key="calendar-week")
    _heard(session, setup, view, said, date.fromisoformat, only=actor)
    st.caption(f"{actor.name}, week from {day_words(monday)}")
    _below(view)


def _everybody(session: StaffSession, setup: SchedulingSetup, day: date, site_id: str | None) -> None:
    view = session.client.scheduling.calendar(_monday(day), WORKING_DAYS, site_id=site_id)
    providers = [one for one in view.actors if one.kind == "provider"]
    said = show_calendar(roster_layout(view, providers), key="calendar-everybody")
    dropped = date.fromisoformat(said["day"]) if said and said.get("day") else _monday(day)
    _heard(session, setup, view, said, lambda _column: dropped)
    _below(view)


def _list(session: StaffSession, setup: SchedulingSetup, day: date, site_id: str | None) -> None:
    """The same without a picture: for phones, readers and print."""
    view = session.client.scheduling.calendar(day, 1, site_id=site_id)
    if not view.visits:
        st.info("No visits are booked on this day.")
    for visit in view.visits:
        with st.container(border=True, key=f"row-{visit.appointment_id}"):
            who, go = st.columns([6, 1.2], vertical_alignment="center")
            who.html(_row_html(visit))
            if go.button("Open", key=f"list-{visit.appointment_id}-{visit.version}", width="stretch"):
                open_visit(session, setup, visit)
    _below(view)


def _row_html(visit: VisitCard) -> str:
    marks = [tag(STATUS_WORDS.get(visit.status, visit.status), "waiting")]
    marks += [tag("Double-booked", "open")] if visit.double_booked else []
    return (
        f'<div class="card"><h4>{text(visit.patient_name, "No patient named")} {" ".join(marks)}</h4>'
        f'<p class="quiet">{text(visit_line(visit))}</p></div>'
    )


def _below(view: CalendarView) -> None:
    double = sum(1 for visit in view.visits if visit.double_booked)
    number = "1 visit" if len(view.visits) == 1 else f"{len(view.visits)} visits"
    words = [number, f"times in {view.time_zone}"]
    words += [f"{double} double-booked by an import"] if double else []
    words += [f"{one.name} on {day_words(one.on_day)}" for one in view.holidays]
    st.caption(" · ".join(words))


def _heard(
    session: StaffSession,
    setup: SchedulingSetup,
    view: CalendarView,
    said: dict[str, Any] | None,
    day_of: Any,
    *,
    only: Calendar | None = None,
) -> None:
    """What was pressed or dropped on the calendar, as it was drawn."""
    if not said:
        return
    if said["kind"] == "block":
        _block_dialog(session, view, said["id"], said["version"])
        return
    if said["kind"] == "new":
        _new(session, setup, view, said, day_of(said["column"]), only)
        return
    visit = next((one for one in view.visits if one.appointment_id == said["id"]), None)
    if visit is None or visit.version != said["version"]:
        st.error("Somebody else has changed this visit a moment ago. This is the newest state.")
    elif said["kind"] == "open":
        open_visit(session, setup, visit)
    else:
        _dropped(session, view, visit, said, day_of(said["column"]), only)


def _dropped(
    session: StaffSession,
    view: CalendarView,
    visit: VisitCard,
    said: dict[str, Any],
    day: date,
    only: Calendar | None,
) -> None:
    starts_at = Clock(view.time_zone).instant(day, said["minute"])
    target = next((one for one in view.actors if one.actor == (only.actor if only else said["column"])), None)
    provider = target if target is not None and target.kind == "provider" else None
    confirm_move(
        session,
        visit,
        starts_at,
        provider.actor if provider else None,
        provider.name if provider else visit.provider_name,
    )


def _new(
    session: StaffSession,
    setup: SchedulingSetup,
    view: CalendarView,
    said: dict[str, Any],
    day: date,
    only: Calendar | None,
) -> None:
    """An empty place was pressed: book there, or block it."""
    target = only or next((one for one in setup.calendars if one.actor == said["column"]), None)
    if target is None or not session.may("schedule.book"):
        return
    _place_dialog(session, target, Clock(view.time_zone).instant(day, said["minute"]), fresh_form("place"))


@st.dialog("This time")
def _place_dialog(session: StaffSession, target: Calendar, starts_at: datetime, form: str) -> None:
    st.write(f"{target.name} · {show_instant(starts_at, app_settings().site_time_zone)}")
    if target.kind == "provider" and st.button("Book a visit here", type="primary", key=f"{form}-book"):
        st.session_state["book_at"] = {
            "actor": target.actor,
            "name": target.name,
            "site_id": target.site_id,
            "starts_at": starts_at,
        }
        go_to("book")
    if not session.may("schedule.manage"):
        return
    minutes = st.number_input("Block so many minutes", 5, 720, value=60, step=5, key=f"{form}-minutes")
    words = st.text_input("What for (optional)", max_chars=100, key=f"{form}-words")
    if st.button("Block this time", key=f"{form}-block"):
        with told_errors():
            ends_at = starts_at + timedelta(minutes=int(minutes))
            session.client.scheduling.block(
                NewBlock(
                    actor=target.actor, starts_at=starts_at, ends_at=ends_at, words=words.strip() or None
                )
            )
            remember(f"Blocked for {target.name}.")
            st.rerun()


@st.dialog("Blocked time")
def _block_dialog(session: StaffSession, view: CalendarView, block_id: str, version: int) -> None:
    block = next((one for one in view.blocks if one.block_id == block_id), None)
    if block is None:
        st.info("Somebody else has opened this time already.")
        return
    st.write(f"{plain_words(block.words or 'Blocked')} · {show_instant(block.starts_at, view.time_zone)}")
    if session.may("schedule.manage") and st.button("Open this time again", type="primary"):
        with told_errors():
            session.client.scheduling.unblock(block_id, version)
            remember("The time is open again.")
            st.rerun()
