"""A clinician's results and orders: a critical result told in three clicks, a gap ordered in one and a signature."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import chart, inbox, medications
from tests.system.steps.inbox import Clicks

pytestmark = [pytest.mark.browser, pytest.mark.long]

PNEUMOCOCCAL = "pneumococcal_immunization"


def test_a_critical_result_is_acknowledged_and_the_patient_told_in_three_clicks(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Silas Hargrove", "Hargrove")
    okafor.opens("patients")
    clicks = Clicks(okafor)
    clicks.on(inbox.link(okafor))
    first = okafor.page.locator('[class*="st-key-inbox-"]').first
    expect(first).to_contain_text("HARGROVE, Silas")
    expect(first).to_contain_text("6.8 mmol/L")
    expect(first).to_contain_text("critical limit of 6.2")
    clicks.on(inbox.button(okafor, "Acknowledge and tell", first))
    expect(okafor.dialog).to_contain_text("HARGROVE, Silas")
    expect(okafor.dialog.get_by_role("textbox")).to_have_value(re.compile("needs attention soon"))
    clicks.on(inbox.button(okafor, "Acknowledge and send", okafor.dialog))
    expect(okafor.page.get_by_text("acknowledged, and the patient is told")).to_be_visible()
    expect(okafor.page.get_by_text("6.8 mmol/L")).to_have_count(0)
    assert clicks.made <= 3

    chart.opens_the_chart_from_search(okafor, "Silas Hargrove", "Hargrove")
    chart.looks_at_one_test(okafor, "Potassium")
    expect(chart.row_of(okafor, "6.8")).to_contain_text("reviewed by Dr. Maya Okafor")


def test_a_nurse_prepares_a_gaps_order_with_one_click_and_a_clinician_signs_with_one(room: Room):
    joy = room.sign_in("nurse")
    chart.opens_the_chart_from_search(joy, "Eleanor Whitcombe", "Whitcombe")
    chart.sees_the_card(joy, PNEUMOCOCCAL, "Open")
    prepares = Clicks(joy)
    prepares.on(
        joy.page.locator(f".st-key-gap-{PNEUMOCOCCAL}").get_by_role("button", name=re.compile("^Order")).first
    )
    expect(inbox.basket(joy)).to_contain_text("To be signed")
    expect(inbox.basket(joy)).to_contain_text("A clinician signs these orders.")

    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Eleanor Whitcombe", "Whitcombe")
    expect(inbox.basket(okafor)).to_contain_text("WHITCOMBE, Eleanor")
    signs = Clicks(okafor)
    signs.on(inbox.button(okafor, "Sign 1 order"))
    chart.sees_the_card(okafor, PNEUMOCOCCAL, "Result pending")
    expect(inbox.basket(okafor)).to_have_count(0)
    assert (prepares.made, signs.made) == (1, 1)


def test_orders_are_chosen_by_typing_and_signed_together_while_an_incomplete_one_waits(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Marcus Bell", "Bell")
    inbox.puts_into_the_basket(okafor, "Hemoglobin A1c")
    inbox.puts_into_the_basket(okafor, "CT head")
    expect(inbox.basket(okafor)).to_contain_text("Imaging needs an indication")
    inbox.button(okafor, "Sign 1 of 2 orders").click()
    okafor.settled()
    expect(inbox.orders(okafor)).to_contain_text("Hemoglobin A1c")
    expect(inbox.basket(okafor)).to_contain_text("CT head")
    okafor.opens("overdue")
    expect(okafor.page.get_by_text("Referral to cardiology")).to_be_visible()
    expect(okafor.page.get_by_text("LINDGREN, Thomas")).to_be_visible()


def test_contrast_over_weak_kidneys_is_signed_only_with_a_reason(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Silas Hargrove", "Hargrove")
    chart.records_a_result(okafor, "Creatinine, serum or plasma", "5.2")
    expect(
        okafor.page.get_by_text(re.compile(r"^Creatinine, serum or plasma 5\.2 .*recorded"))
    ).to_be_visible()
    inbox.puts_into_the_basket(
        okafor, "CT abdomen and pelvis", Contrast="With contrast", Indication="Weight loss"
    )
    basket = inbox.basket(okafor)
    expect(basket).to_contain_text("Iodinated contrast: eGFR")
    expect(inbox.button(okafor, "Sign 0 of 1 orders")).to_be_disabled()
    okafor.page.screenshot(path=medications.picture("basket"), full_page=True)
    okafor.chooses("Go on because", "The benefit outweighs the risk for this patient", basket)
    inbox.button(okafor, "Sign 1 order").click()
    okafor.settled()
    expect(inbox.orders(okafor)).to_contain_text("CT abdomen and pelvis")


def test_an_order_takes_at_most_five_clicks(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Luis Cabrera", "Cabrera")
    clicks = Clicks(okafor)
    clicks.on(inbox.button(okafor, "Order", inbox.orders(okafor)))
    box = okafor.dialog.get_by_role("combobox", name="What to order")
    clicks.on(box)
    box.fill("TSH")
    clicks.on(okafor.page.get_by_role("option", name=re.compile("TSH")).first)
    clicks.on(inbox.button(okafor, "Add to basket", okafor.dialog))
    clicks.on(inbox.button(okafor, "Sign 1 order"))
    expect(inbox.basket(okafor)).to_have_count(0)
    assert clicks.made <= 5


def test_a_result_without_a_patient_is_attached_after_a_look_at_both_sides(room: Room):
    okafor = room.sign_in("clinician")
    okafor.opens("unmatched")
    waiting = okafor.page.locator('[class*="st-key-unmatched-"]').first
    expect(waiting).to_contain_text("Hemoglobin 6.2 g/dL")
    expect(waiting).to_contain_text("Possible")
    inbox.button(okafor, "Attach", waiting).click()
    okafor.settled()
    expect(okafor.dialog).to_contain_text("Into the record of HARGROVE, Silas")
    okafor.types("How do you know?", "The laboratory confirmed it by phone.", okafor.dialog)
    okafor.presses("Attach the result", okafor.dialog)
    expect(okafor.page.get_by_text("The result is in the chart now")).to_be_visible()
    inbox.opens_the_inbox(okafor)
    inbox.sees_it_sorted(okafor, inbox.card(okafor, "Hargrove").filter(has_text="6.2 g/dL"))
