"""Anybody at the measures: the list's line of one measure, and its page."""

from __future__ import annotations

import re
from typing import NamedTuple

from playwright.sync_api import Locator, expect

from tests.lib.browser import Person


class Counted(NamedTuple):
    """A measure's rate as the page says it, and the counts beside it."""

    rate: str
    met: int
    denominator: int


def opens_the_measure(person: Person, measure_id: str) -> None:
    person.opens(f"measures?measure={measure_id}")
    person.page.get_by_role("region", name="Counts beside the rate").wait_for()
    person.settled()


def counts(person: Person) -> Locator:
    return person.page.get_by_role("region", name="Counts beside the rate")


def counted(person: Person) -> Counted:
    rate = person.page.get_by_test_id("stMetricValue").inner_text()
    return Counted(rate.strip(), _count(person, "Met"), _count(person, "Denominator"))


def _count(person: Person, label: str) -> int:
    line = counts(person).get_by_role("row", name=re.compile(f"^{label}"))
    return int(line.get_by_role("cell").last.inner_text().replace(",", ""))


def count_of_group(person: Person, kind: str, group: str, heading: str) -> int:
    """A number of one group's line in the table that compares the groups."""
    table = person.page.get_by_role("region", name=f"Rates by {kind.lower()}")
    place = table.get_by_role("columnheader").all_inner_texts().index(heading)
    line = table.get_by_role("row").filter(has_text=re.compile(f"^{group}"))
    return int(line.get_by_role("cell").nth(place).inner_text().replace(",", ""))


def people(person: Person) -> Locator:
    """Those behind the rate, on this page of the list."""
    return person.page.get_by_role("button", name="Open chart")


def people_counted(person: Person) -> Locator:
    return person.page.get_by_text(re.compile(r"^\d+ patients? · protected"))


def turns_to_page(person: Person, number: int) -> None:
    person.page.get_by_role("button", name=re.compile(rf"^(Page )?{number}$")).first.click()
    person.settled()


def sees_the_patient_among(person: Person, membership: str, family: str, *words: str) -> None:
    """In the list of those behind the rate."""
    person.page.get_by_role("radio", name=membership, exact=True).click()
    person.settled()
    line = person.page.get_by_test_id("stHorizontalBlock").filter(has_text=f"{family.upper()},").last
    for word in words:
        expect(line).to_contain_text(word)
