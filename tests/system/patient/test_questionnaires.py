"""A patient answers the PHQ-9 at home: help is there at the click, and somebody named has it before she is done."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from data_contracts.api.questionnaires import CoveragePerson, CrisisCoverage
from portal.text import Words
from tests.lib.browser import Person, Room
from tests.lib.real_client import signed_in
from tests.system.steps import portal

pytestmark = [pytest.mark.browser, pytest.mark.long]

ES = Words("es")
NOT_AT_ALL, SEVERAL_DAYS = "Ningún día", "Varios días"
WORST = "Pensar que estaría mejor muerto(a)"


def test_a_worrying_answer_shows_988_at_once_and_is_before_the_clinician_on_call(room: Room):
    names_who_answers(room)
    ana = room.sign_in("patient")
    portal.opens_home(ana, "es")
    ana.goes_to(ES("questionnaires.page"))
    ana.presses("PHQ-9 (depresión)")
    portal.sees_heading(ana, "PHQ-9 (depresión)")
    answers(ana, "Poco interés o placer", SEVERAL_DAYS)
    expect(help_line(ana)).to_have_count(0)

    answers(ana, WORST, NOT_AT_ALL)
    expect(help_line(ana)).to_have_count(0)
    answers(ana, WORST, SEVERAL_DAYS)
    expect(help_line(ana)).to_contain_text("988")
    assert_nothing_was_sent(room)

    ana.presses(ES("questionnaires.send"))
    expect(ana.page.get_by_text(ES("questionnaires.thanks"))).to_be_visible()
    expect(help_line(ana)).to_contain_text("988")
    expect(help_line(ana)).to_contain_text("Ya avisamos")
    assert not re.search(r"\b\d+ (?:de|of) 27\b", ana.text()), "the person sees no score"

    okafor = room.sign_in("clinician")
    item = okafor.page.locator('[class*="st-key-urgent-"]').filter(has_text="REYES").first
    expect(item).to_contain_text("Dr. Maya Okafor, 518-555-0101 has it")
    expect(item).to_contain_text("MRN")
    okafor.presses("I take it", item)
    expect(item).to_contain_text("took it")
    okafor.settled()
    okafor.presses("Finish", item)
    expect(okafor.dialog).to_contain_text("REYES")
    okafor.dialog.get_by_label("What was found and done").fill(
        "Called her; safe, with her sister; visit tomorrow."
    )
    okafor.dialog.get_by_label("What was found and done").press("Tab")
    okafor.settled()
    okafor.presses("Finish", okafor.dialog)
    expect(okafor.page.get_by_text("The urgent item is finished.")).to_be_visible()


def names_who_answers(room: Room) -> None:
    clinician = signed_in(room.system, "clinician")
    me = clinician.account.me()
    named = clinician.questionnaires.coverage()
    person = CoveragePerson(practitioner_id=me.practitioner_id, name=me.name, phone="518-555-0101")
    clinician.questionnaires.name_coverage(CrisisCoverage(people=[person], version=named.version))


def answers(ana: Person, question: str, answer: str) -> None:
    asked = ana.page.get_by_role("radiogroup", name=re.compile(re.escape(question)))
    asked.get_by_text(answer, exact=True).click()
    ana.settled()


def help_line(ana: Person):
    return ana.page.get_by_role("alert").filter(has_text="988")


def assert_nothing_was_sent(room: Room) -> None:
    items = signed_in(room.system, "clinician").questionnaires.urgent().items
    assert [one for one in items if one.patient.name.family == "Reyes"] == []
