"""The front desk's day on the running system: a visit booked, moved by drag and by form, a patient received."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import front_desk
from tests.system.steps.front_desk import counted_clicks

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_visit_is_booked_with_at_most_four_clicks(room: Room):
    desk = room.sign_in("front_desk")
    desk.goes_to("Book")
    with counted_clicks(desk) as clicks:
        front_desk.types_a_name(desk, "Nora Fitzgerald")
        front_desk.chooses_the_patient(desk, "Fitzgerald")
        front_desk.slots(desk).first.click()
        desk.dialog.get_by_text("Held for this patient").wait_for()
        expect(desk.dialog).to_contain_text("FITZGERALD")
        expect(desk.dialog).to_contain_text("MRN")
        desk.presses("Book", desk.dialog)
        desk.page.get_by_text(re.compile("^Booked: FITZGERALD")).wait_for()
    assert clicks.count <= 4, clicks


def test_a_patient_is_checked_in_with_at_most_three_clicks(room: Room):
    desk = room.sign_in("front_desk")
    desk.goes_to("Flow board")
    card = front_desk.cards(desk, "expected").first
    family = re.search(r"([A-ZÁÉÍÓÚÑ'’ -]+),", card.inner_text()).group(1).strip()
    with counted_clicks(desk) as clicks:
        desk.presses("Check in", card)
        desk.dialog.get_by_text("Name and birth date compared").click()
        desk.settled()
        desk.presses("Check in", desk.dialog)
        desk.page.get_by_text(re.compile("^Checked in: ")).wait_for()
    assert clicks.count <= 3, clicks
    front_desk.sees_on_the_board(desk, "arrived", family)

    nurse = room.sign_in("nurse")
    nurse.goes_to("Flow board")
    arrived = front_desk.sees_on_the_board(nurse, "arrived", family)
    nurse.presses(re.compile("^To "), arrived)
    roomed = front_desk.sees_on_the_board(nurse, "roomed", family)
    expect(roomed).to_contain_text("min")
    nurse.presses("Clinician is in", roomed)
    front_desk.sees_on_the_board(nurse, "with_clinician", family)


def test_a_visit_is_dragged_to_another_time_and_the_confirm_says_whose_it_is(room: Room):
    desk = room.sign_in("front_desk")
    desk.goes_to("Book")
    front_desk.types_a_name(desk, "Kevin Tran")
    front_desk.chooses_the_patient(desk, "Tran")
    slot = front_desk.slots(desk).last
    slot.click()
    desk.presses("Book", desk.dialog)
    told = desk.page.get_by_text(re.compile("^Booked: TRAN"))
    told.wait_for()
    day = re.search(r"(\d{2})-(\w{3})-(\d{4})", told.inner_text())
    months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    number = months.index(day.group(2)) // 3 + 1
    desk.opens(f"schedule?day={day.group(3)}-{number:02d}-{day.group(1)}")
    visit = desk.page.locator("button.visit").filter(has_text="TRAN")
    visit.scroll_into_view_if_needed()
    box = visit.bounding_box()
    desk.page.mouse.move(box["x"] + 20, box["y"] + 8)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + 20, box["y"] - 30, steps=4)
    desk.page.mouse.move(box["x"] + 20, box["y"] - 60, steps=4)
    desk.page.mouse.up()
    expect(desk.dialog).to_contain_text("TRAN")
    expect(desk.dialog).to_contain_text("MRN")
    expect(desk.dialog).to_contain_text("To ")
    desk.page.keyboard.press("Escape")
    desk.settled()
    visit = desk.page.locator("button.visit").filter(has_text="TRAN")
    visit.focus()
    desk.page.keyboard.press("Enter")
    desk.dialog.get_by_role("tab", name="Move").wait_for()
    expect(desk.dialog).to_contain_text("TRAN")
