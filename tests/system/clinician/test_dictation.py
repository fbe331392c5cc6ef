"""A clinician dictates: what was heard is a suggestion, its dose is ticked, and only then is it in the note.

The microphone plays a synthetic voice: "The patient takes metformin, 500 milligrams, twice a day."
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room, running_chromium
from tests.system.steps import chart, notes

pytestmark = [pytest.mark.browser, pytest.mark.long]

SPOKEN = Path(__file__).parents[2] / "lib" / "spoken" / "metformin_500_mg_twice_a_day.wav"
SECONDS = 5.5
LISTENING_MS = 60_000


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator:
    with running_chromium(
        chromium,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={SPOKEN}%noloop",
    ) as running:
        yield running


def test_spoken_words_are_in_the_note_only_after_they_were_read_and_the_dose_was_ticked(room: Room):
    okafor = room.sign_in("clinician", permissions=["microphone"])
    chart.opens_the_chart_from_search(okafor, "Nora Fitzgerald", "Fitzgerald")
    okafor.presses(re.compile("^Start a visit"))
    okafor.page.get_by_role("menuitem", name="Phone call").click()
    okafor.page.get_by_text("Dictate", exact=True).wait_for()
    okafor.settled()
    okafor.page.get_by_text("Dictate", exact=True).click()
    okafor.settled()
    okafor.page.get_by_role("button", name="Record").click()
    okafor.page.wait_for_timeout(SECONDS * 1000)
    okafor.page.get_by_role("button", name="Stop recording").click()

    heard = okafor.page.get_by_label("Heard, as a suggestion: read it and put it right")
    expect(heard).to_have_value(re.compile("metformin.*500 milligrams", re.IGNORECASE), timeout=LISTENING_MS)
    accept = okafor.page.get_by_role("button", name="Accept into the note")
    expect(accept).to_have_count(0)
    okafor.page.get_by_text("I have checked the dose: 500 milligrams").click()
    okafor.settled()
    expect(accept).to_have_count(0)
    okafor.page.get_by_text("I have read what was heard").click()
    okafor.settled()
    accept.click()
    okafor.settled()
    notes.is_saved(okafor)
    written = okafor.page.locator("textarea").filter(visible=True)
    expect(written.first).to_be_visible()
    assert any("500 milligrams" in box.input_value() for box in written.all())
