"""The front desk's and the portal's pages of visits pass axe-core's rules, in light and dark and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from portal.text import Words
from tests.lib.axe import LOOKS, nothing_grave_on, sees_page
from tests.lib.browser import Room
from tests.system.steps import front_desk, portal

pytestmark = [pytest.mark.browser, pytest.mark.long]

EN = Words("en")


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> dict:
    return LOOKS[request.param]


def test_the_flow_board_and_the_check_in(room: Room, look: dict):
    dana = room.sign_in("front_desk", **look)
    sees_page(dana, "board", "Flow board")
    nothing_grave_on(dana, "the flow board")
    front_desk.opens_the_check_in(dana, front_desk.cards(dana, "expected").first)
    for part in ("Coverage has changed", "Copay", "Form due", "Allergies or medicines have changed"):
        dana.dialog.get_by_text(part).first.click()
        dana.settled()
    nothing_grave_on(dana, "the check-in, unfolded")


def test_the_schedule_in_each_view_and_a_visit(room: Room, look: dict):
    dana = room.sign_in("front_desk", **look)
    for view in ("Day", "Week", "Week of all", "Rooms", "List"):
        sees_page(dana, f"schedule?view={view}", "Schedule")
        expect(dana.page.get_by_role("radio", name=view, exact=True)).to_be_checked()
        nothing_grave_on(dana, f"the schedule, {view}")
    dana.presses("Open", front_desk.rows(dana).last)
    dana.dialog.wait_for()
    dana.settled()
    nothing_grave_on(dana, "a visit")


def test_booking_the_waitlist_messages_and_calendars(room: Room, look: dict):
    dana = room.sign_in("front_desk", **look)
    sees_page(dana, "book", "Book a visit")
    front_desk.types_a_name(dana, "Nora Fitzgerald")
    front_desk.chooses_the_patient(dana, "Fitzgerald")
    dana.page.get_by_text("Wishes: clinician").click()
    dana.settled()
    nothing_grave_on(dana, "the free times")
    front_desk.slots(dana).first.click()
    dana.dialog.get_by_text("Held for this patient").wait_for()
    nothing_grave_on(dana, "the booking")
    dana.presses("Let it go", dana.dialog)
    dana.settled()
    for path, heading in (("waitlist", "Waitlist"), ("mailbox", "Mailbox"), ("calendars", "Calendars")):
        sees_page(dana, path, heading)
        nothing_grave_on(dana, heading)
    for tab in ("Holidays", "Appointment types", "Sites, people and rooms"):
        dana.page.get_by_role("tab", name=tab).click()
        dana.settled()
        nothing_grave_on(dana, tab)


def test_a_patients_visits_and_booking(room: Room, look: dict):
    ana = room.sign_in("patient", **look)
    portal.opens_home(ana, "en")
    sees_page(ana, "visits", EN("visits.page"))
    nothing_grave_on(ana, "the visits")
    sees_page(ana, "book", EN("visits.book"))
    nothing_grave_on(ana, "the free times")
    portal.slots(ana).first.click()
    ana.dialog.get_by_label(EN("book.reason")).wait_for()
    ana.settled()
    nothing_grave_on(ana, "the booking")
