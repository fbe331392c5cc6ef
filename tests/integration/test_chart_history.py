"""History, procedures, vaccinations, documents, goals and plans over a real database; bad input names its field."""

from __future__ import annotations

import base64
from datetime import date, timedelta

import pytest

from data_contracts.api.chart import RecordImmunization
from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.history import (
    ChangeCarePlan,
    ChangeGoal,
    RecordCarePlan,
    RecordDocument,
    RecordFamilyHistory,
    RecordGoal,
    RecordObstetric,
    RecordProcedure,
    RecordSocial,
    RecordSurgery,
)
from ehr_core.charting.history_words import choices
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, StaleVersion
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.lib.api import MORNING, running_api
from tests.unit.charting.test_questionnaires import check_digit

PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben")
        put(running, "Condition", "his", code={"text": "Gout"}, subject=of("ben"))
        yield running


@pytest.fixture
def nurse(api):
    return api.signed_in("nina", "nurse")


def refused(field, act, *given):
    with pytest.raises(InvalidResource) as refusal:
        act("ana", *given)
    assert [issue.expression for issue in refusal.value.issues] == [field]


def test_family_social_surgical_and_obstetric_history_are_read_back_in_words(nurse):
    history = nurse.history
    history.family(
        "ana",
        RecordFamilyHistory(
            relationship="MTH",
            condition="Breast cancer",
            condition_code="C50.919",
            onset_age_years=48,
            deceased=True,
        ),
    )
    history.family("ana", RecordFamilyHistory(relationship="FTH", nothing_known=True))
    history.surgery("ana", RecordSurgery(name="Appendectomy", on="1998", where="County Hospital"))
    history.obstetric(
        "ana",
        RecordObstetric(
            at=MORNING, pregnancies=2, term_births=1, living_children=0, pregnancy="not_pregnant"
        ),
    )
    history.social("ana", RecordSocial(item="occupation", at=MORNING, words="Bus driver"))
    history.social("ana", RecordSocial(item="exercise_days", at=MORNING, number=3))
    view = history.read("ana")
    assert {line.words for line in view.family} == {"Mother: Breast cancer at 48", "Father: nothing known"}
    assert [(line.words, line.on, line.details) for line in view.surgical] == [
        ("Appendectomy", "1998", "County Hospital")
    ]
    assert {line.words for line in view.obstetric} == {
        "Pregnancies: 2", "Term births: 1", "Living children: 0", "Pregnancy status: Not pregnant"
    }  # fmt: skip
    assert {line.words.partition(":")[0] for line in view.social} == {
        "Occupation", "Days with moderate or strenuous exercise in the last 7 days"
    }  # fmt: skip


def test_impossible_history_is_refused_with_its_field(api, nurse):
    history = nurse.history
    refused("condition", history.family, RecordFamilyHistory(relationship="MTH"))
    refused("relationship", history.family, RecordFamilyHistory(relationship="DOG", condition="Gout"))
    refused("on", history.surgery, RecordSurgery(name="Appendectomy", on="1960"))
    refused("on", history.surgery, RecordSurgery(name="Appendectomy", on="2019-13"))
    refused("pregnancies", history.obstetric, RecordObstetric(at=MORNING))
    refused("pregnancies", history.obstetric, RecordObstetric(at=MORNING, pregnancies=1, term_births=2))
    refused("number", history.social, RecordSocial(item="exercise_days", at=MORNING, number=9))
    refused("words", history.social, RecordSocial(item="occupation", at=MORNING))
    with pytest.raises(Forbidden):
        api.signed_in("pia", "pharmacist").history.surgery("ana", RecordSurgery(name="Appendectomy"))
    view = history.read("ana")
    assert (view.family, view.surgical, view.obstetric, view.social) == ([], [], [], [])


def test_a_vaccination_keeps_what_a_registry_asks_for_and_a_refusal_its_reason(api, nurse):
    given = RecordImmunization(
        code="140", at=MORNING, lot="U5501AA", expires_on=date(2027, 6, 30), manufacturer="Maker", site="LD",
        route="IM", dose_ml="0.5", vis_date=date(2025, 1, 31), funding="V01",
    )  # fmt: skip
    ((_, identity, _),) = nurse.charting.record_immunization("ana", given).resources
    body = body_of(api, "Immunization", identity)
    assert (body["site"]["text"], body["route"]["coding"][0]["code"], str(body["doseQuantity"]["value"])) == (
        "Left deltoid", "IM", "0.5",
    )  # fmt: skip
    assert body["education"][0]["publicationDate"] == "2025-01-31"
    assert (
        nurse.charting.past_care("ana").immunizations[0].details
        == "lot U5501AA; Left deltoid; VIS of 2025-01-31"
    )
    refused(
        "expires_on",
        nurse.charting.record_immunization,
        given.model_copy(update={"expires_on": date(2026, 11, 1)}),
    )
    refused("site", nurse.charting.record_immunization, given.model_copy(update={"site": "NOSE"}))
    refusal = RecordImmunization(
        code="140", at=MORNING + timedelta(minutes=1), not_given_reason="Patient refused"
    )
    nurse.charting.record_immunization("ana", refusal)
    newest = nurse.charting.past_care("ana").immunizations[0]
    assert (newest.status, newest.details) == ("not-done", "not given: Patient refused")
    assert len(nurse.charting.summary("ana").immunizations) == 1


