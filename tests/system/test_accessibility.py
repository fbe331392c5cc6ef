"""Every page, in light and dark and on a phone, passes axe-core's rules without a serious or critical finding."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.axe import LOOKS, nothing_grave_on, sees_page
from tests.lib.browser import Person, Room
from tests.system.steps import chart, desk, inbox, medications, portal

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> dict:
    """How the screen looks: its colours and its size."""
    return LOOKS[request.param]


def test_the_check_finds_a_picture_without_words(browser):
    page = browser.new_page()
    page.set_content('<html lang="en"><title>x</title><main><img src="data:,"></main></html>')
    with pytest.raises(AssertionError, match="image-alt"):
        nothing_grave_on(Person("Somebody", page, ""), "a page")
    page.close()


@pytest.mark.parametrize("app", ["staff", "portal"])
def test_the_way_in(room: Room, look: dict, app: str):
    somebody = room.newcomer("Somebody", room.system.url_of(app), **look)
    somebody.opens()
    nothing_grave_on(somebody, "the first page")
    somebody.asks_to_sign_in()
    nothing_grave_on(somebody, "the sign-in page")


def test_a_clinicians_pages(room: Room, look: dict):
    okafor = room.sign_in("clinician", **look)
    sees_page(okafor, "today", "Today")
    nothing_grave_on(okafor, "Today")
    sees_page(okafor, "patients", "Patients")
    chart.searches_for(okafor, "Nora Fitzgerald")
    nothing_grave_on(okafor, "Patients")
    okafor.presses("Open chart", chart.hits(okafor).first)
    chart.sees_the_banner_of(okafor, "Fitzgerald")
    nothing_grave_on(okafor, "the chart")
    okafor.presses(re.compile("^Record vitals"))
    okafor.dialog.wait_for()
    okafor.settled()
    nothing_grave_on(okafor, "a dialog")
    for path, heading in (
        ("inbox", "Inbox"),
        ("overdue", "Overdue orders"),
        ("unmatched", "Results without a patient"),
        ("coverage", "Coverage and pools"),
    ):
        sees_page(okafor, path, heading)
        nothing_grave_on(okafor, heading)


def test_the_pages_of_orders_and_medicines(room: Room, look: dict):
    okafor = room.sign_in("clinician", **look)
    for path, heading in (("to_sign", "Orders to sign"), ("refills", "Refills")):
        sees_page(okafor, path, heading)
        nothing_grave_on(okafor, heading)
    chart.opens_the_chart(okafor, "Thomas Lindgren", "Lindgren")
    inbox.button(okafor, "Order", inbox.orders(okafor)).click()
    okafor.dialog.wait_for()
    nothing_grave_on(okafor, "the dialog of an order")
    okafor.page.keyboard.press("Escape")
    inbox.puts_into_the_basket(okafor, "CT chest", Contrast="With contrast")
    nothing_grave_on(okafor, "a basket with cards")
    okafor.presses(re.compile("^Allergies"))
    okafor.dialog.wait_for()
    okafor.settled()
    nothing_grave_on(okafor, "the allergies")
    okafor.page.keyboard.press("Escape")
    okafor.presses(re.compile("^Prescribe, stop, refill"))
    okafor.presses(re.compile("^New prescription"))
    medications.finds(okafor, "ibuprofen 600")
    okafor.presses(re.compile("^ibuprofen 600 MG Oral Tablet"))
    expect(okafor.page.get_by_text("Label:")).to_be_visible()
    okafor.settled()
    nothing_grave_on(okafor, "a prescription with cards")
    okafor.presses(re.compile("^Give a dose"))
    okafor.dialog.wait_for()
    okafor.settled()
    nothing_grave_on(okafor, "the dialog of a dose")
    okafor.page.keyboard.press("Escape")
    okafor.presses(re.compile("^Reconcile"))
    expect(okafor.page.get_by_role("heading", name=re.compile("^Only in the chart"))).to_be_visible()
    okafor.settled()
    nothing_grave_on(okafor, "the reconciliation")


def test_a_pharmacists_pages(room: Room, look: dict):
    lindholm = room.sign_in("pharmacist", **look)
    sees_page(lindholm, "decision-support", "Decision support")
    nothing_grave_on(lindholm, "decision support")


def test_a_front_desks_pages(room: Room, look: dict):
    clerk = room.sign_in("front_desk", **look)
    sees_page(clerk, "register", "Register")
    clerk.types(desk.LOOK, "Whitcombe, Eleanor")
    clerk.presses("None of these: register a new patient")
    clerk.settled()
    nothing_grave_on(clerk, "the form of a new patient")
    clerk.presses("This is the person", chart.hits(clerk).first)
    desk.sees_the_profile_of(clerk, "Whitcombe")
    nothing_grave_on(clerk, "the profile")
    desk.changes(clerk, "heritage")
    nothing_grave_on(clerk, "a dialog of the profile")
    sees_page(clerk, "duplicates", "Double records")
    nothing_grave_on(clerk, "the double records")


def test_the_note_and_the_chart_with_everything_unfolded(room: Room, look: dict):
    okafor = room.sign_in("clinician", **look)
    chart.opens_the_chart(okafor, "Nora Fitzgerald", "Fitzgerald")
    for panel in ("Goals and care plans", "Questionnaires and screening", "History: family"):
        okafor.page.get_by_text(panel).first.click()
        okafor.settled()
    nothing_grave_on(okafor, "the chart unfolded")
    okafor.presses(re.compile("^Start a visit"))
    okafor.page.get_by_role("menuitem", name="Telephone call").click()
    okafor.page.get_by_role("textbox", name="What was said", exact=True).wait_for()
    okafor.settled()
    nothing_grave_on(okafor, "a note")
    okafor.presses(re.compile("^Sign note"))
    okafor.dialog.wait_for()
    okafor.settled()
    nothing_grave_on(okafor, "the gate of a signature")


def test_a_care_managers_pages(room: Room, look: dict):
    sam = room.sign_in("care_manager", **look)
    sees_page(sam, "worklist", "Worklist")
    nothing_grave_on(sam, "the worklist")
    sam.presses("Log a call")
    sam.dialog.wait_for()
    sam.settled()
    nothing_grave_on(sam, "the dialog of a call")
    sees_page(sam, "replies", "Replies")
    nothing_grave_on(sam, "the replies")
    sam.opens("measures?measure=colorectal_cancer_screening")
    sam.page.get_by_role("heading", name="Patients behind this rate").wait_for()
    sam.settled()
    nothing_grave_on(sam, "a measure")


def test_an_analysts_and_an_administrators_pages(room: Room, look: dict):
    navarro = room.sign_in("analyst", **look)
    sees_page(navarro, "measures", "Measures")
    nothing_grave_on(navarro, "the measures")
    robin = room.sign_in("admin", **look)
    sees_page(robin, "audit", "Audit")
    nothing_grave_on(robin, "the audit log")
    sees_page(robin, "account", "My account")
    nothing_grave_on(robin, "the own account")


def test_a_patients_pages(room: Room, look: dict):
    ana = room.sign_in("patient", **look)
    portal.opens_home(ana, "es")
    nothing_grave_on(ana, "home")
    ana.opens("results")
    expect(ana.page.get_by_role("heading", level=1)).to_be_visible()
    ana.settled()
    nothing_grave_on(ana, "the results")
    ana.opens("questionnaires")
    expect(ana.page.get_by_role("heading", level=1)).to_be_visible()
    ana.settled()
    ana.presses(re.compile("^GAD-7"))
    expect(ana.page.get_by_role("heading", name="GAD-7")).to_be_visible()
    ana.settled()
    nothing_grave_on(ana, "a questionnaire")
