"""The flow board: who is expected, has arrived, is in a room or with the clinician; one click moves one step."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.front_desk.check_in import check_in_dialog
from dashboards.front_desk.people import chosen_patient
from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import plain_words, tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.url_choice import url_choice
from data_contracts.api.calendars import SchedulingSetup
from data_contracts.api.visit_flow import (
    STAGE_WORDS,
    STAGES,
    FlowBoard,
    FlowVisit,
    MoveOnBoard,
    Stage,
    WalkIn,
)
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_name, show_time

REFRESH_SECONDS = 20
LONG_WAIT_MINUTES = 20
"""Somebody who waits longer than this is marked: a choice of ours, not a standard."""

NEXT: dict[Stage, Stage] = {
    "expected": "arrived",
    "arrived": "roomed",
    "roomed": "with_clinician",
    "with_clinician": "checked_out",
}
NEXT_WORDS: dict[Stage, str] = {
    "arrived": "Arrived",
    "roomed": "To the room",
    "with_clinician": "Clinician is in",
    "checked_out": "Check out",
}
PERMISSIONS: dict[Stage, str] = {
    "arrived": "visit.check_in",
    "roomed": "visit.room",
    "with_clinician": "visit.room",
    "checked_out": "visit.check_in",
}


def flow_board_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Flow board")
    tell_remembered()
    st.session_state.pop(
        "board_was_changed", None
    )  # the whole page is drawn: once more would lose what was told
    with told_errors():
        setup = session.client.scheduling.setup()
        day, site_id = _choices(setup)
        _walk_in(session, setup, site_id)
        st.fragment(_board, run_every=REFRESH_SECONDS)(session, day, site_id)


def _choices(setup: SchedulingSetup) -> tuple[date, str | None]:
    on, where = st.columns([1, 2], width=560)
    with on:
        day = st.date_input("Day", value=_today(), key="day", bind="query-params", format="YYYY-MM-DD")
    with where:
        names = {site.site_id: site.name for site in setup.sites}
        site_id = url_choice("Site", "site", names, placeholder="All sites")
    return day or _today(), site_id


def _today() -> date:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).date()


def _board(session: StaffSession, day: date, site_id: str | None) -> None:
    """Asks anew by itself: other people move visits too."""
    if st.session_state.pop("board_was_changed", False):
        st.rerun()
    with told_errors():
        board = session.client.visits.board(day, site_id)
        st.caption(summary_words(board))
        columns = st.columns(len(STAGES))
        for column, stage in zip(columns, STAGES, strict=True):
            here = [visit for visit in board.visits if visit.stage == stage]
            with column, st.container(key=f"stage-{stage}"):
                st.subheader(f"{STAGE_WORDS[stage]} ({len(here)})", anchor=False)
                for visit in here:
                    _card(session, board, visit)
                if not here:
                    st.caption("Nobody")


def summary_words(board: FlowBoard) -> str:
    """How many, who waits, as of when."""
    return " · ".join(
        [
            show_date(board.on),
            f"{len(board.visits)} visits",
            f"{board.waiting} waiting for a room",
            f"as of {show_time(board.now, board.time_zone)}, times in {board.time_zone}",
        ]
    )


def elapsed_minutes(visit: FlowVisit, now: datetime) -> int | None:
    """How long the person has been where they are; null before they have come, and when nobody noted it."""
    since = {
        "arrived": visit.arrived_at,
        "roomed": visit.roomed_at,
        "with_clinician": visit.with_clinician_at,
    }.get(visit.stage)
    return None if since is None else max(0, int((now - since).total_seconds() // 60))


def card_html(visit: FlowVisit, board: FlowBoard) -> str:
    """Who, when, where, how long; and what wants a look."""
    marks = []
    if visit.same_name_today:
        marks.append(tag("Same name today", "open"))
    if visit.walk_in:
        marks.append(tag("Walk-in", "waiting"))
    if visit.visit.double_booked:
        marks.append(tag("Double-booked", "open"))
    if visit.stage == "expected" and visit.checked_in:
        marks.append(tag("Checked in online", "closed"))
    if visit.stage not in ("expected", "checked_out") and not visit.checked_in:
        marks.append(tag("Identity not checked", "open"))
    name = show_name(visit.name) if visit.name else visit.visit.patient_name
    return (
        f'<div class="card"><h4>{text(show_time(visit.visit.starts_at, board.time_zone))} '
        f"{text(name, 'Name not recorded')}</h4>"
        f'<p class="quiet">Born {text(show_date(visit.visit.birth_date))} · MRN {text(visit.visit.mrn)}</p>'
        f'<p class="quiet">{text(visit.visit.type_name or visit.visit.reason, "visit")} · '
        f"{text(visit.visit.provider_name, 'no clinician yet')}"
        f"{' · ' + text(visit.room_name) if visit.room_name and visit.stage != 'expected' else ''}</p>"
        f"{_times(visit, board)}{' '.join(marks)}</div>"
    )


def _times(visit: FlowVisit, board: FlowBoard) -> str:
    noted = [
        (word, at)
        for word, at in (
            ("arrived", visit.arrived_at),
            ("roomed", visit.roomed_at),
            ("clinician", visit.with_clinician_at),
            ("out", visit.checked_out_at),
        )
        if at is not None
    ]
    said = " · ".join(f"{word} {show_time(at, board.time_zone)}" for word, at in noted)
    minutes = elapsed_minutes(visit, board.now)
    waited = ""
    if minutes is not None:
        kind = "open" if visit.stage == "arrived" and minutes >= LONG_WAIT_MINUTES else "waiting"
        waited = tag(f"{minutes} min", kind)
    return f'<p class="quiet">{text(said)} {waited}</p>' if said else ""


def _card(session: StaffSession, board: FlowBoard, visit: FlowVisit) -> None:
    with st.container(border=True, key=f"flow-{visit.visit.appointment_id}"):
        st.html(card_html(visit, board))
        tell_refusal(_place(visit))
        with st.container(horizontal=True):
            _next_button(session, board, visit)
            _other_buttons(session, visit)


def _next_button(session: StaffSession, board: FlowBoard, visit: FlowVisit) -> None:
    to = NEXT.get(visit.stage)
    if to is None or not session.may(PERMISSIONS[to]):
        return
    key = f"next-{visit.visit.appointment_id}-{visit.version}"
    if visit.stage == "expected" and not visit.checked_in:
        if st.button("Check in", key=key, type="primary"):
            check_in_dialog(session, visit)
        return
    rooms = free_rooms(board, visit) if to == "roomed" else []
    words = f"To {rooms[0][1]}" if rooms else NEXT_WORDS[to]
    room = rooms[0][0] if rooms else None
    st.button(words, key=key, type="primary", on_click=_move, args=(session, visit, to, room))
    if len(rooms) > 1:
        names = dict(rooms[1:])
        other = st.menu_button("Other room", list(names), format_func=names.get, key=f"room-{key}")
        if other:
            _move(session, visit, to, other)
            st.rerun()


def _other_buttons(session: StaffSession, visit: FlowVisit) -> None:
    at = STAGES.index(visit.stage)
    if at > 0 and session.may("visit.check_in" if at == 1 else "visit.room"):
        st.button(
            "Back",
            key=f"back-{visit.visit.appointment_id}-{visit.version}",
            on_click=_move,
            args=(session, visit, STAGES[at - 1], None),
        )
    late = at > 0 and not visit.checked_in and session.may("visit.check_in")
    if late and st.button("Check in", key=f"late-{visit.visit.appointment_id}-{visit.version}"):
        check_in_dialog(session, visit)
    if visit.visit.patient_id:
        chart_button(session, visit.visit.patient_id, key=f"chart-{visit.visit.appointment_id}")


def free_rooms(board: FlowBoard, visit: FlowVisit) -> list[tuple[str, str]]:
    """(room, name) that nobody is in, at the visit's site: the one that was booked first, then exam rooms by name."""
    taken = {one.room for one in board.visits if one.stage in ("roomed", "with_clinician")}
    free = [room for room in board.rooms if room.actor not in taken and room.site_id == visit.visit.site_id]
    free.sort(key=lambda room: (room.actor != visit.room, room.resource_kind != "exam_room", room.name))
    return [(room.actor, room.name) for room in free]


