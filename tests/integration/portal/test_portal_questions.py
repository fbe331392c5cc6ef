"""A person answers questions at home; the one about self-harm is only asked while somebody is named to answer it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from data_contracts.api.portal_questionnaires import AnswerOwn
from data_contracts.api.questionnaires import CoveragePerson, CrisisCoverage
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource
from portal.text import Words
from tests.integration.chart_records import put
from tests.lib import app_pages
from tests.lib.app_pages import press, shown

NOT_AT_ALL, SEVERAL_DAYS = "LA6568-5", "LA6569-3"
SELF_HARM = "44260-8"


@pytest.fixture(autouse=True)
def same_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def okafor(api):
    put(api, "Practitioner", "okafor", name=[{"family": "Okafor", "given": ["Ada"]}])
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def covered(okafor):
    named = CoveragePerson(practitioner_id="okafor", name="Dr Ada Okafor", phone="716-555-0100")
    okafor.questionnaires.name_coverage(CrisisCoverage(people=[named]))


def offered(client) -> list[str]:
    return [one.form.questionnaire_id for one in client.portal.questionnaires().questionnaires]


def all_of(client, questionnaire_id: str, answer: str = NOT_AT_ALL, **other: str) -> AnswerOwn:
    form = next(
        one.form
        for one in client.portal.questionnaires().questionnaires
        if one.form.questionnaire_id == questionnaire_id
    )
    return AnswerOwn(answers={question.code: answer for question in form.questions} | other)


def test_answers_from_home_are_in_the_chart_with_their_score_and_the_person_reads_none(ben, okafor):
    received = ben.portal.answer("gad-7", all_of(ben, "gad-7", SEVERAL_DAYS))
    assert (received.needs_help, received.unanswered) == (False, 0)
    assert "score" not in received.model_dump()
    (line,) = okafor.questionnaires.of_patient("ben").answered
    assert (line.questionnaire_id, line.score.points, line.status) == ("gad-7", 7, "completed")
    (told,) = [one for one in ben.portal.questionnaires().questionnaires if one.answered_on]
    assert told.form.questionnaire_id == "gad-7"


def test_the_one_about_self_harm_is_neither_offered_nor_taken_while_nobody_is_named(ben):
    assert "phq-9" not in offered(ben)
    with pytest.raises(Conflict):
        ben.portal.answer("phq-9", AnswerOwn(answers={SELF_HARM: NOT_AT_ALL}))


def test_a_worrying_answer_opens_the_urgent_item_of_who_is_named(ben, okafor, covered):
    assert "phq-9" in offered(ben)
    received = ben.portal.answer("phq-9", all_of(ben, "phq-9", **{SELF_HARM: SEVERAL_DAYS}))
    assert received.needs_help
    (item,) = okafor.questionnaires.urgent().items
    assert (item.patient.patient_id, item.owner, item.state) == ("ben", "Dr Ada Okafor", "waiting")


def test_nobody_answers_for_somebody_else_and_nonsense_is_refused(api, ben, okafor):
    with pytest.raises(Forbidden):
        okafor.portal.answer("gad-7", AnswerOwn(answers={"69725-0": NOT_AT_ALL}))
    with pytest.raises(InvalidResource):
        ben.portal.answer("gad-7", AnswerOwn(answers={"69725-0": "perhaps"}))
    with pytest.raises(InvalidResource):
        ben.portal.answer("no-such", AnswerOwn(answers={"x": "y"}))


def questions(client, language: str = "en") -> AppTest:
    session = SimpleNamespace(client=client, words=Words(language))
    return app_pages.opened(session, "portal.pages.questions", "questions_page")


def test_help_stands_on_the_page_before_anything_is_sent_and_after(ben, okafor, covered):
    words = Words("en")
    page = questions(ben)
    page.button(key="ask-start-phq-9").click().run(timeout=60)
    item = page.radio(key=f"ask-phq-9-{SELF_HARM}")
    item.set_value(NOT_AT_ALL).run(timeout=60)
    assert words("ask.help") not in shown(page)
    page.radio(key=f"ask-phq-9-{SELF_HARM}").set_value(SEVERAL_DAYS).run(timeout=60)
    assert words("ask.help") in shown(page)
    assert okafor.questionnaires.urgent().items == []
    press(page, words("ask.send"))
    assert not page.exception
    assert words("ask.help") in shown(page)
    assert words("ask.help_sent") in shown(page)
    assert len(okafor.questionnaires.urgent().items) == 1


def test_a_page_in_spanish_says_that_the_questions_are_in_english_and_what_was_chosen_stays(ana):
    words = Words("es")
    page = questions(ana, "es")
    assert words("ask.only_english") in shown(page)
    page.button(key="ask-start-gad-7").click().run(timeout=60)
    send = next(button for button in page.button if button.label == words("ask.send"))
    assert send.disabled, "nothing is chosen yet"
    page.radio[0].set_value(SEVERAL_DAYS).run(timeout=60)
    press(page, words("ask.send"))
    assert words("ask.sent") in shown(page)
