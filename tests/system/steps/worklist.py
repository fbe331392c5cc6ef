"""A care manager at the worklist: find, read a row, tick, act."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.lib.browser import Person


def row(manager: Person, family: str) -> Locator:
    """The patients of this family name on the page, one row each."""
    return rows(manager).filter(has=manager.page.get_by_role("heading", name=f"{family.upper()},"))


def rows(manager: Person) -> Locator:
    return manager.page.locator('[class*="st-key-row-"]')


def finds_by_name(manager: Person, name: str) -> None:
    manager.types("Name", name)


def opens_the_worklist_anew(manager: Person) -> None:
    manager.opens("worklist")
    summary(manager).wait_for()
    manager.settled()


def summary(manager: Person) -> Locator:
    return manager.page.get_by_text(re.compile(r"\d+ patients · \d+ open gaps"))


def patients_counted(manager: Person) -> int:
    return int(re.search(r"(\d+) patients", summary(manager).inner_text()).group(1))


def sees_the_gap(manager: Person, family: str, title: str, *words: str) -> None:
    """One line of the row: the gap with its status and its why."""
    line = row(manager, family).get_by_role("listitem").filter(has_text=title)
    for word in words:
        expect(line).to_contain_text(word)


def does_not_see_the_gap(manager: Person, family: str, title: str) -> None:
    summary(manager).wait_for()
    manager.settled()
    expect(row(manager, family).get_by_role("listitem").filter(has_text=title)).to_have_count(0)


def ticks(manager: Person, one_row: Locator) -> str:
    """Ticks a row and says whose it is."""
    name = one_row.get_by_role("heading").inner_text()
    box = one_row.get_by_role("checkbox")
    box.scroll_into_view_if_needed()
    one_row.locator("label").first.click()
    expect(box).to_be_checked()
    manager.settled()
    return name