def _move(session: StaffSession, visit: FlowVisit, to: Stage, room: str | None) -> None:
    """In a callback: moves what was on the screen, or nothing."""
    wanted = MoveOnBoard(version=visit.version, to=to, room=room)
    if tried(_place(visit), lambda: session.client.visits.move(visit.visit.appointment_id, wanted)):
        st.toast(plain_words(f"{visit.visit.patient_name or 'The patient'}: {STAGE_WORDS[to].lower()}"))


def _place(visit: FlowVisit) -> str:
    return f"flow-{visit.visit.appointment_id}"


def _walk_in(session: StaffSession, setup: SchedulingSetup, site_id: str | None) -> None:
    if not session.may("visit.check_in") or not setup.sites or not setup.types:
        return
    with st.expander("Somebody came without a booking", key="walk_in", expanded="patient" in st.query_params):
        patient = chosen_patient(session)
        if patient is None:
            return
        kinds = {kind.code: kind.name for kind in setup.types if kind.mode == "office"}
        sites = {site.site_id: site.name for site in setup.sites}
        providers = {one.actor: one.name for one in setup.calendars if one.kind == "provider"}
        what, where, whom = st.columns(3)
        code = what.selectbox("Type", list(kinds), format_func=kinds.get, key="walk_in_type")
        place = where.selectbox(
            "Site",
            list(sites),
            index=list(sites).index(site_id) if site_id in sites else 0,
            format_func=sites.get,
            key="walk_in_site",
        )
        provider = whom.selectbox(
            "With",
            list(providers),
            index=None,
            format_func=providers.get,
            placeholder="Whoever is free first",
            key="walk_in_with",
        )
        reason = st.text_input("Reason (optional)", max_chars=200, key="walk_in_reason")
        with told_errors():
            if st.button("Put on the board as arrived", type="primary"):
                wanted = WalkIn(
                    patient_id=patient.patient_id,
                    type_code=code,
                    site_id=place,
                    provider=provider,
                    reason=reason.strip() or None,
                )
                session.client.visits.walk_in(wanted)
                del st.query_params["patient"]
                remember(f"{show_name(patient.name)} is on the board.")
                st.rerun()
