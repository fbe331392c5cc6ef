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


def sees_the_patient_among(person: Person, membership: str, family: str, *words: str) -> None:
    """In the list of those behind the rate."""
    person.page.get_by_role("radio", name=membership, exact=True).click()
    person.settled()
    line = person.page.get_by_test_id("stHorizontalBlock").filter(has_text=f"{family.upper()},").last
    for word in words:
        expect(line).to_contain_text(word)
