"""An administrator brings a package in at the screen; after the night its measure and the data are looked at."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.lib.axe import LOOKS, nothing_grave_on, sees_page
from tests.lib.browser import Room
from tests.lib.elm_package import small_package, written
from tests.system.steps import measures, quality

pytestmark = [pytest.mark.browser, pytest.mark.long]

ADULTS = "CMS999Adults"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder, path = written(small_package(), tmp_path / "folder"), tmp_path / "adults.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for one in folder.iterdir():
            archive.write(one, one.name)
    return path


def test_from_an_upload_to_the_measures_page_and_to_what_is_wrong_with_the_data(room: Room, package: Path):
    root = room.sign_in("admin")
    sees_page(root, "official-measures", "Official measures")
    quality.uploads(root, package)
    quality.imports(root, "adults.zip")
    quality.activates(root, f"{ADULTS}@1.0.0", "Adults with a blood pressure", "The board asked for it.")
    room.system.nightly()
    for look in LOOKS.values():
        admin = room.sign_in("admin", **look)
        sees_page(admin, f"official-measures?kept={ADULTS}@1.0.0", "Official measures")
        nothing_grave_on(admin, "Official measures")
        sam = room.sign_in("care_manager", **look)
        measures.opens_the_measure(sam, ADULTS)
        expect(sam.page.get_by_text("The board asked for it.")).to_be_visible()
        nothing_grave_on(sam, "an official measure")
        sees_page(sam, "data-quality", "Data quality")
        nothing_grave_on(sam, "Data quality")
        quality.opens_the_check(sam, "birth_date_missing")
        nothing_grave_on(sam, "one data check")
    quality.opens_the_check(sam, "birth_date_missing")
    sam.presses("Open chart", sam.page.get_by_role("main"))
    sam.page.wait_for_url(re.compile("/chart"))
