"""Somebody who uses no mouse signs in, finds a patient, records a result and closes a gap."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Person, Room
from tests.system.steps import chart

pytestmark = [pytest.mark.browser, pytest.mark.long]

MOST_TABS = 60
FOCUSED = """() => {
  const at = document.activeElement;
  const label = at.labels && at.labels.length ? at.labels[0].innerText : "";
  return (at.getAttribute("aria-label") || label || at.innerText || "").trim();
}"""


def test_a_gap_is_closed_by_keyboard_alone(room: Room):
    account = room.system.sign_in_of("clinician")
    okafor = room.newcomer(account.name, room.system.staff_url)
    okafor.opens()
    tabs_to(okafor, "Sign in")
    keys = okafor.page.keyboard
    keys.press("Enter")
    okafor.page.get_by_label("User name").wait_for()
    tabs_to(okafor, "User name")
    keys.type(account.user_name)
    tabs_to(okafor, "Password")
    keys.type(account.password)
    keys.press("Enter")
    expect(okafor.page.get_by_role("heading", name="Today")).to_be_visible()
    okafor.settled()

    tabs_to(okafor, "Patients")
    keys.press("Enter")
    expect(okafor.page.get_by_role("heading", name="Patients")).to_be_visible()
    okafor.settled()
    tabs_to(okafor, "Name, birth date, MRN or phone")
    keys.type("Cabrera Luis")
    expect(chart.hits(okafor)).to_have_count(1)
    okafor.settled()
    tabs_to(okafor, "Open chart")
    keys.press("Enter")
    chart.sees_the_banner_of(okafor, "Cabrera")
    chart.sees_the_card(okafor, "depression_screening", "Open")

    keys.press("Alt+l")
    okafor.dialog.wait_for()
    okafor.settled()
    tabs_to(okafor, "Test")
    keys.type("PHQ-2 total score")
    keys.press("Enter")
    okafor.settled()
    tabs_to(okafor, "Value")
    keys.type("1")
    tabs_to(okafor, "Save result")
    okafor.settled()
    keys.press("Enter")
    chart.sees_the_card(okafor, "depression_screening", "Closed", "PHQ-2 total score: 1")


def test_a_prescription_is_written_and_signed_by_keyboard_alone(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Kevin Tran", "Tran")
    keys = okafor.page.keyboard
    keys.press("Alt+m")
    expect(okafor.page.get_by_text("New prescriptions are written here")).to_be_visible()
    okafor.settled()
    keys.press("Alt+p")
    okafor.page.get_by_label("Drug, strength or brand").wait_for()
    okafor.settled()
    tabs_to(okafor, "Drug, strength or brand")
    keys.type("loratadine 10")
    okafor.settled()
    tabs_to(okafor, "loratadine 10 MG Oral Tablet")
    keys.press("Enter")
    okafor.page.get_by_text("How often").wait_for()
    okafor.settled()
    tabs_to(okafor, "every day")
    keys.press("Space")
    expect(okafor.page.get_by_text("Take 1 tablet by mouth every day.")).to_be_visible()
    okafor.settled()
    tabs_to(okafor, "Sign")
    keys.press("Enter")
    expect(okafor.page.get_by_text(re.compile("loratadine 10 MG Oral Tablet was signed"))).to_be_visible()


def tabs_to(person: Person, name: str) -> None:
    """Presses Tab until the control of this name has the focus."""
    passed = []
    for _ in range(MOST_TABS):
        person.page.keyboard.press("Tab")
        passed.append(person.page.evaluate(FOCUSED))
        if re.match(re.escape(name), passed[-1]):
            return
    raise AssertionError(f"{MOST_TABS} tabs did not come to '{name}', but past {list(dict.fromkeys(passed))}")
