"""A patient and her visits: booked and prepared in the portal, answered by one tap from a message."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from portal.text import Words
from tests.lib.browser import PHONE, Person, Room
from tests.system.steps import front_desk, portal

pytestmark = [pytest.mark.browser, pytest.mark.long]

EN = Words("en")
MOST_LOOKS = 20


def test_she_books_and_answers_the_questions_before_her_visit_on_her_phone(room: Room):
    ana = room.sign_in("patient", viewport=PHONE, is_mobile=True, has_touch=True)
    ana.opens("book?language=en")
    portal.slots(ana).first.click()
    ana.dialog.get_by_label(EN("book.reason")).fill("My knee")
    ana.presses(EN("visits.book"), ana.dialog)
    expect(ana.page.get_by_text(EN("visits.booked_short"))).to_be_visible()
    visit = ana.page.locator('[class*="st-key-visit-"]').filter(
        has=ana.page.get_by_role("button", name=EN("visits.check_in"))
    )
    ana.presses(EN("visits.check_in"), visit.first)
    ana.dialog.wait_for()
    send = ana.dialog.get_by_role("button", name=EN("checkin.send"))
    expect(send).to_be_disabled()
    ana.dialog.get_by_role("radiogroup", name=EN("checkin.still_so")).get_by_text(
        EN("checkin.as_shown"), exact=True
    ).click()
    ana.settled()
    signs_the_first_form(ana)
    allergies = ana.dialog.get_by_label(EN("checkin.allergies"))
    allergies.fill("Peanuts make me itch")
    allergies.press("Tab")
    ana.settled()
    send.click()
    expect(ana.page.get_by_text(EN("checkin.sent"))).to_be_visible()
    expect(ana.page.get_by_text(EN("visits.checked_in")).first).to_be_visible()

    okafor = room.sign_in("clinician")
    okafor.opens("reported")
    expect(okafor.page.get_by_text("Peanuts make me itch").first).to_be_visible()
    expect(okafor.page.get_by_text("told by the patient, in the portal").first).to_be_visible()


def signs_the_first_form(ana: Person) -> None:
    for box in ana.dialog.get_by_role("checkbox").all():
        box.check(force=True)
        ana.settled()
    name = ana.dialog.get_by_label(EN("checkin.sign")).first
    name.fill("Ana Reyes")
    name.press("Tab")
    ana.settled()


def test_a_link_in_a_message_confirms_in_one_tap_and_says_nothing_of_whose_visit_it_is(room: Room):
    dana = room.sign_in("front_desk")
    dana.goes_to("Book")
    front_desk.types_a_name(dana, "Nora Fitzgerald")
    front_desk.chooses_the_patient(dana, "Fitzgerald")
    front_desk.slots(dana).nth(5).click()
    dana.presses("Book", dana.dialog)
    told = dana.page.get_by_text(re.compile("^Booked: FITZGERALD"))
    told.wait_for()
    booked = told.inner_text()
    assert "A message goes out" in booked
    link = the_newest_link(dana)

    somebody = room.newcomer("Somebody with the link", link, viewport=PHONE, is_mobile=True)
    somebody.page.goto(link)
    expect(somebody.page.get_by_role("heading", name=EN("link.title"))).to_be_visible()
    for secret in ("Nora", "Fitzgerald", "Okafor"):
        assert secret not in somebody.text()
    somebody.presses(EN("link.confirm"))
    expect(somebody.page.get_by_text(EN("link.answer_visit_confirmed"))).to_be_visible()

    day = re.search(r"(\d{2})-(\w{3})-(\d{4})", booked)
    number = "JanFebMarAprMayJunJulAugSepOctNovDec".index(day.group(2)) // 3 + 1
    dana.opens(f"schedule?view=List&day={day.group(3)}-{number:02d}-{day.group(1)}")
    for row in front_desk.rows(dana).filter(has_text="FITZGERALD").all():
        dana.presses("Open", row)
        dana.dialog.wait_for()
        dana.settled()
        if dana.dialog.get_by_text("The patient has confirmed.").count():
            return
        dana.page.keyboard.press("Escape")
        dana.settled()
    raise AssertionError("No visit of hers says that she has confirmed.")


def the_newest_link(dana: Person) -> str:
    """From the mailbox, as soon as the keeper of the visits has written the message."""
    for _ in range(MOST_LOOKS):
        dana.opens("mailbox")
        newest = dana.page.locator('[class*="st-key-message-"]').first
        if newest.get_by_text("New visit").count() and newest.get_by_text("Sent", exact=True).count():
            newest.get_by_text("Read", exact=True).click()
            dana.settled()
            return address_in(newest)
        dana.page.wait_for_timeout(1000)
    raise AssertionError("No message was written.")


def address_in(message: Locator) -> str:
    return re.search(r"http\S+/visit/[\w-]+", message.inner_text()).group(0)
