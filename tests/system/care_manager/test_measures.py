"""A care manager goes from a measure to a group and to its people, and takes the numbers along."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.system.steps import measures

pytestmark = [pytest.mark.browser, pytest.mark.long]

COLON = "colorectal_cancer_screening"


def test_a_groups_people_are_listed_from_the_first_page_and_the_view_can_be_kept(room: Room):
    sam = room.sign_in("care_manager")
    measures.opens_the_measure(sam, COLON)
    sam.presses_radio("Sex")
    met = measures.count_of_group(sam, "Sex", "Female", "Met")
    sam.presses_radio("Met")
    sam.chooses("Group", "Sex: Female")
    expect(measures.people_counted(sam)).to_have_text(f"{met} patients · protected health information")
    assert "group=sex%3Afemale" in sam.page.url

    measures.opens_the_measure(sam, f"{COLON}&group=sex:female")
    expect(sam.page.get_by_role("combobox", name="Group")).to_have_value("Sex: Female")


def test_changing_the_list_begins_at_its_first_page(room: Room):
    sam = room.sign_in("care_manager")
    measures.opens_the_measure(sam, "tobacco_screening")
    sam.presses_radio("Met")
    measures.turns_to_page(sam, 2)
    sam.chooses("Look at one measure", "Colorectal cancer screening")
    expect(measures.people(sam).first).to_be_visible()
    sam.presses_radio("Not met")
    expect(measures.people(sam).first).to_be_visible()


def test_the_csv_holds_what_the_page_shows(room: Room, tmp_path: Path):
    sam = room.sign_in("care_manager")
    measures.opens_the_measure(sam, COLON)
    shown = measures.counted(sam)
    with sam.page.expect_download() as downloading:
        sam.presses("Download CSV")
    downloading.value.save_as(tmp_path / "measure.csv")
    with (tmp_path / "measure.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    everybody = next(row for row in rows if row["stratum_kind"] == "all")
    assert (int(everybody["numerator"]), int(everybody["denominator"])) == (shown.met, shown.denominator)
    assert {row["stratum_kind"] for row in rows} >= {"clinic", "clinician", "sex", "race", "payer"}
