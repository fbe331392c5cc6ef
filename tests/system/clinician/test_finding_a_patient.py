"""A clinician finds the right person, and keeps seeing who it is."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import chart

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_name_typed_without_its_accents_is_found(room: Room):
    okafor = room.sign_in("clinician")
    okafor.goes_to("Patients")
    chart.searches_for(okafor, "reyes ana lucia")
    expect(chart.hits(okafor)).to_have_count(1)
    expect(chart.hits(okafor)).to_contain_text("REYES, Ana Lucía")
    assert "reyes" not in okafor.page.url.lower(), (
        "what is typed is patient data and stays out of the address"
    )


def test_two_people_of_one_name_are_both_marked(room: Room):
    okafor = room.sign_in("clinician")
    okafor.goes_to("Patients")
    chart.searches_for(okafor, "Garcia Maria")
    found = chart.hits(okafor)
    expect(found.filter(has_text="GARCIA, Maria")).to_have_count(2)
    expect(found.filter(has_text="Same or similar name")).to_have_count(2)
    births = {hit.split("Born ")[1][:11] for hit in found.all_inner_texts()}
    assert len(births) == 2, "the birth dates tell them apart"


def test_the_banner_stays_in_sight_while_the_chart_scrolls(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Nora Fitzgerald", "Fitzgerald")
    okafor.page.get_by_role("heading", name="Results", exact=True).scroll_into_view_if_needed()
    okafor.page.mouse.move(640, 600)
    okafor.page.mouse.wheel(0, 5000)
    expect(okafor.page.get_by_role("combobox", name="Look at one test")).to_be_in_viewport()
    expect(chart.banner(okafor)).to_be_in_viewport(ratio=1)
    expect(chart.banner(okafor)).to_contain_text("FITZGERALD, Nora")
