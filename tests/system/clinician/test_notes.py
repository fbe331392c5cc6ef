"""A clinician writes a note: it saves itself, survives a reload and a second window, and is signed in three clicks."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import chart, notes
from tests.system.steps.clicks import counted_clicks

pytestmark = [pytest.mark.browser, pytest.mark.long]

CLICKS_AND_GATE = 3 + 1


def test_a_note_is_written_and_signed_by_three_clicks_and_the_gate(room: Room):
    okafor = room.sign_in("clinician")
    okafor.goes_to("Today")
    with counted_clicks(okafor) as clicks:
        notes.starts_the_note_of(okafor, "REYES")
        notes.writes(okafor, "Subjective", "Sugars high in the morning.")
        problem = notes.first_problem(okafor)
        notes.adds_the_problem(okafor, problem)
        notes.writes(okafor, f"Plan for {problem}", "Walk every day.")
        notes.signs(okafor)
    assert clicks.number <= CLICKS_AND_GATE
    for words in ("Sugars high in the morning.", "Walk every day.", "Seal whole"):
        expect(okafor.page.get_by_text(words).first).to_be_visible()
    okafor.presses("Back to the chart")
    expect(okafor.page.locator(".st-key-notes")).to_contain_text("signed by Dr. Maya Okafor")


def test_words_survive_a_reload_and_a_second_window_is_told_and_loses_nothing(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Leo Martin", "Martin")
    okafor.presses(re.compile("^Start a visit"))
    okafor.page.get_by_role("menuitem", name="Office visit").click()
    notes.part(okafor, "Subjective").wait_for()
    okafor.settled()
    notes.part(okafor, "Subjective").fill("Typed a moment before the reload.")
    okafor.page.reload()
    expect(notes.part(okafor, "Subjective")).to_have_value("Typed a moment before the reload.")
    notes.is_saved(okafor)

    second = okafor.page.context.new_page()
    second.goto(okafor.page.url)
    other = second.get_by_role("textbox", name="Subjective", exact=True)
    expect(other).to_have_value("Typed a moment before the reload.")
    other.fill("From the second window.")
    expect(second.locator(".note .status")).to_contain_text("Saved ·")
    second.wait_for_timeout(1500)

    notes.part(okafor, "Subjective").fill("From the first window.")
    expect(okafor.page.get_by_text("was written in two places")).to_be_visible()
    okafor.presses("Keep both")
    okafor.settled()
    expect(notes.part(okafor, "Subjective")).to_have_value("From the second window.\nFrom the first window.")

    notes.is_saved(okafor)
    left = okafor.page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('almoner-note/'))")
    assert left == []


def test_words_survive_a_browser_that_dies_before_they_were_sent(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Helen Markarian", "Markarian")
    okafor.presses(re.compile("^Start a visit"))
    okafor.page.get_by_role("menuitem", name="Home visit").click()
    notes.part(okafor, "Subjective").wait_for()
    okafor.settled()
    address = okafor.page.url
    notes.part(okafor, "Subjective").fill("Typed in the second before the crash.")
    okafor.page.close(run_before_unload=False)
    okafor.page = okafor.page.context.new_page()
    okafor.page.goto(address)
    expect(notes.part(okafor, "Subjective")).to_have_value("Typed in the second before the crash.")
    notes.is_saved(okafor)


def test_a_phrase_expands_normal_is_a_click_and_what_is_missing_leads_to_its_place(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Taylor Quinn", "Quinn")
    okafor.presses(re.compile("^Start a visit"))
    okafor.page.get_by_role("menuitem", name="Telehealth visit").click()
    subjective = notes.part(okafor, "Subjective")
    subjective.wait_for()
    subjective.press_sequentially("Feels well. .follow-up ")
    expect(subjective).to_have_value("Feels well. Follow up in *** weeks, sooner if needed. ")
    okafor.presses("Seen on screen: all not yet examined are normal")
    notes.is_saved(okafor)
    okafor.presses(re.compile("Subjective still has a"))
    okafor.settled()
    expect(subjective).to_be_focused()
    okafor.presses(re.compile("^Sign note"))
    expect(okafor.dialog.get_by_text("still has a *** to fill in")).to_be_visible()
    expect(okafor.dialog.get_by_role("button", name="Sign and seal")).to_be_disabled()


def test_vitals_are_recorded_by_two_clicks_and_a_worrying_answer_shows_help_at_once(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Leo Martin", "Martin")
    with counted_clicks(okafor) as clicks:
        okafor.presses(re.compile("^Record vitals"))
        okafor.types("Heart rate (/min)", "72", okafor.dialog)
        okafor.presses("Save vitals", okafor.dialog)
        expect(okafor.page.get_by_text("Vitals recorded.")).to_be_visible()
    assert clicks.number <= 2

    okafor.page.get_by_text("Questionnaires and screening").click()
    okafor.settled()
    okafor.presses(re.compile("^Fill in"))
    okafor.page.get_by_role("menuitem", name="PHQ-9").click()
    last = okafor.dialog.get_by_role("radiogroup", name=re.compile("better off dead"))
    last.get_by_text("Several days").click()
    expect(okafor.dialog.get_by_text("Do not leave the patient alone").first).to_be_visible()
    okafor.presses("Save answers", okafor.dialog)
    expect(okafor.dialog.get_by_text("An urgent item is open")).to_be_visible()
    okafor.settled()
    expect(okafor.dialog.get_by_text("988").first).to_be_visible()
    okafor.presses(re.compile("^Close$"), okafor.dialog)
    okafor.dialog.wait_for(state="detached")
    okafor.goes_to("Today")
    urgent = okafor.page.locator('[class*="st-key-urgent-"]').filter(has_text="MARTIN")
    expect(urgent.first).to_contain_text("has it")
