"""An administrator's pages without a mouse: the focus goes round each of them, and what is decided there is pressed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.lib.axe import nothing_grave_on
from tests.lib.browser import PHONE, Person, Room
from tests.lib.receiver import DEVELOPMENT
from tests.lib.small_house import SmallHouse, small_house
from tests.system.admin.administered import administered
from tests.system.steps import keys

pytestmark = [pytest.mark.browser, pytest.mark.long]

PAGES = {
    "audit": "Audit",
    "accounts": "Accounts",
    "apps": "Apps",
    "alerts": "Alerts",
    "outside": "Outside systems",
    "broken-glass": "Broken glass",
    "chart-access?patient=ana": "Charts and proxies",
    "roles": "Roles",
    "disclosures?patient=ana": "Disclosures",
    "account": "My account",
}


@pytest.fixture(scope="module")
def house(postgres_server, template_database, tmp_path_factory, chromium) -> Iterator[SmallHouse]:
    state = tmp_path_factory.mktemp("house")
    with small_house(postgres_server, template_database, state, **DEVELOPMENT) as running:
        administered(running)
        yield running


@pytest.fixture
def robin(house, browser, tmp_path, request) -> Iterator[Person]:
    room = Room(browser, house)
    yield room.sign_in("admin")
    room.save(tmp_path)
    room.close()
    assert not room.strangers, f"a page asked for something beyond this machine: {room.strangers}"


def sees(person: Person, path: str) -> None:
    person.opens(path)
    expect(person.page.get_by_role("heading", name=PAGES[path], level=1)).to_be_visible()
    person.settled()


@pytest.mark.parametrize("path", PAGES)
def test_the_focus_goes_through_each_page_and_out_again(robin, path):
    sees(robin, path)
    keys.goes_through(robin)
    nothing_grave_on(robin, PAGES[path])


@pytest.mark.parametrize("path", PAGES)
def test_each_page_fits_a_phone(house, browser, path):
    """Nothing is pushed out of sight: the page itself does not scroll sideways."""
    room = Room(browser, house)
    robin = room.sign_in("admin", viewport=PHONE)
    sees(robin, path)
    assert robin.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nothing_grave_on(robin, f"{PAGES[path]} on a phone")
    room.close()


def test_what_stands_out_is_looked_into_and_closed(robin):
    keys.no_mouse(robin)
    sees(robin, "alerts")
    keys.presses(robin, "I look into it")
    keys.presses(robin, "Close the alert")
    expect(robin.page.get_by_text("Choose an outcome first")).to_be_visible()
    keys.tabs_to(robin, "Explained")
    robin.page.keyboard.press("Space")
    robin.settled()
    keys.presses(robin, "Close the alert")
    expect(robin.page.get_by_text("The alert is closed")).to_be_visible()
    assert not keys.pointed(robin)


def test_a_broken_glass_is_reviewed(robin):
    keys.no_mouse(robin)
    sees(robin, "broken-glass")
    keys.tabs_to(robin, "Justified")
    robin.page.keyboard.press("Space")
    robin.settled()
    keys.presses(robin, "Record the review")
    expect(robin.page.get_by_text("Nothing waits for a review")).to_be_visible()
    assert not keys.pointed(robin)


def test_a_service_is_switched_off_and_on_and_the_log_exported(robin):
    keys.no_mouse(robin)
    sees(robin, "outside")
    keys.presses(robin, "Do not ask it")
    expect(robin.page.get_by_text("Kidney watch is not asked any more")).to_be_visible()
    keys.presses(robin, "Ask it again")
    sees(robin, "audit")
    keys.presses(robin, "Prepare an export of what matches (CSV)")
    with robin.page.expect_download() as download:
        keys.presses(robin, "Download the export")
    assert download.value.suggested_filename.endswith(".csv")
    assert not keys.pointed(robin)


def test_a_rule_about_a_chart_is_ended(robin):
    keys.no_mouse(robin)
    sees(robin, "chart-access?patient=ana")
    keys.presses(robin, "End this rule")
    keys.presses(robin, "End the rule now")
    expect(robin.page.get_by_text("No rule").first).to_be_visible()
    assert not keys.pointed(robin)
