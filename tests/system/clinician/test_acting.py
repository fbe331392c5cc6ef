"""A clinician acts at the chart: orders with one click, records an answer, writes down a no, reviews with words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from portal.text import Words
from tests.lib.browser import Room
from tests.system.steps import chart, portal

pytestmark = [pytest.mark.browser, pytest.mark.long]

GLYCEMIA, COLON, TOBACCO = "glycemic_control", "colorectal_cancer_screening", "tobacco_screening"
CREATININE, SMOKING = "Creatinine, serum or plasma", "Tobacco smoking status"


def test_one_click_orders_and_the_card_waits_for_the_result(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Samuel Ortiz", "Ortiz")
    chart.sees_the_card(okafor, GLYCEMIA, "Open")
    okafor.presses(re.compile("^Order"), chart.card(okafor, GLYCEMIA))
    chart.sees_the_card(okafor, GLYCEMIA, "Result pending")
    expect(chart.card(okafor, GLYCEMIA).get_by_role("button", name=re.compile("^Order"))).to_have_count(0)


def test_a_smoking_answer_is_chosen_by_its_words_and_closes_its_gap(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Samuel Ortiz", "Ortiz")
    okafor.presses(re.compile("^Record result"))
    okafor.chooses("Test", SMOKING, okafor.dialog)
    okafor.chooses("Answer", "Never smoker", okafor.dialog)
    okafor.presses("Save result", okafor.dialog)
    expect(okafor.page.get_by_text(f"{SMOKING} recorded: Never smoker.")).to_be_visible()
    chart.sees_the_card(okafor, TOBACCO, "Closed")


def test_a_no_is_written_down_with_its_day_and_taken_back(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Grace Kim", "Kim")
    chart.chooses_more(okafor, COLON, "Patient declined…")
    okafor.presses("Save as declined", okafor.dialog)
    chart.sees_the_card(okafor, COLON, "Declined", "by Dr. Maya Okafor")
    okafor.presses("Undo", chart.card(okafor, COLON))
    chart.sees_the_card(okafor, COLON, "Open")


def test_a_review_with_words_for_the_patient_reaches_her_portal(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Ana Reyes", "Reyes")
    chart.records_a_result(okafor, CREATININE, "0.93")
    expect(okafor.page.get_by_text(f"Not yet reviewed: {CREATININE}")).to_be_visible()
    chart.looks_at_one_test(okafor, CREATININE)
    chart.writes_to_the_patient(okafor, "0.93", "Sus riñones están bien.")
    okafor.presses("Mark reviewed", chart.row_of(okafor, "0.93"))
    expect(chart.row_of(okafor, "0.93")).to_contain_text("reviewed by Dr. Maya Okafor")

    ana = room.sign_in("patient")
    portal.opens_home(ana, "es")
    ana.goes_to(Words("es")("results.page"))
    told = portal.result(ana, "0.93")
    expect(told).to_contain_text("Sus riñones están bien.")
    expect(told).not_to_contain_text(Words("es")("results.not_reviewed"))
