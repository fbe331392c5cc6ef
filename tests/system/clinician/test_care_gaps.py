"""A clinician settles a gap by hand, takes it back, and is told when somebody else was there first."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import chart

pytestmark = [pytest.mark.browser, pytest.mark.long]

CERVIX = "cervical_cancer_screening"
DEPRESSION = "depression_screening"


def test_an_exclusion_for_a_clinical_reason_hides_the_gap_and_is_undone(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Alex Moreno", "Moreno")
    chart.sees_the_card(okafor, CERVIX, "Open")
    chart.chooses_more(okafor, CERVIX, "Exclude…")
    expect(okafor.dialog).to_contain_text("It does not change any measure.")
    okafor.chooses("Reason", "Not clinically appropriate now", okafor.dialog)
    okafor.presses("Exclude", okafor.dialog)
    chart.sees_the_card(okafor, CERVIX, "Excluded", "Not clinically appropriate now", "by Dr. Maya Okafor")

    okafor.presses("Undo", chart.card(okafor, CERVIX))
    chart.sees_the_card(okafor, CERVIX, "Open")


def test_who_acts_on_an_old_state_is_told_and_nothing_is_overwritten(room: Room):
    first, second = room.sign_in("clinician"), room.sign_in("care_manager")
    for person in (first, second):
        chart.opens_the_chart_from_search(person, "Kevin Tran", "Tran")
        chart.chooses_more(person, DEPRESSION, "Snooze…")
    second.presses("Snooze", second.dialog)
    chart.sees_the_card(second, DEPRESSION, "Snoozed", "by Sam Whitfield")

    first.presses("Snooze", first.dialog)
    expect(first.dialog.get_by_role("alert")).to_contain_text("Somebody else changed this a moment ago")
    first.dialog.get_by_role("button", name="Close").click()
    chart.opens_the_chart_from_search(first, "Kevin Tran", "Tran")
    chart.sees_the_card(first, DEPRESSION, "Snoozed", "by Sam Whitfield")
