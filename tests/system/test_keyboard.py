"""Somebody who uses no mouse does the clinic's work: signs in, charts, orders, prescribes, books and receives."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import chart, front_desk, inbox, keys, notes
from tests.system.steps.keys import tabs_to

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_gap_is_closed_by_keyboard_alone(room: Room):
    account = room.system.sign_in_of("clinician")
    okafor = room.newcomer(account.name, room.system.staff_url)
    okafor.opens()
    tabs_to(okafor, "Sign in")
    board = okafor.page.keyboard
    board.press("Enter")
    okafor.page.get_by_label("User name").wait_for()
    tabs_to(okafor, "User name")
    board.type(account.user_name)
    tabs_to(okafor, "Password")
    board.type(account.password)
    board.press("Enter")
    expect(okafor.page.get_by_role("heading", name="Today")).to_be_visible()
    okafor.settled()

    tabs_to(okafor, "Patients")
    board.press("Enter")
    expect(okafor.page.get_by_role("heading", name="Patients")).to_be_visible()
    okafor.settled()
    tabs_to(okafor, "Name, birth date, MRN or phone")
    board.type("Cabrera Luis")
    expect(chart.hits(okafor)).to_have_count(1)
    okafor.settled()
    tabs_to(okafor, "Open chart")
    board.press("Enter")
    chart.sees_the_banner_of(okafor, "Cabrera")
    chart.sees_the_card(okafor, "depression_screening", "Open")

    board.press("Alt+l")
    okafor.dialog.wait_for()
    okafor.settled()
    tabs_to(okafor, "Test")
    board.type("PHQ-2 total score")
    board.press("Enter")
    okafor.settled()
    tabs_to(okafor, "Value")
    board.type("1")
    tabs_to(okafor, "Save result")
    okafor.settled()
    board.press("Enter")
    chart.sees_the_card(okafor, "depression_screening", "Closed", "PHQ-2 total score: 1")


def test_a_prescription_is_written_and_signed_by_keyboard_alone(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Kevin Tran", "Tran")
    board = okafor.page.keyboard
    board.press("Alt+m")
    expect(okafor.page.get_by_text("New prescriptions are written here")).to_be_visible()
    okafor.settled()
    board.press("Alt+p")
    okafor.page.get_by_label("Drug, strength or brand").wait_for()
    okafor.settled()
    tabs_to(okafor, "Drug, strength or brand")
    board.type("loratadine 10")
    okafor.page.get_by_role("button", name="loratadine 10 MG Oral Tablet").wait_for()
    okafor.settled()
    tabs_to(okafor, "loratadine 10 MG Oral Tablet")
    board.press("Enter")
    okafor.page.get_by_text("How often", exact=True).wait_for()
    okafor.settled()
    tabs_to(okafor, "every day")
    board.press("Space")
    expect(okafor.page.get_by_text("Take 1 tablet by mouth every day.")).to_be_visible()
    okafor.settled()
    tabs_to(okafor, "Sign")
    board.press("Enter")
    expect(okafor.page.get_by_text(re.compile("loratadine 10 MG Oral Tablet was signed"))).to_be_visible()


def test_a_note_is_written_and_signed_and_a_test_ordered_by_keyboard_alone(room: Room):
    okafor = room.sign_in("clinician")
    keys.no_mouse(okafor)
    keys.presses(okafor, "Patients")
    expect(okafor.page.get_by_role("heading", name="Patients")).to_be_visible()
    okafor.settled()
    keys.types_into(okafor, "Name, birth date, MRN or phone", "Quinn Taylor")
    expect(chart.hits(okafor)).to_have_count(1)
    okafor.settled()
    keys.presses(okafor, "Open chart")
    chart.sees_the_banner_of(okafor, "Quinn")

    keys.chooses_in_menu(okafor, "Start a visit", "Office visit")
    notes.part(okafor, "Subjective").wait_for()
    okafor.settled()
    keys.types_into(okafor, "Subjective", "Sore knee after a walk.")
    notes.is_saved(okafor)
    keys.types_into(okafor, "Find a diagnosis by word or code", "M25.561")
    okafor.page.get_by_role("button", name="M25.561").wait_for()
    okafor.settled()
    keys.presses(okafor, "M25.561")
    plan = okafor.page.get_by_role("textbox", name=re.compile("^Plan for Pain in right knee"))
    plan.wait_for()
    okafor.settled()
    keys.types_into(okafor, "Plan for Pain in right knee", "Rest, then walk again.")
    notes.is_saved(okafor)
    okafor.page.keyboard.press("Alt+s")
    okafor.dialog.wait_for()
    okafor.settled()
    expect(okafor.dialog).to_contain_text("QUINN")
    keys.presses(okafor, "Sign and seal")
    expect(okafor.page.get_by_text("Signed and sealed")).to_be_visible()
    okafor.settled()
    keys.presses(okafor, "Back to the chart")
    chart.sees_the_banner_of(okafor, "Quinn")

    okafor.page.keyboard.press("Alt+n")
    okafor.dialog.wait_for()
    okafor.settled()
    keys.types_into(okafor, "What to order", "TSH")
    okafor.page.keyboard.press("Enter")
    okafor.settled()
    keys.presses(okafor, "Add to basket")
    expect(inbox.basket(okafor)).to_contain_text("Thyroid stimulating hormone")
    okafor.settled()
    keys.presses(okafor, "Sign 1 order")
    expect(inbox.orders(okafor)).to_contain_text("Thyroid stimulating hormone")
    assert not keys.pointed(okafor)


def test_a_visit_is_booked_and_a_patient_received_by_keyboard_alone(room: Room):
    dana = room.sign_in("front_desk")
    keys.no_mouse(dana)
    dana.opens("book")
    keys.types_into(dana, "Patient: name, birth date, MRN or phone", "Nora Fitzgerald")
    dana.page.locator('[class*="st-key-choose-"]').first.wait_for()
    dana.settled()
    keys.presses(dana, "Choose")
    dana.page.get_by_role("button", name="Another patient").wait_for()
    dana.settled()
    keys.presses(dana, front_desk.slots(dana).first.inner_text().strip())
    dana.dialog.get_by_text("Held for this patient").wait_for()
    dana.settled()
    keys.presses(dana, "Book")
    dana.page.get_by_text(re.compile("^Booked: FITZGERALD")).wait_for()

    dana.opens("board")
    card = front_desk.cards(dana, "expected").first
    family = re.search(r"([A-ZÁÉÍÓÚÑ'’ -]+),", card.inner_text()).group(1).strip()
    keys.presses(dana, "Check in")
    dana.dialog.get_by_text("Name and birth date compared").wait_for()
    dana.settled()
    keys.presses(dana, "Name and birth date compared", "Space")
    keys.presses(dana, "Check in")
    dana.page.get_by_text(re.compile("^Checked in: ")).wait_for()
    front_desk.sees_on_the_board(dana, "arrived", family)
    assert not keys.pointed(dana)


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("clinician", "today"), ("clinician", "inbox"), ("clinician", "patients"), ("clinician", "to_sign"),
        ("front_desk", "schedule"), ("front_desk", "board"), ("front_desk", "book"), ("front_desk", "waitlist"),
        ("care_manager", "worklist"), ("pharmacist", "decision_support"),
    ],
)  # fmt: skip
def test_the_focus_goes_through_a_page_and_out_again(room: Room, role: str, path: str):
    person = room.sign_in(role)
    person.opens(path)
    keys.goes_through(person)