def test_a_live_vaccine_in_pregnancy_is_given_only_with_a_reason_and_a_refused_one_asks_for_none(api, nurse):
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z34.90"}]}
    active = {"coding": [{"code": "active"}]}
    put(api, "Condition", "pregnant", subject=of("ana"), clinicalStatus=active, code=coded)
    (card,) = nurse.charting.check_immunization("ana", "03").interrupting
    assert card.rule_id == "vaccine.live_in_pregnancy"
    given = RecordImmunization(code="03", at=MORNING)
    with pytest.raises(Conflict, match="Live vaccine in pregnancy"):
        nurse.charting.record_immunization("ana", given)
    wrong = Acknowledged(card_key=card.key, reason_code="because")
    with pytest.raises(InvalidResource, match="not a reason"):
        nurse.charting.record_immunization("ana", given.model_copy(update={"acknowledged": [wrong]}))
    assert nurse.charting.past_care("ana").immunizations == []
    nurse.charting.record_immunization(
        "ana", RecordImmunization(code="03", at=MORNING, not_given_reason="Pregnant")
    )
    answer = Acknowledged(card_key=card.key, reason_code="specialist")
    nurse.charting.record_immunization("ana", given.model_copy(update={"acknowledged": [answer]}))
    assert len(nurse.charting.past_care("ana").immunizations) == 2
    with pytest.raises(InvalidResource):
        nurse.charting.check_immunization("ana", "9999")
    with pytest.raises(Forbidden):
        api.signed_in("dana", "front_desk").charting.check_immunization("ana", "03")


def test_a_procedure_and_a_picture_stand_in_past_care_and_the_picture_is_what_its_bytes_say(nurse):
    nurse.history.procedure(
        "ana",
        RecordProcedure(name="Shave biopsy", at=MORNING, code="11102", body_site="forearm", side="left"),
    )
    filed = RecordDocument(
        title="Mole, left forearm", kind="72170-4", on=MORNING.date(), source="Nina", document_name="mole.pdf",
        document_base64=base64.b64encode(PICTURE).decode(),
    )  # fmt: skip
    nurse.history.document("ana", filed)
    care = nurse.charting.past_care("ana")
    assert [line.name for line in care.procedures] == ["Shave biopsy"]
    (document,) = care.documents
    assert nurse.charting.document(document.resource_id) == (PICTURE, "image/png")
    page = base64.b64encode(b"<html><script>").decode()
    refused("document_base64", nurse.history.document, filed.model_copy(update={"document_base64": page}))
    refused("kind", nurse.history.document, filed.model_copy(update={"kind": "1-8"}))


def test_goals_and_plans_are_changed_on_the_version_that_was_seen(nurse):
    goal = RecordGoal(
        description="HbA1c below 7", measure_code="4548-4", high="7.0", unit="%", due_on=date(2027, 3, 1)
    )
    ((_, goal_id, version),) = nurse.history.goal("ana", goal).resources
    plan = RecordCarePlan(
        title="Diabetes plan", goal_ids=[goal_id], activities=["Walk 30 minutes daily", "See dietitian"]
    )
    ((_, plan_id, plan_version),) = nurse.history.care_plan("ana", plan).resources
    nurse.history.change_goal(
        goal_id, ChangeGoal(version_id=version, status="active", achievement="improving", note="7.4 now")
    )
    with pytest.raises(StaleVersion):
        nurse.history.change_goal(goal_id, ChangeGoal(version_id=version, status="cancelled"))
    nurse.history.change_care_plan(
        plan_id, ChangeCarePlan(version_id=plan_version, status="active", done=[1])
    )
    view = nurse.history.plans("ana")
    assert [(one.target, one.achievement, one.notes) for one in view.goals] == [
        ("at most 7.0 %", "improving", ["7.4 now"])
    ]
    assert view.plans[0].activities == [("Walk 30 minutes daily", False), ("See dietitian", True)]
    assert view.plans[0].goals == ["HbA1c below 7"]
    refused("condition_ids", nurse.history.goal, RecordGoal(description="Less gout", condition_ids=["his"]))
    refused("unit", nurse.history.goal, RecordGoal(description="Less", high="7"))


def test_every_code_of_the_choices_has_its_check_digit():
    found = choices()
    codes = [code for group in ("obstetric", "pregnancy") for code, _ in found[group].values()]
    codes += [row["code"] for row in found["social"].values()] + [code for code, _ in found["document_kinds"]]
    assert [code for code in codes if not check_digit(code)] == []
