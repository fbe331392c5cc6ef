"""The front desk at its screens: booking, receiving, moving; and how often somebody pressed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

from tests.lib.browser import Person

COUNT = "window.pressed = (window.pressed ?? 0); addEventListener('pointerdown', () => { window.pressed += 1 }, true)"


@dataclass
class Clicks:
    count: int = 0


@contextmanager
def counted_clicks(desk: Person) -> Iterator[Clicks]:
    """How often the pointer was pressed; typing is not counted. Within one load of the page."""
    clicks = Clicks()
    desk.page.evaluate(f"() => {{ {COUNT} }}")
    before = desk.page.evaluate("() => window.pressed")
    yield clicks
    clicks.count = desk.page.evaluate("() => window.pressed") - before


def types_a_name(desk: Person, name: str) -> None:
    """The box has the cursor already, as for somebody who has just opened the page."""
    box = desk.page.get_by_label("Patient: name, birth date, MRN or phone")
    box.focus()
    box.press_sequentially(name)
    desk.page.locator('[class*="st-key-choose-"]').first.wait_for()
    desk.settled()


def chooses_the_patient(desk: Person, family: str) -> None:
    found = desk.page.locator('[class*="st-key-choose-"]').filter(has_text=family.upper())
    desk.presses("Choose", found.first)
    desk.page.get_by_role("button", name="Another patient").wait_for()
    desk.settled()


def slots(desk: Person) -> Locator:
    return desk.page.get_by_role("button", name=re.compile(r"^\d\d:\d\d "))


def column(desk: Person, stage: str) -> Locator:
    return desk.page.locator(f".st-key-stage-{stage}")


def cards(desk: Person, stage: str) -> Locator:
    return column(desk, stage).locator('[class*="st-key-flow-"]')


def sees_on_the_board(desk: Person, stage: str, family: str) -> Locator:
    """The card of that person in that column; it has left every other one."""
    card = cards(desk, stage).filter(has_text=family.upper())
    expect(card).to_have_count(1)
    return card


def rows(desk: Person) -> Locator:
    """The visits of the schedule's list."""
    return desk.page.locator('[class*="st-key-row-"]')


def opens_the_check_in(desk: Person, card: Locator) -> None:
    desk.presses("Check in", card)
    desk.dialog.get_by_text("Name and birth date compared").wait_for()
    desk.settled()
