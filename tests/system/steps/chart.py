"""A clinician at the chart: open it, record, correct, and read a care gap's card."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Locator, expect

from tests.lib.browser import Person

HBA1C = "Hemoglobin A1c"


def opens_the_chart_from_today(clinician: Person, family: str) -> None:
    clinician.goes_to("Today")
    visit = clinician.page.locator('[class*="st-key-visit-"]').filter(has_text=family)
    clinician.presses("Open chart", visit)
    sees_the_banner_of(clinician, family)


def opens_the_chart(person: Person, search: str, family: str) -> None:
    """By the address of the search: on a phone the navigation is folded away."""
    person.opens("patients")
    searches_for(person, search)
    person.presses("Open chart", hits(person).filter(has_text=family).first)
    sees_the_banner_of(person, family)


def opens_the_chart_from_search(clinician: Person, search: str, family: str) -> None:
    clinician.goes_to("Patients")
    searches_for(clinician, search)
    clinician.presses("Open chart", hits(clinician).filter(has_text=family).first)
    sees_the_banner_of(clinician, family)


def searches_for(clinician: Person, search: str) -> None:
    clinician.types("Name, birth date, MRN or phone", search)
    clinician.page.get_by_text(re.compile(r"\bfound\b|^The first|^Nobody found")).wait_for()
    clinician.settled()


def hits(clinician: Person) -> Locator:
    return clinician.page.locator('[class*="st-key-hit-"]')


def banner(clinician: Person) -> Locator:
    return clinician.page.get_by_role("region", name="Patient", exact=True)


def sees_the_banner_of(clinician: Person, family: str) -> None:
    expect(banner(clinician)).to_contain_text(family.upper())
    clinician.settled()


def patient_id_of(clinician: Person) -> str:
    """The open chart's patient, as its address has it."""
    clinician.page.wait_for_url("**patient=*")
    return re.search(r"patient=([^&]+)", clinician.page.url).group(1)


def card(clinician: Person, gap: str) -> Locator:
    """The card of one care gap, by the id of its recommendation."""
    return clinician.page.locator(f".st-key-gap-{gap}")


def sees_the_card(clinician: Person, gap: str, *words: str) -> None:
    """One card with all of it. While Streamlit moves a card, its old place still shows the old one for a moment."""
    said = card(clinician, gap)
    for word in words:
        said = said.filter(has_text=word)
    expect(said).to_have_count(1)
    expect(card(clinician, gap)).to_have_count(1)


def seconds_until_the_card_says(clinician: Person, gap: str, *words: str) -> float:
    """From now until the card shows all of it."""
    begun = time.monotonic()
    sees_the_card(clinician, gap, *words)
    return time.monotonic() - begun


def sees_the_evidence(clinician: Person, gap: str, *words: str) -> None:
    clinician.settled()
    opened = card(clinician, gap)
    opened.get_by_text("Why, and from which evidence").click()
    for word in words:
        expect(opened.get_by_role("paragraph").filter(has_text="Evidence:")).to_contain_text(word)


def chooses_more(person: Person, gap: str, act: str) -> None:
    """An act behind the card's 'More'."""
    person.settled()
    person.presses("More", card(person, gap))
    person.page.get_by_role("menuitem", name=act).or_(
        person.page.get_by_role("option", name=act)
    ).first.click()
    person.dialog.wait_for()
    person.settled()


def types_a_day(clinician: Person, label: str, year: str, month: str, day: str) -> None:
    for part, digits in (("year", year), ("month", month), ("day", day)):
        clinician.dialog.get_by_role("spinbutton", name=f"{part}, {label}").click()
        clinician.page.keyboard.type(digits)
    clinician.page.keyboard.press("Tab")
    clinician.settled()


def records_a_result(clinician: Person, test: str, value: str) -> None:
    clinician.settled()
    clinician.presses(re.compile("^Record result"))
    clinician.chooses("Test", test, clinician.dialog)
    clinician.types("Value", value, clinician.dialog)
    clinician.presses("Save result", clinician.dialog)


def looks_at_one_test(clinician: Person, name: str) -> None:
    clinician.settled()
    box = clinician.page.get_by_role("combobox", name="Look at one test")
    if box.input_value() != name:
        clinician.chooses("Look at one test", name)


def row_of(clinician: Person, value: str) -> Locator:
    """The line of one value below the test that is looked at."""
    rows = clinician.page.locator(".st-key-results").get_by_test_id("stHorizontalBlock")
    return rows.filter(has_text=value).filter(has=clinician.page.get_by_role("button")).first


def marks_it_entered_in_error(clinician: Person, value: str, why: str) -> None:
    clinician.presses("Entered in error", row_of(clinician, value))
    clinician.types("Why", why, clinician.dialog)
    clinician.presses("Mark as entered in error", clinician.dialog)


def corrects_it(clinician: Person, value: str, right_value: str, why: str) -> None:
    clinician.presses("Correct", row_of(clinician, value))
    clinician.types("Correct value", right_value, clinician.dialog)
    clinician.types("Why", why, clinician.dialog)
    clinician.presses("Save correction", clinician.dialog)


def writes_to_the_patient(clinician: Person, value: str, words: str) -> None:
    """Words that go with the review of one value."""
    clinician.presses("Words for the patient", row_of(clinician, value))
    box = clinician.page.get_by_role("textbox", name=re.compile("^What the patient reads"))
    box.fill(words)
    box.press("Control+Enter")
    clinician.settled()
    clinician.page.keyboard.press("Escape")
    clinician.settled()


def looks_at_one_entry(clinician: Person, kind: str, starts_with: str) -> None:
    """One procedure, vaccination or document of past care, by how its line begins."""
    clinician.settled()
    clinician.presses_radio(kind, past_care(clinician))
    box = past_care(clinician).get_by_role("combobox", name="Look at one entry")
    box.scroll_into_view_if_needed()
    box.click()
    clinician.page.get_by_role("option", name=re.compile(f"^{starts_with}")).first.click()
    clinician.settled()


def past_care(clinician: Person) -> Locator:
    return clinician.page.locator(".st-key-past_care")
