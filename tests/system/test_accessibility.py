"""Every page in light and dark passes axe-core's rules without a serious or critical finding."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lib.browser import Person, Room
from tests.system.steps import chart

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not among the tests' pins"
)
pytestmark = [pytest.mark.browser, pytest.mark.long]

GRAVE = ("serious", "critical")


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("app", ["staff", "portal"])
def test_the_way_in(room: Room, scheme: str, app: str):
    somebody = room.newcomer("Somebody", room.system.url_of(app), color_scheme=scheme)
    somebody.opens()
    nothing_grave_on(somebody, "the first page")
    somebody.asks_to_sign_in()
    nothing_grave_on(somebody, "the sign-in page")


def test_a_clinicians_pages(room: Room, scheme: str):
    okafor = room.sign_in("clinician", color_scheme=scheme)
    nothing_grave_on(okafor, "Today")
    okafor.goes_to("Patients")
    chart.searches_for(okafor, "Garcia")
    nothing_grave_on(okafor, "Patients")
    chart.opens_the_chart_from_search(okafor, "Nora Fitzgerald", "Fitzgerald")
    nothing_grave_on(okafor, "the chart")
    okafor.presses(re.compile("^Record vitals"))
    okafor.dialog.wait_for()
    okafor.settled()
    nothing_grave_on(okafor, "a dialog")


def test_a_care_managers_pages(room: Room, scheme: str):
    sam = room.sign_in("care_manager", color_scheme=scheme)
    nothing_grave_on(sam, "the worklist")
    sam.opens("measures?measure=colorectal_cancer_screening")
    sam.page.get_by_role("heading", name="Patients behind this rate").wait_for()
    sam.settled()
    nothing_grave_on(sam, "a measure")


@pytest.mark.parametrize(("role", "paths"), [("admin", ["audit", "account"]), ("patient", ["", "results"])])
def test_an_administrators_and_a_patients_pages(room: Room, scheme: str, role: str, paths: list[str]):
    person = room.sign_in(role, color_scheme=scheme)
    for path in paths:
        person.opens(path)
        nothing_grave_on(person, path or "home")


def nothing_grave_on(person: Person, page: str) -> None:
    found = axe.Axe().run(person.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert not list(_told(found)), f"on {page}: {list(_told(found))}"


def _told(violations: list[dict]) -> Iterator[str]:
    for one in violations:
        if one["impact"] in GRAVE:
            yield f"{one['id']} ({one['impact']}): " + "; ".join(
                node["html"][:150] for node in one["nodes"][:3]
            )
