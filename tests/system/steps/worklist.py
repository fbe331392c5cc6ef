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


def names(manager: Person) -> list[str]:
    return rows(manager).get_by_role("heading").all_inner_texts()


def record_number(one_row: Locator) -> str:
    """Two people may share a name, never this."""
    return re.search(r"MRN (\w+)", one_row.inner_text()).group(1)


def titles(one_row: Locator) -> list[str]:
    """The row's care gaps."""
    return one_row.get_by_role("listitem").locator("b").all_inner_texts()


def finds_by_name(manager: Person, name: str) -> None:
    manager.types("Name", name)


def opens_the_worklist_anew(manager: Person) -> None:
    manager.opens("worklist")
    summary(manager).wait_for()
    manager.settled()


def summary(manager: Person) -> Locator:
    return manager.page.get_by_text(re.compile(r"\d+ patients · \d+ .*gaps"))


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


def opens_the_assign_dialog(manager: Person) -> None:
    manager.presses(re.compile(r"^Assign \d"))
    manager.dialog.wait_for()
    manager.settled()


def named_in_the_assign_dialog(manager: Person) -> list[str]:
    opens_the_assign_dialog(manager)
    named = manager.dialog.locator("strong").all_inner_texts()
    manager.dialog.get_by_role("button", name="Close").click()
    expect(manager.dialog).to_have_count(0)
    manager.settled()
    return named


def turns_to_page(manager: Person, number: int) -> None:
    before = names(manager)
    manager.page.get_by_role("button", name=str(number), exact=True).or_(
        manager.page.get_by_role("button", name=f"Page {number}", exact=True)
    ).first.click()
    expect(rows(manager).filter(has_text=before[0])).to_have_count(0)
    manager.settled()


def chooses_more(manager: Person, one_row: Locator, act: str) -> None:
    """An act behind the row's 'More'."""
    manager.settled()
    manager.presses("More", one_row)
    manager.page.get_by_role("menuitem", name=act).or_(
        manager.page.get_by_role("option", name=act)
    ).first.click()
    manager.dialog.wait_for()
    manager.settled()


def goes_to_the_replies(manager: Person) -> None:
    opens_the_worklist_anew(manager)
    manager.presses(re.compile(r"^\d+ repl.* from patients to review$"))
    expect(manager.page.get_by_role("heading", name="Replies", exact=True)).to_be_visible()
    manager.settled()


def reply(manager: Person, family: str, title: str) -> Locator:
    """The waiting reply of one patient about one care gap."""
    waiting = manager.page.locator('[class*="st-key-reply-"]').filter(has_text=f"{family.upper()},")
    return waiting.filter(has_text=title)


def answers(manager: Person, one_reply: Locator, outcome: str, words: str = "") -> None:
    manager.presses("Answer", one_reply)
    manager.dialog.wait_for()
    manager.settled()
    manager.dialog.get_by_text(outcome, exact=True).click()
    manager.settled()
    if words:
        manager.dialog.get_by_role("textbox").fill(words)
        manager.page.keyboard.press("Tab")
        manager.settled()
    manager.presses("Send answer", manager.dialog)
