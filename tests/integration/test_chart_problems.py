"""The problem list over a real database: put on it once, ended with its reason, and never by a stale screen."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.api.problems import EndProblem, RecordProblem
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, NotFound, StaleVersion
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.lib.api import running_api

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
GOUT = RecordProblem(code="M10.9", name="whatever", since=date(2020, 5, 1))


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


def problems(client):
    return {one.name: one for one in client.charting.summary("ana").problems}


def over(problem, **more):
    facts = {"version_id": problem.version_id, "ending": "resolved", "reason": "No attack for years"} | more
    return EndProblem(**facts)


def test_a_problem_is_put_on_the_list_once_under_the_lists_name(api, clinician):
    clinician.charting.record_problem("ana", GOUT)
    clinician.charting.record_problem("ana", RecordProblem(name="Sleeps badly"))
    listed = problems(clinician)
    assert set(listed) == {"Gout, unspecified", "Sleeps badly"}
    assert (listed["Gout, unspecified"].code, listed["Gout, unspecified"].onset) == ("M10.9", "2020-05-01")
    with pytest.raises(Conflict, match="already"):
        clinician.charting.record_problem("ana", GOUT)
    with pytest.raises(Conflict, match="already"):
        clinician.charting.record_problem("ana", RecordProblem(name="sleeps BADLY"))


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        (RecordProblem(code="ZZZ", name="No code"), "code"),
        (GOUT.model_copy(update={"since": date(2030, 1, 1)}), "on"),
        (GOUT.model_copy(update={"since": date(1950, 1, 1)}), "on"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_field(clinician, problem, field):
    with pytest.raises(InvalidResource) as refusal:
        clinician.charting.record_problem("ana", problem)
    assert [issue.expression for issue in refusal.value.issues] == [field]
    assert problems(clinician) == {}


def test_an_ended_problem_leaves_the_list_with_every_visits_diagnosis_of_it(api, clinician):
    visit = {"coding": [{"system": CATEGORY, "code": "encounter-diagnosis"}]}
    put(api, "Condition", "of-a-visit", subject=of("ana"), category=[visit],
        code={"coding": [{"system": ICD, "code": "M10.9"}], "text": "Gout"})  # fmt: skip
    put(api, "Condition", "other", subject=of("ana"), code={"text": "Asthma"})
    (gout,) = (one for one in problems(clinician).values() if one.code == "M10.9")
    clinician.charting.end_problem(gout.condition_id, over(gout, on=date(2026, 1, 2)))
    assert set(problems(clinician)) == {"Asthma"}
    kept = body_of(api, "Condition", "of-a-visit")
    assert kept["clinicalStatus"]["coding"][0]["code"] == "resolved"
    assert kept["abatementDateTime"] == "2026-01-02"
    clinician.charting.record_problem("ana", GOUT)
    assert "Gout, unspecified" in problems(clinician)


def test_a_problem_that_was_never_so_is_refuted_and_the_second_to_end_it_is_told(api, clinician):
    clinician.charting.record_problem("ana", GOUT)
    (gout,) = problems(clinician).values()
    clinician.charting.end_problem(
        gout.condition_id, over(gout, ending="refuted", reason="It was pseudogout")
    )
    assert problems(clinician) == {}
    body = body_of(api, "Condition", gout.condition_id)
    assert body["verificationStatus"]["coding"][0]["code"] == "refuted"
    with pytest.raises(StaleVersion):
        clinician.charting.end_problem(gout.condition_id, over(gout))
    with pytest.raises(Conflict, match="not on the list"):
        clinician.charting.end_problem(gout.condition_id, over(gout, version_id=2))


def test_the_list_is_for_who_writes_charts(api, clinician):
    clinician.charting.record_problem("ana", GOUT)
    (gout,) = problems(clinician).values()
    desk = api.signed_in("dana", "front_desk")
    with pytest.raises(Forbidden):
        desk.charting.record_problem("ana", RecordProblem(name="Gossip"))
    with pytest.raises(Forbidden):
        desk.charting.end_problem(gout.condition_id, over(gout))
    with pytest.raises(NotFound):
        clinician.charting.record_problem("nobody", GOUT)
    with pytest.raises(NotFound):
        clinician.charting.end_problem("nothing", over(gout))
