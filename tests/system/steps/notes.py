"""A clinician at a note: start it, write in it, choose its problem, sign it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.lib.browser import Person
from tests.system.steps import chart


def starts_the_note_of(clinician: Person, family: str) -> None:
    """From the day's list, by one click."""
    visit = clinician.page.locator('[class*="st-key-visit-"]').filter(has_text=family).first
    clinician.presses("Start note", visit)
    part(clinician, "Subjective").wait_for()
    chart.sees_the_banner_of(clinician, family)


def part(clinician: Person, label: str) -> Locator:
    """A text of the note, by its name."""
    return clinician.page.get_by_role("textbox", name=label, exact=True)


def writes(clinician: Person, label: str, words: str) -> None:
    """Types, and waits until the server has it."""
    part(clinician, label).fill(words)
    is_saved(clinician)


def is_saved(clinician: Person) -> None:
    clinician.settled()
    expect(clinician.page.locator(".note .status")).to_contain_text("Saved ·")
    expect.soft(clinician.page.locator(".note .status")).not_to_contain_text("Saving")
    clinician.settled()


def adds_the_problem(clinician: Person, name: str) -> None:
    clinician.presses(re.compile(f"^Add {re.escape(name)}"))
    part(clinician, f"Plan for {name}").wait_for()
    clinician.settled()


def first_problem(clinician: Person) -> str:
    """The first problem that the note offers."""
    offered = clinician.page.locator(".st-key-note-problems").get_by_role("button").first.inner_text()
    return offered.removeprefix("Add ").strip()


def signs(clinician: Person) -> None:
    """The button and the gate."""
    clinician.presses(re.compile("^Sign note"))
    clinician.dialog.get_by_role("button", name="Sign and seal").click()
    expect(clinician.page.get_by_text("Signed and sealed")).to_be_visible()
    clinician.settled()
