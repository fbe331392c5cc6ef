"""Trying what policy keeps from somebody is a refusal in the audit log, though the answer says: nothing is there."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from data_contracts.api.access import NewChartRule
from ehr_core.api import kept_back
from tests.integration.fhir.conftest import FhirHttp, client_of, observation, patient
from tests.lib.api import running_api
from tests.lib.weakened import assert_guarded

REFUSED = text(
    "SELECT act, resource_type, resource_id, patient_id, detail ->> 'reason' AS reason FROM audit.event "
    "WHERE outcome = 'refused' AND patient_id = 'ana' ORDER BY at, sequence"
)


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture(autouse=True)
def chen(api):
    """A clinician, who wrote Ana's record."""
    client = client_of(api, "clinician")
    assert client.put(patient("ana")).status_code == 201
    assert client.put(observation("a1c")).status_code == 201
    return client


@pytest.fixture
def nurse(api):
    """Whom a rule keeps from Ana's chart."""
    client = api.signed_in("kim", "nurse")
    rule = {"effect": "deny", "subject_kind": "role", "subject": "nurse", "asked_by": "patient"}
    admin = api.signed_in("root", "admin")
    admin.access.make_rule(NewChartRule(patient_id="ana", reason="Asked", **rule))
    token = client.transport._token_source()
    return FhirHttp(api.http(headers={"Authorization": f"Bearer {token}"}))


def refused(api) -> list:
    with api.work() as work:
        return list(work.connection.execute(REFUSED))


def test_a_shut_chart_that_is_asked_for_leaves_a_refusal_with_whose_it_is(api, nurse):
    ways = (
        "/api/patients/ana/summary",
        "/fhir/Patient/ana",
        "/fhir/Patient/ana/$everything",
        "/fhir/Patient/ana/Observation",
        "/fhir/Observation/a1c",
        "/fhir/Observation/a1c/_history/1",
    )
    for way in ways:

        def unseen(way=way) -> bool:
            before = len(refused(api))
            assert nurse.http.get(way).status_code == 404
            return len(refused(api)) == before

        assert_guarded(unseen, lambda patch: patch.setattr(kept_back, "kept_from", lambda *given: None))


def test_of_a_shut_chart_nobody_reads_that_it_is_empty(nurse):
    for part in ("history", "plans", "questionnaires"):
        assert nurse.http.get(f"/api/patients/ana/{part}").status_code == 404


def test_an_entry_of_a_batch_is_refused_as_a_request_of_its_own_is(api, nurse):
    asked = [{"request": {"method": "GET", "url": url}} for url in ("Observation/a1c", "Observation/nobody")]
    answer = nurse.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": asked})
    assert [entry["response"]["status"] for entry in answer.json()["entry"]] == ["404", "404"]
    (row,) = refused(api)
    assert row[:] == ("batch_entry", "Observation", "a1c", "ana", "NotFound")


def test_what_is_not_there_or_has_no_such_part_is_no_refusal(api, nurse, chen):
    for client, path in ((nurse, "/Patient/nobody"), (nurse, "/Observation/nobody")):
        assert client.get(path).status_code == 404
    assert chen.get("/Observation/a1c/_history/9").status_code == 404
    assert chen.http.get("/api/patients/ana/photo").status_code == 404
    with api.work() as work:
        rows = "SELECT count(*) FROM audit.event WHERE outcome = 'refused'"
        assert work.connection.execute(text(rows)).scalar_one() == 0


def test_a_patient_reads_who_works_here_and_which_questions_are_asked(api, chen):
    """Their `code` is a list, and no code of theirs tells anything of a patient."""
    ana = client_of(api, "patient", patient_id="ana")
    role = {"resourceType": "PractitionerRole", "id": "r1", "code": [{"coding": [{"code": "doctor"}]}]}
    asked = {"resourceType": "Questionnaire", "id": "q1", "status": "active", "code": [{"code": "44249-1"}]}
    for made in (role, asked):
        assert chen.put(made).status_code == 201
        assert ana.get(f"/{made['resourceType']}/{made['id']}").status_code == 200
        assert len(ana.found(f"/{made['resourceType']}")) == 1
