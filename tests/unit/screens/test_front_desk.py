"""The front desk's screens: a click moves what was drawn, and a calendar is laid out by the wall clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.front_desk.calendar_layout import Clock, day_layout, roster_layout, week_layout
from dashboards.front_desk.flow_board import card_html, elapsed_minutes, free_rooms
from data_contracts.api.calendars import Calendar, Holiday
from data_contracts.api.patients import PatientName
from data_contracts.api.scheduling import CalendarBlock, CalendarView, OpenTime, VisitCard
from data_contracts.api.visit_flow import FlowBoard, FlowVisit
from ehr_core.kernel.errors import StaleVersion

NEW_YORK = "America/New_York"
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
MONDAY = date(2026, 11, 23)


def calendar(actor: str = "Practitioner/p", kind: str = "provider", **more) -> Calendar:
    given = {
        "site_id": "s",
        "name": actor.partition("/")[2],
        "resource_kind": None,
        "active": True,
        "version": 1,
    }
    return Calendar(actor=actor, kind=kind, **{**given, **more})


def visit(identity: str = "a", starts_at: datetime = NOW, **more) -> VisitCard:
    facts = {
        "appointment_id": identity, "version": 2, "status": "booked", "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=20), "time_zone": NEW_YORK, "type_code": None, "type_name": None,
        "reason": "Cough <b>", "patient_id": "pat", "patient_name": "REYES, Ana", "birth_date": "1972-03-14",
        "mrn": "M-1", "provider": "Practitioner/p", "provider_name": "Dr P", "site_id": "s", "resources": [],
    }  # fmt: skip
    return VisitCard(**{**facts, **more})


def view(first: date = MONDAY, days: int = 1, **more) -> CalendarView:
    given = {
        "time_zone": NEW_YORK,
        "actors": [calendar()],
        "visits": [],
        "blocks": [],
        "open": [],
        "holidays": [],
    }
    return CalendarView(first_day=first, days=days, **{**given, **more})


@pytest.mark.parametrize(
    ("day", "minute", "instant"),
    [
        ("2026-11-23", 570, "2026-11-23T09:30:00-05:00"),
        ("2027-03-14", 150, "2027-03-14T03:30:00-04:00"),
        ("2027-11-07", 90, "2027-11-07T01:30:00-04:00"),
        ("2026-11-23", 1440, "2026-11-24T00:00:00-05:00"),
    ],
)
def test_a_place_on_the_calendar_is_a_moment_of_the_wall_clock(day, minute, instant):
    clock = Clock(NEW_YORK)
    found = clock.instant(date.fromisoformat(day), minute)
    assert found == datetime.fromisoformat(instant)
    if minute < 1440 and minute != 150:
        assert clock.place(found) == (date.fromisoformat(day), minute)


def test_a_day_has_a_column_each_with_visits_blocks_hours_and_now():
    opens = OpenTime(actor="Practitioner/p", starts_at=NOW, ends_at=NOW + timedelta(hours=4))
    block = CalendarBlock(
        block_id="b",
        version=1,
        actor="Practitioner/p",
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        words=None,
    )
    late = visit("late", datetime(2026, 11, 24, 4, 30, tzinfo=UTC), double_booked=True)
    shown = view(visits=[visit(), late], blocks=[block], open=[opens])
    layout = day_layout(shown, MONDAY, [calendar(), calendar("Practitioner/q")], NOW)
    first, second = layout["columns"]
    assert [one["from"] for one in first["visits"]] == [570, 1410]
    assert first["visits"][1]["state"] == "coming double"
    assert (first["blocks"][0]["words"], first["open"], first["now"]) == ("Blocked", [(570, 810)], 570)
    assert second["visits"] == []
    assert (layout["from"], layout["to"]) == (420, 1440)
    assert "09:30, REYES, Ana" in first["visits"][0]["label"]


def test_a_week_of_one_and_a_week_of_all_place_each_visit_on_its_day():
    tuesday = NOW + timedelta(days=1)
    room = {"actor": "Location/r", "name": "Room 1"}
    shown = view(
        days=5,
        visits=[visit(), visit("b", tuesday, status="noshow", resources=[room])],
        holidays=[Holiday(on_day=MONDAY, name="Inventory")],
    )
    week = week_layout(shown, calendar(), NOW)
    assert [len(column["visits"]) for column in week["columns"]] == [1, 1, 0, 0, 0]
    assert week["columns"][0]["sub"] == "Inventory"
    roster = roster_layout(shown, [calendar(), calendar("Location/r", "room", resource_kind="exam_room")])
    assert [[len(cell) for cell in row["cells"]] for row in roster["rows"]] == [
        [1, 1, 0, 0, 0],
        [0, 1, 0, 0, 0],
    ]
    assert roster["rows"][0]["cells"][1][0]["movable"] is False


def flow(identity: str = "a", stage: str = "expected", version: str = "2.0", **more) -> FlowVisit:
    given = {"walk_in": False, "room": None, "room_name": None, "checked_in": False}
    name = PatientName(family="Reyes", given="Ana")
    return FlowVisit(visit=visit(identity), stage=stage, version=version, name=name, **{**given, **more})


def board(*visits: FlowVisit, rooms: list[Calendar] | None = None) -> FlowBoard:
    return FlowBoard(
        on=MONDAY, now=NOW, time_zone=NEW_YORK, visits=list(visits), rooms=rooms or [], waiting=0
    )


def test_a_card_says_who_where_how_long_and_what_wants_a_look():
    here = flow(stage="arrived", arrived_at=NOW - timedelta(minutes=25), same_name_today=True, walk_in=True)
    shown = card_html(here, board(here))
    for words in (
        "REYES, Ana",
        "M-1",
        "arrived 09:05",
        "25 min",
        "Same name today",
        "Walk-in",
        "Identity not checked",
    ):
        assert words in shown
    assert "Cough &lt;b&gt;" in shown
    assert elapsed_minutes(here, NOW) == 25
    assert elapsed_minutes(flow(stage="roomed"), NOW) is None


def test_the_booked_room_is_proposed_when_it_is_free_else_another_exam_room_of_the_site():
    rooms = [
        calendar("Location/p", "room", name="A procedure room", resource_kind="procedure_room"),
        calendar("Location/1", "room", name="Room 1", resource_kind="exam_room"),
        calendar("Location/2", "room", name="Room 2", resource_kind="exam_room"),
        calendar("Location/x", "room", name="Elsewhere", resource_kind="exam_room", site_id="other"),
    ]
    taken = flow("b", "roomed", room="Location/1")
    wants = flow("a", "arrived", room="Location/2")
    assert [room for room, _ in free_rooms(board(taken, wants, rooms=rooms), wants)] == [
        "Location/2",
        "Location/p",
    ]
    assert free_rooms(board(flow(), rooms=rooms), flow())[0] == ("Location/1", "Room 1")


class MovingVisits:
    """The board as the API has it; a move of an older version is refused, as there."""

    def __init__(self, *visits: FlowVisit):
        self.visits = {one.visit.appointment_id: one for one in visits}
        self.moves: list[tuple[str, str]] = []

    def board(self, _day, _site) -> FlowBoard:
        return board(*self.visits.values())

    def move(self, appointment_id: str, wanted) -> None:
        if wanted.version != self.visits[appointment_id].version:
            raise StaleVersion("moved")
        self.moves.append((appointment_id, wanted.to))
        self.visits[appointment_id] = flow(appointment_id, wanted.to, "3.1", checked_in=True)


def board_page(session) -> None:
    from datetime import date

    from dashboards.front_desk.flow_board import _board

    _board(session, date(2026, 11, 23), None)


def test_one_click_moves_what_was_drawn_and_the_second_desk_is_told():
    visits = MovingVisits(flow(checked_in=True), flow("b", stage="roomed", checked_in=True))
    session = SimpleNamespace(client=SimpleNamespace(visits=visits), may=lambda one: one != "chart.read")
    page = AppTest.from_function(board_page, args=(session,)).run(timeout=30)
    visits.visits["b"] = flow("b", "with_clinician", "9.9", checked_in=True)
    next(one for one in page.button if one.label == "Clinician is in").click().run(timeout=30)
    assert visits.moves == []
    assert "Somebody else changed this" in page.error[0].value
    next(one for one in page.button if one.label == "Arrived").click().run(timeout=30)
    assert visits.moves == [("a", "arrived")]
