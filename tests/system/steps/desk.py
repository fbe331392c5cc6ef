"""The front desk at work: look for somebody, register, change a profile, merge and take back."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.lib.browser import Person
from tests.system.steps import chart

LOOK = "First look for the person: name, birth date, MRN or phone"


def looks_for(clerk: Person, search: str) -> None:
    clerk.goes_to("Register")
    clerk.types(LOOK, search)
    clerk.settled()


def sees_the_profile_of(clerk: Person, family: str) -> None:
    expect(clerk.page.get_by_role("heading", name="Identity", exact=True)).to_be_visible()
    chart.sees_the_banner_of(clerk, family)


def card(clerk: Person, name: str) -> Locator:
    """One part of a profile."""
    return clerk.page.locator(f".st-key-profile-{name}")


def changes(clerk: Person, name: str) -> None:
    clerk.presses("Change", card(clerk, name))
    clerk.dialog.wait_for()
    clerk.settled()


def saves(clerk: Person, label: str = "Save") -> None:
    clerk.dialog.get_by_role("button", name=label, exact=True).click()
    clerk.settled()


def pair_of(clerk: Person, family: str) -> Locator:
    return clerk.page.locator('[class*="st-key-pair-"]').filter(has_text=family.upper())


class CountedClicks:
    """Clicks of the mouse within a block, counted in the page itself; a page that is left is counted too."""

    COUNT = (
        "window.sessionStorage.setItem('clicks', '0'); if (!window.counting) { window.counting = true; "
        "window.addEventListener('click', e => { if (e.isTrusted) window.sessionStorage.setItem('clicks', "
        "String(1 + Number(window.sessionStorage.getItem('clicks')))); }, true); }"
    )

    def __init__(self, person: Person):
        self.person = person

    def __enter__(self) -> CountedClicks:
        self.person.page.evaluate(f"() => {{ {self.COUNT} }}")
        return self

    def __exit__(self, *_: object) -> None:
        self.number = int(self.person.page.evaluate("() => window.sessionStorage.getItem('clicks')"))
