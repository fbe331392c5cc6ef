"""Questionnaires over a real database: stored answers, a score that is a result, and a crisis that is never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from data_contracts.api.questionnaires import (
    CoveragePerson,
    CrisisCoverage,
    FillQuestionnaire,
    FinishUrgent,
)
from ehr_core.kernel.errors import Conflict, Forbidden, StaleVersion
from tests.integration.chart_records import body_of, put_patient, put_site
from tests.integration.fhir.conftest import client_of
from tests.lib.api import MORNING, running_api
from tests.unit.charting.test_questionnaires import answers


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        yield running


@pytest.fixture
def nurse(api):
    return api.signed_in("nina", "nurse")


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


def filled(where="in_person", **answered):
    return FillQuestionnaire(at=MORNING, where=where, answers=answered)


CALM = answers("phq-9", 2, 2, 2, 2, 2, 0, 0, 0, 0)
WORRYING = answers("phq-9", 2, 2, None, None, None, None, None, None, 1)
COVER = CrisisCoverage(
    people=[
        CoveragePerson(practitioner_id="chen", name="Dr Ada Chen", phone="518-555-0101"),
        CoveragePerson(practitioner_id="okafor", name="Dr Ada Okafor"),
    ],
    respond_within_minutes=10,
)


def test_a_whole_questionnaire_is_a_result_and_a_part_of_one_has_no_score(api, nurse):
    done = nurse.questionnaires.fill("ana", "phq-9", filled(**CALM))
    assert (done.score.points, done.score.band, done.crisis, done.unanswered) == (10, "moderate", None, [])
    series = {one.code: one.points[0].text for one in nurse.charting.results("ana").series}
    assert series["44261-6"].startswith("10")
    part = nurse.questionnaires.fill("ana", "gad-7", filled(**answers("gad-7", 3, 3, 3, 3, 3, 3, None)))
    assert part.score is None
    assert len(part.unanswered) == 1
    assert "70274-6" not in {one.code for one in nurse.charting.results("ana").series}
    assert body_of(api, "QuestionnaireResponse", part.response_id)["status"] == "in-progress"
    listed = nurse.questionnaires.of_patient("ana").answered
    assert {(line.title, line.score and line.score.points) for line in listed} == {
        ("PHQ-9 (depression)", 10),
        ("GAD-7 (anxiety)", None),
    }


def test_the_answers_are_kept_from_whom_their_score_is_kept_from(api, nurse):
    nurse.questionnaires.fill("ana", "phq-9", filled(**CALM))
    open_to_all = nurse.questionnaires.fill(
        "ana", "social-needs", filled(**answers("social-needs", 1, None, 0))
    )
    ana = client_of(api, "patient", patient_id="ana")
    assert ana.found("/QuestionnaireResponse") == [f"QuestionnaireResponse/{open_to_all.response_id}"]


def test_social_needs_are_findings_of_their_own_and_hunger_is_a_coded_risk(nurse):
    nurse.questionnaires.fill("ana", "social-needs", filled(**answers("social-needs", 1, None, 0)))
    nurse.questionnaires.fill("ana", "hunger-vital-sign", filled(**answers("hunger-vital-sign", 0, 1)))
    series = {one.code: one.points[0].text for one in nurse.charting.results("ana").series}
    assert "worried about losing it" in series["71802-3"]
    assert series["88124-3"] == "At risk"
    assert "93030-5" not in series


def test_a_worrying_answer_shows_help_at_once_and_opens_an_item_with_named_people(api, nurse, clinician):
    clinician.questionnaires.name_coverage(COVER)
    done = nurse.questionnaires.fill("ana", "phq-9", filled(**WORRYING))
    assert "988" in done.crisis.words
    assert (done.crisis.owner, done.crisis.owner_phone, done.crisis.then) == (
        "Dr Ada Chen",
        "518-555-0101",
        "Dr Ada Okafor",
    )
    (item,) = clinician.questionnaires.urgent().items
    assert (item.state, item.owner, item.patient.mrn) == ("waiting", "Dr Ada Chen", "M-ANA")
    api.clock.instant = MORNING + timedelta(minutes=11)
    (item,) = clinician.questionnaires.urgent().items
    assert (item.owner, item.escalated) == ("Dr Ada Okafor", True)
    clinician.questionnaires.take(item.task_id, item.version_id)
    with pytest.raises((Conflict, StaleVersion)):
        nurse.questionnaires.take(item.task_id, item.version_id)
    finish = FinishUrgent(
        version_id=item.version_id + 1, outcome="Seen at once: no plan, no means; safety plan made."
    )
    clinician.questionnaires.finish(item.task_id, finish)
    assert clinician.questionnaires.urgent().items == []
    task = body_of(api, "Task", item.task_id)
    assert (task["priority"], task["status"]) == ("stat", "completed")
    assert "safety plan" in task["note"][0]["text"]


def test_without_coverage_it_is_asked_in_the_room_only_and_falls_to_who_asked(clinician, nurse):
    with pytest.raises(Conflict, match="Nobody is named"):
        nurse.questionnaires.fill("ana", "phq-9", filled("remote", **CALM))
    nurse.questionnaires.fill("ana", "gad-7", filled("remote", **answers("gad-7", *[0] * 7)))
    done = nurse.questionnaires.fill("ana", "phq-9", filled(**WORRYING))
    assert (done.crisis.covered, done.crisis.owner) == (False, "Nina")
    clinician.questionnaires.name_coverage(COVER)
    assert nurse.questionnaires.fill("ana", "phq-9", filled("remote", **CALM)).score.points == 10


def test_coverage_is_named_by_who_signs_and_on_the_version_that_was_seen(clinician, nurse):
    with pytest.raises(Forbidden):
        nurse.questionnaires.name_coverage(COVER)
    stored = clinician.questionnaires.name_coverage(COVER)
    assert [person.name for person in stored.people] == ["Dr Ada Chen", "Dr Ada Okafor"]
    with pytest.raises(StaleVersion):
        clinician.questionnaires.name_coverage(COVER)
    empty = clinician.questionnaires.name_coverage(CrisisCoverage(version=stored.version))
    assert empty.people == []
