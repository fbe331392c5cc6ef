"""The front desk looks first, registers who is not there, and keeps two people of one name apart."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import chart, desk

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_somebody_new_is_looked_for_registered_and_found_again(room: Room):
    clerk = room.sign_in("front_desk")
    desk.looks_for(clerk, "Abernathy-Stone, Wilhelmina 05/06/1983")
    expect(clerk.page.get_by_text("Nobody like this is there")).to_be_visible()
    with desk.CountedClicks(clerk) as clicks:
        clerk.presses("None of these: register a new patient")
        clerk.settled()
        expect(clerk.page.get_by_label("Family name", exact=True)).to_have_value("Abernathy-Stone")
        clerk.page.get_by_role("button", name="Register", exact=True).click()
        desk.sees_the_profile_of(clerk, "Abernathy-Stone")
    assert clicks.number == 2, "a new patient costs two clicks beside the typing"
    expect(clerk.page.get_by_text("is registered under MRN M5")).to_be_visible()
    assert "wilhelmina" not in clerk.page.url.lower()

    desk.changes(clerk, "reach")
    clerk.dialog.get_by_role("button", name="Add number").click()
    clerk.settled()
    clerk.types("Number or address 1", "716-555-0188", clerk.dialog)
    desk.saves(clerk)
    expect(desk.card(clerk, "reach")).to_contain_text("(716) 555-0188")

    desk.looks_for(clerk, "Minnie Abernathy")
    expect(chart.hits(clerk).first).to_contain_text("ABERNATHY-STONE, Wilhelmina")


def test_two_people_of_one_name_are_told_apart_before_a_third_is_made(room: Room):
    clerk = room.sign_in("front_desk")
    desk.looks_for(clerk, "Garcia, Maria")
    found = chart.hits(clerk).filter(has_text="GARCIA, Maria")
    expect(found.filter(has_text="Same or similar name")).to_have_count(2)
    clerk.presses("None of these: register a new patient")
    clerk.settled()
    clerk.types("Birth date", "1951-01-31")
    clerk.page.get_by_role("button", name="Register", exact=True).click()
    desk.sees_the_profile_of(clerk, "Garcia")
    expect(chart.banner(clerk)).to_contain_text("31-Jan-1951")


def test_the_second_of_two_editors_is_shown_the_difference_and_loses_nothing(room: Room):
    clerk, nurse = room.sign_in("front_desk"), room.sign_in("clinician")
    desk.looks_for(clerk, "Holloway Beatrix")
    clerk.presses("This is the person", chart.hits(clerk).first)
    desk.sees_the_profile_of(clerk, "Holloway")
    nurse.opens(clerk.page.url.removeprefix(f"{clerk.home}/"))
    desk.sees_the_profile_of(nurse, "Holloway")
    for person in (clerk, nurse):
        desk.changes(person, "contacts")
    nurse.types("Preferred pharmacy", "Harbor Pharmacy", nurse.dialog)
    desk.saves(nurse)
    expect(desk.card(nurse, "contacts")).to_contain_text("Harbor Pharmacy")
    clerk.types("Phone of the pharmacy", "716-555-0155", clerk.dialog)
    desk.saves(clerk)
    expect(clerk.dialog).to_contain_text("not recorded → Harbor Pharmacy")
    expect(clerk.dialog.get_by_label("Phone of the pharmacy", exact=True)).to_have_value("716-555-0155")
    desk.saves(clerk, "Save over it")
    expect(desk.card(clerk, "contacts")).to_contain_text("Harbor Pharmacy (716) 555-0155")
