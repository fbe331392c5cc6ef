"""Margaret Doyle was registered a second time as Peggy: the front desk brings the two together and takes it back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import chart, desk

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_two_records_of_one_woman_are_merged_and_taken_apart_again(room: Room):
    clerk = room.sign_in("front_desk")
    clerk.goes_to("Double records")
    pair = desk.pair_of(clerk, "Doyle")
    expect(pair).to_contain_text("First name is a form of the other")
    clerk.presses("Compare", pair)
    clerk.settled()
    expect(clerk.page.get_by_role("heading", name="What will happen")).to_be_visible()
    expect(clerk.page.get_by_text("a clinician is asked to reconcile them")).to_be_visible()
    clerk.presses("Merge these two records")
    clerk.dialog.wait_for()
    for name in ("DOYLE, Margaret", "DOYLE, Peggy"):
        expect(clerk.dialog).to_contain_text(name)
    merge = clerk.dialog.get_by_role("button", name="Merge", exact=True)
    expect(merge).to_be_disabled()
    clerk.dialog.get_by_text("Both records are of one person").click()
    clerk.types("How you know", "She showed her passport and both cards", clerk.dialog)
    merge.click()
    desk.sees_the_profile_of(clerk, "Doyle")
    expect(chart.banner(clerk)).to_contain_text("Medications must be reconciled")

    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Peggy Doyle", "Doyle")
    expect(okafor.page.get_by_role("heading", name="Known allergies")).to_be_visible()

    clerk.goes_to("Double records")
    clerk.page.get_by_role("tab", name="Merges").click()
    clerk.settled()
    clerk.presses("Take back")
    clerk.dialog.wait_for()
    clerk.settled()
    clerk.types("Why it is taken back", "Two cousins of one birth date", clerk.dialog)
    clerk.dialog.get_by_role("button", name="Take the merge back", exact=True).click()
    expect(clerk.page.get_by_text("entries are where they were")).to_be_visible()
