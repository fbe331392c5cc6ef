"""A patient at the portal: her own record, in her language, on her phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from portal.text import Words
from tests.lib.browser import PHONE, Room
from tests.system.steps import portal

pytestmark = [pytest.mark.browser, pytest.mark.long]

ES, EN = Words("es"), Words("en")


def test_she_sees_her_own_record_and_nobody_elses(room: Room):
    ana = room.sign_in("patient")
    expect(ana.page.get_by_role("heading", level=1)).to_contain_text("Ana")
    assert ana.page.url.startswith(room.system.portal_url)
    assert "patient" not in ana.page.url, "no address names a patient, so none can be changed to another"
    for name in ("Garcia", "Cabrera", "Okonjo"):
        assert name not in ana.text()


def test_her_account_does_not_open_the_staff_workspace(room: Room):
    account = room.system.sign_in_of("patient")
    ana = room.newcomer(account.name, room.system.staff_url)
    ana.opens()
    ana.asks_to_sign_in()
    ana.gives_name_and_password(account)
    expect(ana.page.get_by_role("alert")).to_be_visible()
    expect(ana.page.get_by_label("User name")).to_be_visible()


def test_the_page_speaks_her_records_language_and_changes_when_she_asks(room: Room):
    ana = room.sign_in("patient")
    portal.sees_heading(ana, ES("home.to_do"))
    portal.speaks(ana, "en")
    ana.page.reload()
    portal.sees_heading(ana, EN("home.to_do"))
    expect(ana.page.locator("html")).to_have_attribute("lang", "en")


def test_a_result_says_where_it_lies_on_its_usual_range(room: Room):
    ana = room.sign_in("patient")
    portal.speaks(ana, "en")
    ana.goes_to(EN("results.page"))
    hemoglobin = portal.result(ana, "12.5 g/dL")
    expect(hemoglobin).to_be_visible()
    line = hemoglobin.get_by_role("img")
    expect(line).to_be_visible()
    assert "12.5" in (line.get_attribute("alt") or line.get_attribute("aria-label"))


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(room: Room, color_scheme: str):
    ana = room.sign_in("patient", viewport=PHONE, is_mobile=True, has_touch=True, color_scheme=color_scheme)
    for path in ("", "results"):
        ana.opens(path)
        expect(ana.page.get_by_role("heading", level=1)).to_be_visible()
        ana.settled()
        width = ana.page.evaluate("document.scrollingElement.scrollWidth")
        assert width <= PHONE["width"]
