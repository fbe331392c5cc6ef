"""Anybody at the quality of data, and an administrator at official measures."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.lib.browser import Person

CHECK_SECONDS = 90
"""The worker looks every few seconds; the check begins by starting a program."""


def uploads(person: Person, package: Path) -> None:
    person.page.locator("input[type=file]").set_input_files(str(package))
    expect(person.page.get_by_text(package.name).first).to_be_visible()
    person.presses("Upload and check")
    expect(person.page.get_by_text("It is checked before anything can be imported")).to_be_visible()


def imports(person: Person, file_name: str) -> None:
    button = person.page.get_by_role("button", name="Import", exact=True)
    button.wait_for(timeout=CHECK_SECONDS * 1000)
    person.settled()
    person.presses("Import")
    expect(person.page.get_by_text(f"'{file_name}' was imported")).to_be_visible()


def activates(person: Person, kept: str, title: str, reason: str) -> None:
    person.opens(f"official-measures?kept={kept}")
    person.settled()
    person.types("Reason, for the audit log and the measure's page", reason)
    person.presses("Activate")
    expect(person.page.get_by_text(f"{title} is active")).to_be_visible()


def opens_the_check(person: Person, check_id: str) -> None:
    person.opens(f"data-quality?check={check_id}&everything=true")
    person.page.get_by_role("heading", name="Measures that it touches").wait_for()
    person.settled()
