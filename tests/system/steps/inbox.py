"""Somebody at the results inbox and the order basket, with the clicks that it takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

from tests.lib.browser import Person

SORTED_MS = 40_000


@dataclass
class Clicks:
    """Counts what a person presses; typing does not count."""

    person: Person
    made: int = 0

    def on(self, target: Locator) -> None:
        target.click()
        self.made += 1
        self.person.settled()


def link(person: Person) -> Locator:
    """The inbox in the navigation, whatever its count says."""
    return person.page.get_by_role("navigation").get_by_role("link", name=re.compile("^Inbox"))


def card(person: Person, family: str) -> Locator:
    return person.page.locator('[class*="st-key-inbox-"]').filter(has_text=family.upper())


def button(person: Person, label: str, within: Locator | None = None) -> Locator:
    return (within or person.page).get_by_role("button", name=label).first


def opens_the_inbox(person: Person) -> None:
    link(person).click()
    expect(person.page.get_by_role("heading", name="Inbox")).to_be_visible()
    person.settled()


def sees_it_sorted(person: Person, wanted: Locator) -> None:
    """What has just come in is sorted within seconds, and the page draws itself anew."""
    expect(wanted.first).to_be_visible(timeout=SORTED_MS)


def basket(person: Person) -> Locator:
    return person.page.locator(".st-key-basket")


def orders(person: Person) -> Locator:
    return person.page.locator(".st-key-orders")


def puts_into_the_basket(person: Person, option: str, **said: str) -> None:
    """By its name as the list shows it, from the chart's order dialog; `said`: fields of the form by their labels."""
    button(person, "Order", orders(person)).click()
    person.dialog.wait_for()
    box = person.dialog.get_by_role("combobox", name="What to order")
    box.click()
    box.fill(option)
    person.page.get_by_role("option", name=re.compile(f"^{re.escape(option)} ·")).first.click()
    person.settled()
    for label, words in said.items():
        if person.dialog.get_by_role("combobox", name=label, exact=True).count():
            person.chooses(label, words, person.dialog)
        else:
            person.types(label, words, person.dialog)
    person.presses("Add to basket", person.dialog)
    expect(basket(person)).to_contain_text(option)
    person.settled()
