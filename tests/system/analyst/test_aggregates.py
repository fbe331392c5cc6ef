"""An analyst sees aggregates only: small cells are suppressed, and no way leads to a patient."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from ehr_core.kernel.settings import Settings
from ehr_core.population.stories import story_patient_id
from tests.lib.browser import Room
from tests.system.steps import measures

pytestmark = [pytest.mark.browser, pytest.mark.long]

SMALL_CELL = Settings.model_fields["small_cell"].default


def test_small_cells_are_suppressed_on_the_list_and_on_a_measures_page(room: Room):
    navarro = room.sign_in("analyst")
    listed = navarro.page.get_by_role(
        "region", name="Measures with their rates or scores and the counts beside them"
    )
    counts_shown = _counts(listed.get_by_role("cell").all_inner_texts())
    expect(listed).to_contain_text("suppressed")

    measures.opens_the_measure(navarro, "colorectal_cancer_screening")
    counts_shown += _counts(navarro.page.get_by_role("cell").all_inner_texts())
    assert counts_shown, "there is something to see"
    assert not [count for count in counts_shown if 0 < count < SMALL_CELL]


def test_no_way_leads_from_a_measure_to_a_patient(room: Room):
    navarro = room.sign_in("analyst")
    measures.opens_the_measure(navarro, "colorectal_cancer_screening")
    expect(navarro.page.get_by_role("heading", name="Patients behind this rate")).to_have_count(0)
    expect(navarro.page.get_by_role("button", name="Open chart")).to_have_count(0)

    for path in (f"chart?patient={story_patient_id('ana-reyes')}", "worklist", "today", "patients", "audit"):
        navarro.opens(path)
        expect(navarro.page.get_by_role("heading", name="Measures", exact=True)).to_be_visible()
        navarro.settled()
        assert "REYES" not in navarro.text()


def _counts(cells: list[str]) -> list[int]:
    return [int(cell.replace(",", "")) for cell in cells if re.fullmatch(r"[\d,]+", cell.strip())]
