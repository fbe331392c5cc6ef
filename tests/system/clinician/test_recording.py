"""A clinician records: what cannot be is refused with nothing lost, and what was done elsewhere closes a gap."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from playwright.sync_api import expect
from reportlab.pdfgen.canvas import Canvas

from tests.lib.browser import Room
from tests.system.steps import chart

pytestmark = [pytest.mark.browser, pytest.mark.long]


def a_pdf(words: str) -> bytes:
    """One page with these words."""
    written = BytesIO()
    page = Canvas(written, invariant=True)
    page.drawString(72, 700, words)
    page.save()
    return written.getvalue()


REPORT = a_pdf("Colonoscopy: normal to the cecum.")


def test_an_implausible_pressure_is_refused_and_nothing_typed_is_lost(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Leo Martin", "Martin")
    okafor.presses(re.compile("^Record vitals"))
    okafor.types("Systolic (mm[Hg])", "1280", okafor.dialog)
    okafor.types("Diastolic (mm[Hg])", "79", okafor.dialog)
    okafor.presses("Save vitals", okafor.dialog)
    expect(okafor.dialog.get_by_role("alert")).to_contain_text("Not saved")
    expect(okafor.dialog.get_by_label("Diastolic (mm[Hg])")).to_have_value("79")

    okafor.types("Systolic (mm[Hg])", "128", okafor.dialog)
    okafor.presses("Save vitals", okafor.dialog)
    expect(okafor.page.get_by_text("Vitals recorded.")).to_be_visible()
    expect(okafor.page.get_by_role("listitem").filter(has_text="128/79 mmHg")).to_be_visible()


def test_a_colonoscopy_from_outside_closes_the_gap_its_document_opens_and_a_retraction_gives_the_gap_back(
    room: Room,
):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Taylor Quinn", "Quinn")
    chart.sees_the_card(okafor, "colorectal_cancer_screening", "Open · Due")
    okafor.presses(re.compile("^Record outside result"))
    okafor.chooses("What was done", "Colonoscopy", okafor.dialog)
    chart.types_a_day(okafor, "Day it was done", "2025", "03", "14")
    okafor.types("Where, or by whom", "County Hospital", okafor.dialog)
    okafor.presses_radio("normal", okafor.dialog)
    okafor.dialog.locator('input[type="file"]').set_input_files(
        {"name": "colonoscopy.pdf", "mimeType": "application/pdf", "buffer": REPORT}
    )
    expect(okafor.dialog.get_by_text("colonoscopy.pdf")).to_be_visible()
    okafor.presses("Save outside result", okafor.dialog)
    chart.sees_the_card(okafor, "colorectal_cancer_screening", "Closed", "14-Mar-2025")
    chart.sees_the_evidence(okafor, "colorectal_cancer_screening", "14-Mar-2025")

    chart.looks_at_one_entry(okafor, "Documents", "colonoscopy.pdf")
    okafor.presses("Open document", chart.past_care(okafor))
    expect(chart.past_care(okafor).locator("canvas").first).to_be_visible()
    with okafor.page.expect_download() as saved:
        okafor.presses("Download", chart.past_care(okafor))
    assert saved.value.path().read_bytes() == REPORT

    chart.looks_at_one_entry(okafor, "Procedures", "Colonoscopy")
    okafor.presses("Entered in error", chart.past_care(okafor))
    okafor.types("Why", "recorded on the wrong patient", okafor.dialog)
    okafor.presses("Mark as entered in error", okafor.dialog)
    chart.sees_the_card(okafor, "colorectal_cancer_screening", "Open · Due")

    okafor.settled()
    okafor.presses("Reinstate", chart.past_care(okafor))
    okafor.types("Why", "it was theirs after all", okafor.dialog)
    okafor.presses("Reinstate this entry", okafor.dialog)
    chart.sees_the_card(okafor, "colorectal_cancer_screening", "Closed", "14-Mar-2025")


def test_a_vaccination_given_here_is_recorded_without_knowing_its_lot(room: Room):
    okafor = room.sign_in("clinician")
    chart.opens_the_chart_from_search(okafor, "Leo Martin", "Martin")
    okafor.presses(re.compile("^Record vaccination"))
    okafor.chooses("Vaccine", "Influenza vaccine, high dose", okafor.dialog)
    okafor.presses("Save vaccination", okafor.dialog)
    expect(okafor.page.get_by_text("Influenza vaccine, high dose recorded as given here.")).to_be_visible()
    chart.sees_the_card(okafor, "influenza_immunization", "Closed")
