"""A care tier from chart to worklist and Risk page: computed, adjusted by keyboard, seen by the next one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.lib.axe import LOOKS, nothing_grave_on, sees_page
from tests.lib.browser import Person, Room
from tests.system.steps import chart, worklist

pytestmark = [pytest.mark.browser, pytest.mark.long]

FAMILY = "Hargrove"


def risk(clinician: Person):
    return clinician.page.locator(".st-key-risk")


def opens_the_scores(clinician: Person) -> None:
    clinician.page.get_by_text("Scores, what is behind them, and history").click()
    clinician.settled()


def test_a_tier_is_explained_adjusted_by_keyboard_and_worked_from_the_list(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, f"Silas {FAMILY}", FAMILY)
    expect(risk(okafor)).to_contain_text("Computed:")
    opens_the_scores(okafor)
    for words in (
        "PREVENT, 10-year risk",
        "Charlson comorbidity index",
        "makes no tier",
        "computes it again",
    ):
        expect(risk(okafor)).to_contain_text(words)

    sam = room.sign_in("care_manager")
    worklist.finds_by_name(sam, FAMILY)
    row = worklist.row(sam, FAMILY)
    expect(row).to_contain_text("Care tier:")
    sam.presses("Adjust tier", row)
    sam.dialog.wait_for()

    okafor.page.get_by_role("button", name="Adjust tier").focus()
    okafor.page.keyboard.press("Enter")
    okafor.dialog.wait_for()
    expect(okafor.dialog).to_contain_text(FAMILY.upper())
    okafor.page.get_by_role("radio", name="Very high").focus()
    okafor.page.keyboard.press("Space")
    okafor.settled()
    okafor.chooses("Reason", "Frailty or falls", okafor.dialog)
    okafor.types("What you know of the patient", "Fell twice this month", okafor.dialog)
    okafor.page.get_by_role("button", name="Save adjustment").focus()
    okafor.page.keyboard.press("Enter")
    expect(risk(okafor)).to_contain_text("Care tier: Very high")
    expect(risk(okafor)).to_contain_text("Adjusted to Very high by")
    expect(risk(okafor)).to_contain_text("Fell twice this month")

    sam.dialog.get_by_text("Low", exact=True).click()
    sam.settled()
    sam.chooses("Reason", "Goals of care", sam.dialog)
    sam.presses("Save adjustment", sam.dialog)
    expect(sam.dialog).to_contain_text(re.compile("Changed by .*Okafor"))
    sam.page.keyboard.press("Escape")

    sees_page(sam, "risk", "Risk")
    sam.presses(re.compile("^Very high"))
    worklist.summary(sam).wait_for()
    assert "tier=very_high" in sam.page.url
    worklist.finds_by_name(sam, FAMILY)
    row = worklist.row(sam, FAMILY)
    expect(row).to_contain_text("Care tier: Very high")
    expect(row).to_contain_text("adjusted by")
    with sam.page.expect_download() as download:
        sam.presses("Download list")
    assert "Very high" in download.value.path().read_text(encoding="utf-8")

    okafor.page.get_by_role("button", name="Take back", exact=True).click()
    okafor.presses("Let the computed tier count", okafor.dialog)
    expect(okafor.page.get_by_text("the computed care tier counts again")).to_be_visible()
    expect(okafor.page.get_by_role("button", name="Take back", exact=True)).to_have_count(0)
    opens_the_scores(okafor)
    expect(risk(okafor)).to_contain_text("adjustment taken back")


@pytest.mark.parametrize("look", LOOKS)
def test_tiers_pass_axe_in_every_look(room: Room, look: str):
    okafor = room.sign_in("clinician", **LOOKS[look])
    chart.opens_the_chart(okafor, f"Silas {FAMILY}", FAMILY)
    opens_the_scores(okafor)
    nothing_grave_on(okafor, "the chart's risk")
    okafor.presses("Adjust tier", risk(okafor))
    okafor.dialog.wait_for()
    okafor.settled()
    nothing_grave_on(okafor, "the dialog of a tier")
    sam = room.sign_in("care_manager", **LOOKS[look])
    nothing_grave_on(sam, "the worklist with tiers")
    sees_page(sam, "risk", "Risk")
    nothing_grave_on(sam, "Risk")
