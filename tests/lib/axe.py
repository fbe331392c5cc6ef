"""What axe-core finds on the page in front of a person, in each look that a page has."""

from __future__ import annotations

from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.lib.browser import PHONE, Person

GRAVE = ("serious", "critical")
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE, "is_mobile": True, "has_touch": True},
}


def sees_page(person: Person, path: str, heading: str) -> None:
    person.opens(path)
    expect(person.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    person.settled()


def nothing_grave_on(person: Person, page: str) -> None:
    """Also, nothing is wider than the screen: what does not fit scrolls in itself."""
    found = Axe().run(person.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert not list(_told(found)), f"on {page}: {list(_told(found))}"
    screen, wide = person.page.evaluate("[window.innerWidth, document.scrollingElement.scrollWidth]")
    assert wide <= screen, f"on {page}: {wide} pixels wide on a screen of {screen}"


def _told(violations: list[dict]) -> Iterator[str]:
    for one in violations:
        if one["impact"] in GRAVE:
            yield f"{one['id']} ({one['impact']}): " + "; ".join(
                node["html"][:150] for node in one["nodes"][:3]
            )
