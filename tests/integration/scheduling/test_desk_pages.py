"""The front desk's pages of visits over the real API: what is confirmed is what was drawn, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from data_contracts.api.scheduling import BookVisit, CancelVisit, FindSlots, HoldSlot, Repeat
from tests.integration.chart_records import put_patient
from tests.integration.scheduling.conftest import OKAFOR
from tests.integration.scheduling.messages import consent, keeper
from tests.lib import app_pages
from tests.lib.app_pages import field, press, session_of, shown, starting

TODAY = date(2026, 11, 20)
MONDAY_9 = datetime.fromisoformat("2026-11-23T09:00:00-05:00")


@pytest.fixture
def session(desk):
    return session_of(desk)


def opened(session, name: str, **query: str) -> AppTest:
    return app_pages.opened(session, f"dashboards.front_desk.{name}", f"{name}_page", **query)


def booked(desk, patient: str = "ana", at: datetime = MONDAY_9, **more):
    wanted = BookVisit(patient_id=patient, type_code="office_visit", provider=OKAFOR, starts_at=at, **more)
    return desk.scheduling.book(wanted).visits


def dialog(session, module: str, name: str, *given) -> AppTest:
    """A dialog as it stands open: a test runs the whole page again at each act."""
    page = AppTest.from_function(a_dialog, args=(session, module, name, given)).run(timeout=app_pages.SECONDS)
    assert not page.exception, page.exception
    return page


def a_dialog(session, module, name, given) -> None:
    import importlib

    getattr(importlib.import_module(f"dashboards.front_desk.{module}"), name)(session, *given)


def test_a_time_is_found_held_and_booked_and_the_next_desk_is_not_offered_it(session, desk):
    page = opened(session, "book", patient="ana")
    assert "09:00 EST · Dr Ada Okafor ★" in starting(page, "09:00 EST"), (
        "the patient's own clinician is marked"
    )
    kind = next(one for one in desk.scheduling.setup().types if one.code == "office_visit")
    hold = desk.scheduling.hold(
        HoldSlot(
            type_code="office_visit",
            provider=OKAFOR,
            site_id="north-place",
            starts_at=MONDAY_9,
            patient_id="ana",
        )
    )
    banner = desk.registration.banner("ana")
    confirm = dialog(session, "book", "_confirm_dialog", banner, kind, hold, "f")
    for words in ("REYES, Ana", "MRN", "23-Nov-2026 09:00 EST", "Held for this patient until"):
        assert words in shown(confirm)
    field(confirm, "Reason (optional)").input("Cough").run(timeout=60)
    press(confirm, "Book")
    assert confirm.session_state["told"].startswith("Booked: REYES, Ana · 23-Nov-2026 09:00 EST")
    assert desk.scheduling.calendar(MONDAY_9.date(), 1).visits[0].reason == "Cough"
    free = desk.scheduling.find(FindSlots(type_code="office_visit", first_day=MONDAY_9.date(), days=1)).slots
    assert not [slot for slot in free if slot.provider == OKAFOR and slot.starts_at == MONDAY_9]


def test_nobody_is_booked_before_a_patient_is_chosen_and_what_is_typed_stays_out_of_the_address(session):
    page = opened(session, "book")
    assert not starting(page, "09:")
    field(page, "Patient: name, birth date, MRN or phone").input("Reyes Ana").run(timeout=60)
    press(page, "Choose")
    assert page.query_params["patient"] in ("ana", ["ana"])
    assert starting(page, "09:00 EST")


def test_a_visit_of_a_series_is_moved_or_cancelled_alone_or_with_all_that_follow(session, desk):
    series = booked(desk, repeat=Repeat(every="week", count=4))
    setup = desk.scheduling.setup()
    page = dialog(session, "visit_dialogs", "_visit_dialog", setup, series[1], "v")
    assert "REYES, Ana" in shown(page)
    page.radio(key="v-end-series").set_value("This and all that follow")
    page.selectbox(key="v-why").set_value("transport")
    press(page.run(timeout=60), "Cancel this visit")
    assert page.session_state["told"] == "Cancelled: REYES, Ana, 3 visits."
    states = [desk.scheduling.visit(visit.appointment_id).status for visit in series]
    assert states == ["booked", "cancelled", "cancelled", "cancelled"]

    first = desk.scheduling.visit(series[0].appointment_id)
    page = dialog(session, "visit_dialogs", "_visit_dialog", setup, first, "m")
    page.time_input(key="m-time").set_value((MONDAY_9 + timedelta(minutes=40)).time())
    press(page.run(timeout=60), "Move")
    assert desk.scheduling.visit(first.appointment_id).starts_at == MONDAY_9 + timedelta(minutes=40)


def test_a_move_onto_a_taken_time_is_refused_and_the_nearest_times_stand_in_its_place(session, desk):
    booked(desk, "ben", MONDAY_9 + timedelta(minutes=20))
    (visit,) = booked(desk)
    page = dialog(session, "visit_dialogs", "_visit_dialog", desk.scheduling.setup(), visit, "v")
    page.time_input(key="v-time").set_value((MONDAY_9 + timedelta(minutes=20)).time())
    press(page.run(timeout=60), "Move")
    assert "is taken, or outside the calendar's hours. The nearest free times" in shown(page)
    page.run(timeout=60)
    nearest = starting(page, "09:40 EST")
    assert nearest
    press(page, nearest[0])
    assert desk.scheduling.visit(visit.appointment_id).starts_at == MONDAY_9 + timedelta(minutes=40)


def test_a_walk_in_comes_onto_the_board_and_walks_through_it(api, session, desk):
    page = opened(session, "flow_board", patient="ben")
    assert "YOUNG, Ben" in shown(page)
    press(page, "Put on the board as arrived")
    assert (
        page.session_state["told"] == "YOUNG, Ben is on the board." if "told" in page.session_state else True
    )
    nurse = session_of(api.signed_in("joy", "nurse"))
    board = opened(nurse, "flow_board")
    board.date_input(key="day").set_value(TODAY).run(timeout=60)
    assert "Walk-in" in shown(board)
    assert "Identity not checked" in shown(board)
    press(board, starting(board, "To ")[0])
    press(board, "Clinician is in")
    press(board, "Check out")
    assert desk.visits.board().visits[0].stage == "checked_out"


def test_a_check_in_with_a_signed_form_and_a_copay_and_a_second_desk_is_told(api, session, desk):
    (visit,) = booked(desk, at=datetime.fromisoformat("2026-11-20T11:00:00-05:00"))
    sheet = desk.visits.sheet(visit.appointment_id)
    page = dialog(session, "check_in", "_dialog", sheet, "c")
    assert next(one for one in page.button if one.label == "Check in").disabled
    page.checkbox(key="c-as-shown").check()
    page.text_input(key="c-amount").input("25")
    form = next(one for one in sheet.forms if one.form_id == "form-payment-responsibility")
    for item in form.items:
        if item.kind == "boolean":
            page.checkbox(key=f"c-{form.form_id}-{item.link_id}").check()
    page.text_input(key=f"c-{form.form_id}-by").input("Ana Reyes")
    page.text_area(key="c-allergies").input("Peanuts make me itch")
    second = dialog(session, "check_in", "_dialog", sheet, "c")
    press(page.run(timeout=60), "Check in")
    assert page.session_state["told"] == "Checked in: REYES, Ana."
    after = desk.visits.sheet(visit.appointment_id)
    assert (after.copay.amount, len(after.forms), after.reported, after.stage) == (
        "25.00",
        1,
        True,
        "arrived",
    )
    second.checkbox(key="c-as-shown").check()
    press(second.run(timeout=60), "Check in")
    assert "Somebody else changed this a moment ago" in shown(second)
    clinician = session_of(api.signed_in("okafor", "clinician", practitioner_id="okafor"))
    told = opened(clinician, "reported")
    assert "Peanuts make me itch" in shown(told)
    press(told, "Chart is right now")
    assert "Nothing waits" in shown(opened(clinician, "reported"))


def test_who_waits_is_listed_offered_a_freed_time_and_booked_for(api, session, desk):
    put_patient(api, "ben", "Young", "Ben", telecom=[{"system": "email", "value": "ben@example.org"}])
    consent(api, "ben")
    (taken,) = booked(desk, "cem")
    page = opened(session, "waitlist", patient="ben")
    page.date_input(key="wait_from").set_value(TODAY)
    press(page.run(timeout=60), "Put on the list")
    assert "YOUNG, Ben" in shown(opened(session, "waitlist"))
    desk.scheduling.cancel(taken.appointment_id, CancelVisit(version=taken.version, reason="patient_request"))
    keeper(api).run_once(remind=False)
    page = opened(session, "waitlist")
    assert "Offered" in shown(page)
    entry = desk.messaging.waitlist().entries[0]
    press(dialog(session, "waitlist", "_accept_dialog", entry, "a"), "Book it")
    (visit,) = desk.scheduling.calendar(MONDAY_9.date(), 1).visits
    assert (visit.patient_name, visit.starts_at) == ("YOUNG, Ben", MONDAY_9.astimezone(UTC))
    assert "Nobody waits" in shown(opened(session, "waitlist"))


def test_hours_closures_holidays_and_a_feed_are_kept_on_the_calendars_page(session, desk):
    page = opened(session, "calendars")
    assert "Monday 09:00 to 12:00" in shown(page)
    press(page, "Make a new address")
    assert "/calendar/" in page.code[0].value or ".ics" in page.code[0].value
    press(page, "Remove")
    assert len(desk.scheduling.rules(page.selectbox[0].value).rules) == 4


def test_the_schedule_says_in_words_what_it_draws_and_an_empty_day_says_so(session, desk):
    page = opened(session, "schedule")
    page.date_input(key="day").set_value(MONDAY_9.date())
    page.selectbox[-1].set_value(OKAFOR)
    views = page.get("button_group")[0]
    assert views.options == ["Day", "Week", "Week of all", "Rooms", "List"]
    seen(page, "list")
    assert "No visits are booked on this day." in shown(page)
    booked(desk)
    for view in ("list", "day", "week", "everybody", "rooms"):
        assert "1 visit · times in America/New_York" in shown(seen(page, view))
    assert "REYES, Ana" in shown(seen(page, "list"))


def seen(page: AppTest, view: str) -> AppTest:
    page.session_state["view"] = view
    page.run(timeout=60)
    assert not page.exception
    return page


def test_the_mailbox_says_what_became_of_each_message_and_why(api, session, desk):
    booked(desk)
    keeper(api).run_once(remind=False)
    page = opened(session, "mailbox")
    assert "messages here" in shown(page) or "messages" in shown(page)
    assert "kept here, sent nowhere" in shown(page)
