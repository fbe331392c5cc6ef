"""Questionnaires in the portal: offered only where a crisis would be answered, and a worrying answer is never alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from data_contracts.api.questionnaires import CoveragePerson, CrisisCoverage, OwnAnswers
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource
from portal.session import PatientSession
from portal.text import Words
from tests.unit.charting.test_questionnaires import answers

COVER = CrisisCoverage(
    people=[CoveragePerson(practitioner_id="chen", name="Dr Ada Chen", phone="518-555-0101")]
)
CALM = answers("phq-9", 1, 0, 0, 0, 0, 0, 0, 0, 0)
WORRYING = answers("phq-9", None, None, None, None, None, None, None, None, 1)


@pytest.fixture(autouse=True)
def same_main() -> Iterator[None]:
    """AppTest puts the page in the place of `__main__`; a process that is spawned later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def covered(clinician) -> None:
    clinician.questionnaires.name_coverage(COVER)


def offered(client) -> list[str]:
    return [form.questionnaire_id for form in client.portal.questionnaires().forms]


def test_without_anybody_named_one_that_may_show_a_crisis_is_neither_offered_nor_taken(ana, clinician):
    assert "phq-9" not in offered(ana)
    assert "gad-7" in offered(ana)
    with pytest.raises(Conflict, match="988"):
        ana.portal.fill("phq-9", OwnAnswers(answers=WORRYING))
    assert clinician.questionnaires.of_patient("ana").answered == []


@pytest.mark.usefixtures("covered")
def test_a_worrying_answer_opens_an_urgent_item_with_who_is_on_call_and_shows_help(ana, clinician):
    assert "phq-9" in offered(ana)
    done = ana.portal.fill("phq-9", OwnAnswers(answers=WORRYING, language="es"))
    assert "988" in done.crisis_words
    assert "Ya avisamos" in done.crisis_words
    (item,) = clinician.questionnaires.urgent().items
    assert (item.patient.patient_id, item.owner, item.state) == ("ana", "Dr Ada Chen", "waiting")
    (line,) = clinician.questionnaires.of_patient("ana").answered
    assert (line.questionnaire_id, line.score) == ("phq-9", None)


@pytest.mark.usefixtures("covered")
def test_a_calm_one_is_a_result_in_the_chart_and_shows_the_person_no_score(ana, clinician):
    done = ana.portal.fill("phq-9", OwnAnswers(answers=CALM))
    assert (done.unanswered, done.crisis_words) == (0, None)
    assert clinician.questionnaires.urgent().items == []
    series = {one.code: one.points[0].text for one in clinician.charting.results("ana").series}
    assert series["44261-6"].startswith("1")


def test_nobody_but_the_person_answers_and_only_what_is_offered(ben, clinician):
    with pytest.raises(Forbidden):
        clinician.portal.questionnaires()
    with pytest.raises(InvalidResource):
        ben.portal.fill("no-such", OwnAnswers(answers={"1": "2"}))
    with pytest.raises(InvalidResource):
        ben.portal.fill("gad-7", OwnAnswers(answers={"69725-0": "LA-nothing"}))


def at_the_page(session) -> None:
    import streamlit as st

    from portal.pages.questionnaires import questionnaires_page

    st.session_state["session"] = session
    questionnaires_page()


@pytest.mark.usefixtures("covered")
def test_help_stands_on_the_page_at_the_click_before_anything_is_sent(ana, clinician):
    session = PatientSession(ana, Words("en"))
    page = AppTest.from_function(at_the_page, args=(session,)).run(timeout=30)
    page = next(one for one in page.button if one.label.startswith("PHQ-9")).click().run(timeout=30)
    assert not page.error
    page = page.radio[-1].set_value("LA6569-3").run(timeout=30)
    assert "988" in page.error[0].value
    assert clinician.questionnaires.urgent().items == []
    page = next(one for one in page.button if one.label == "Send my answers").click().run(timeout=30)
    assert not page.exception
    assert "We have told the people on call" in page.error[0].value
    assert len(clinician.questionnaires.urgent().items) == 1


@pytest.mark.usefixtures("covered")
def test_in_spanish_the_words_are_spanish_and_the_codes_and_points_the_same(ana):
    english, spanish = (ana.portal.questionnaires(language).forms for language in ("en", "es"))
    told = {form.questionnaire_id: form.language for form in spanish}
    assert {one for one, language in told.items() if language == "es"} == {"phq-9", "phq-2", "gad-7"}
    for one, other in zip(english, spanish, strict=True):
        assert [question.code for question in one.questions] == [
            question.code for question in other.questions
        ]
        for first, second in zip(one.questions, other.questions, strict=True):
            answers_of = [
                [(choice.code, choice.points) for choice in each.choices] for each in (first, second)
            ]
            assert answers_of[0] == answers_of[1]
            assert (first.words != second.words) == (told[one.questionnaire_id] == "es")
    worst = next(form for form in spanish if form.questionnaire_id == "phq-9").questions[-1]
    assert "muerto(a)" in worst.words
    assert worst.choices[0].words == "Ningún día"
