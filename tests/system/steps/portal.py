"""A patient at the portal: things to do and results, in their language."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from portal.text import LANGUAGES, Words
from tests.lib.browser import Person


def opens_home(patient: Person, language: str) -> None:
    patient.opens()
    speaks(patient, language)


def speaks(patient: Person, language: str) -> None:
    """Chooses it, and sees the page in it."""
    choice = patient.page.get_by_role("radio", name=LANGUAGES[language])
    patient.settled()
    if not choice.is_checked():
        choice.click()
    sees_heading(patient, Words(language)("home.to_do"))


def sees_heading(patient: Person, title: str) -> None:
    expect(patient.page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    patient.settled()


def sees_everything_to_do(patient: Person, language: str) -> None:
    more = patient.page.get_by_role("button", name=Words(language)("home.show_all"))
    if more.count():
        more.click()
        expect(more).to_have_count(0)
    patient.settled()


def things(patient: Person) -> Locator:
    return patient.page.locator('[class*="st-key-thing-"]')


def thing(patient: Person, title: str) -> Locator:
    return things(patient).filter(has=patient.page.get_by_role("heading", name=title))


def result(patient: Person, value: str) -> Locator:
    return patient.page.locator('[class*="st-key-result-"]').filter(has_text=value)


def goes_to_the_results(patient: Person, language: str) -> None:
    patient.goes_to(Words(language)("results.page"))
    sees_heading(patient, Words(language)("results.page"))


def sees_the_result(patient: Person, value: str) -> None:
    """Anywhere among the results, the earlier ones too."""
    goes_to_the_results(patient, "es")
    expect(result(patient, value)).to_have_count(1)


def sees_no_result(patient: Person, value: str) -> None:
    goes_to_the_results(patient, "es")
    expect(patient.page.locator('[class*="st-key-result-"]').first).to_be_visible()
    expect(result(patient, value)).to_have_count(0)


def is_asked_for(patient: Person, title: str) -> None:
    expect(thing(patient, title)).to_be_visible()


def is_not_asked_for(patient: Person, title: str, language: str) -> None:
    sees_everything_to_do(patient, language)
    expect(things(patient).first).to_be_visible()
    expect(thing(patient, title)).to_have_count(0)


def says_she_already_had(patient: Person, title: str, *, when: str, where: str) -> None:
    words = Words("en")
    sees_everything_to_do(patient, "en")
    patient.presses(words("home.already_had"), thing(patient, title))
    patient.types(words("already.when"), when, patient.dialog)
    patient.types(words("already.where"), where, patient.dialog)
    patient.presses(words("already.send"), patient.dialog)
    expect(patient.page.get_by_text(words("already.sent"))).to_be_visible()
    patient.settled()


def takes_it_back(patient: Person, title: str, language: str) -> None:
    words = Words(language)
    sees_everything_to_do(patient, language)
    patient.presses(words("reply.take_back"), thing(patient, title))
    expect(patient.page.get_by_text(words("reply.taken_back"))).to_be_visible()
    patient.settled()


def is_told(patient: Person, title: str, *said: str) -> None:
    """About an item on the list, or under what was told about others."""
    told = patient.page.locator('[class*="st-key-thing-"], [class*="st-key-told-"]')
    about = told.filter(has=patient.page.get_by_role("heading", name=title))
    for words in said:
        expect(about).to_contain_text(words)


def slots(patient: Person) -> Locator:
    """Free times, as buttons with the clock and the clinician."""
    return patient.page.locator('[class*="st-key-slot-"]').get_by_role("button")
