"""A clinician prescribes, answers refills, records an allergy and reconciles; clicks are counted where they matter."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Person, Room
from tests.system.steps import chart, decision_support, medications

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_new_prescription_takes_at_most_eight_clicks(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Nora Fitzgerald", "Fitzgerald")
    clicks = medications.Clicks(okafor)
    clicks.press(re.compile("^Prescribe, stop, refill"))
    clicks.press(re.compile("^New prescription"))
    medications.finds(okafor, "amlodipine 5")
    clicks.press(re.compile(r"^amLODIPine 5 MG Oral Tablet"))
    clicks.press("every day")
    clicks.press("Sign", exact=True)
    expect(okafor.page.get_by_text(re.compile("amLODIPine 5 MG Oral Tablet was signed"))).to_be_visible()
    assert clicks.count <= 8
    okafor.page.screenshot(path=medications.picture("medications"), full_page=True)


def test_a_refill_is_approved_in_one_click_and_a_warned_one_is_not_offered_it(room: Room):
    okafor = room.sign_in("clinician")
    okafor.opens("refills")
    waiting = okafor.page.locator('[class*="st-key-refill-"]')
    warned = waiting.filter(has_text="naproxen")
    expect(warned).to_contain_text("must be answered first")
    expect(warned.get_by_role("button", name="Approve")).to_have_count(0)
    okafor.page.screenshot(path=medications.picture("refills"), full_page=True)
    easy = waiting.filter(has_text="Ortiz")
    expect(easy).to_have_count(1)
    easy.get_by_role("button", name="Approve").click()
    expect(okafor.page.get_by_text(re.compile("was renewed for"))).to_be_visible()
    expect(waiting.filter(has_text="Ortiz")).to_have_count(0)


def test_an_allergy_takes_at_most_five_clicks_and_then_interrupts(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Grace Kim", "Kim")
    clicks = medications.Clicks(okafor)
    clicks.press(re.compile("^Allergies"))
    okafor.dialog.get_by_label("Allergic to").fill("penicil")
    clicks.press(re.compile("^penicillins"))
    clicks.press("Anaphylaxis")
    clicks.press("Severe", exact=True)
    clicks.press("Save allergy")
    expect(okafor.page.get_by_text("Allergy to penicillins recorded.")).to_be_visible()
    assert clicks.count <= 5
    okafor.page.screenshot(path=medications.picture("chart"), full_page=True)

    okafor.presses(re.compile("^Prescribe, stop, refill"))
    okafor.presses(re.compile("^New prescription"))
    medications.finds(okafor, "amoxicillin 500 oral capsule")
    okafor.presses(re.compile("^amoxicillin 500 MG Oral Capsule"))
    okafor.settled()
    okafor.presses_radio("3 times a day")
    okafor.settled()
    sign = okafor.page.get_by_role("button", name="Sign", exact=True)
    expect(sign).to_be_disabled()
    okafor.page.screenshot(path=medications.picture("warning"), full_page=True)
    form = okafor.page.locator(".st-key-prescription")
    okafor.chooses("Go on because", "The recorded reaction is not an allergy, or has been ruled out", form)
    expect(sign).to_be_enabled()
    sign.click()
    expect(okafor.page.get_by_text(re.compile("amoxicillin 500 MG Oral Capsule was signed"))).to_be_visible()
    expect(okafor.page.get_by_role("note", name="Allergies")).to_contain_text("penicillins")

    lindholm = room.sign_in("pharmacist")
    lindholm.opens("decision-support")
    expect(decision_support.row_of(lindholm, "drug_allergies.class_severe")).to_be_visible()
    assert decision_support.overridden(lindholm, "drug_allergies.class_severe").startswith("1 ")


def test_two_tabs_on_two_charts_do_not_cross(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Helen Markarian", "Markarian")
    okafor.presses(re.compile("^Prescribe, stop, refill"))
    chart.sees_the_banner_of(okafor, "Markarian")
    okafor.presses(re.compile("^New prescription"))
    medications.finds(okafor, "sertraline 50")
    other = Person(okafor.name, okafor.page.context.new_page(), okafor.home)
    other.opens("patients")
    chart.opens_the_chart_from_search(other, "Eleanor Whitcombe", "Whitcombe")
    other.presses(re.compile("^Prescribe, stop, refill"))
    chart.sees_the_banner_of(other, "Whitcombe")
    expect(other.page.get_by_text("New prescriptions are written here")).to_be_visible()
    okafor.presses(re.compile("^sertraline 50 MG Oral Tablet"))
    okafor.settled()
    okafor.presses_radio("every day")
    okafor.settled()
    expect(okafor.page.locator(".st-key-prescription")).to_contain_text("MARKARIAN")
    okafor.page.get_by_role("button", name="Sign", exact=True).click()
    expect(okafor.page.get_by_text(re.compile("sertraline 50 MG Oral Tablet was signed"))).to_be_visible()
    other.page.reload()
    other.settled()
    expect(other.page.get_by_text("sertraline 50 MG")).to_have_count(0)


def test_lists_are_reconciled_in_columns_also_on_a_phone(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Thomas Lindgren", "Lindgren")
    okafor.presses(re.compile("^Prescribe, stop, refill"))
    okafor.settled()
    okafor.presses(re.compile("^Reconcile"))
    chart.sees_the_banner_of(okafor, "Lindgren")
    expect(okafor.page.get_by_role("heading", name=re.compile("^Only in the chart"))).to_be_visible()
    okafor.page.screenshot(path=medications.picture("reconcile"), full_page=True)
    okafor.presses("Continue")
    okafor.settled()
    expect(okafor.page.get_by_role("heading", name="Decided (1)")).to_be_visible()
    okafor.presses(re.compile("^Save 1 of"))
    expect(okafor.page.get_by_text(re.compile("1 decided"))).to_be_visible()
    okafor.page.set_viewport_size({"width": 390, "height": 844})
    okafor.settled()
    wide = okafor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, "nothing is cut off on a phone"
    okafor.page.screenshot(path=medications.picture("phone"), full_page=True)
