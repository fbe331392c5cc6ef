"""Recording at the chart over a real database: what is written, what is refused, what is told and audited."""

from __future__ import annotations

import base64
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from data_contracts.api.chart import (
    CorrectResult,
    MarkInError,
    RecordOutsideResult,
    RecordResult,
    RecordVitals,
    ReviewResult,
)
from data_contracts.code_systems import LOINC
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, InvalidResource, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode
from ehr_core.store.repository import Store
from tests.integration.chart_records import body_of, of, put, put_observation, put_patient, put_site
from tests.lib.api import MORNING, running_api

A1C = "4548-4"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


def a1c(value="10.2", unit="%", **given):
    return RecordResult(code=A1C, at=given.pop("at", MORNING), value=value, unit=unit, **given)


def recorded(clinician, **given):
    """The id and version of a fresh HbA1c of Ana's."""
    ((_, identity, version),) = clinician.charting.record_result("ana", a1c(**given)).resources
    return identity, version


def test_a_result_is_stored_with_its_digits_and_shown_with_them(api, clinician):
    identity, version = recorded(clinician, value="7.10", note="point of care")
    stored = body_of(api, "Observation", identity)
    assert str(stored["valueQuantity"]["value"]) == "7.10"
    assert stored["performer"] == [{"reference": "Practitioner/okafor", "display": "Okafor"}]
    (series,) = clinician.charting.results("ana").series
    (point,) = series.points
    assert (point.text, point.flag, point.version_id, point.reviewed) == ("7.10 %", "H", version, False)


def test_every_write_tells_the_outbox_position_that_remeasure_will_reach(api, clinician):
    first = clinician.charting.record_result("ana", a1c()).outbox_position
    second = clinician.charting.record_result("ana", a1c("9.9")).outbox_position
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT position, patient_ids, code_tokens FROM core.outbox WHERE position IN (%s, %s) ORDER BY position",
            (first, second),
        ).all()
    assert [row[0] for row in rows] == [first, second]
    assert {tuple(row[1]) for row in rows} == {("ana",)}
    assert all(f"http://loinc.org|{A1C}" in row[2] for row in rows)


def test_vitals_are_one_observation_a_sign_and_the_pressure_one_line(clinician):
    done = clinician.charting.record_vitals(
        "ana", RecordVitals(at=MORNING, systolic_mmhg="128", diastolic_mmhg="76", weight_kg="70.50")
    )
    assert [resource[0] for resource in done.resources] == ["Observation", "Observation"]
    texts = {series.name: series.points[0].text for series in clinician.charting.summary("ana").latest_vitals}
    assert texts == {"Blood pressure": "128/76 mmHg", "Body weight": "70.50 kg"}


def test_a_bad_result_is_refused_with_its_field_and_nothing_is_written(clinician):
    bad = {
        "unit": a1c(unit="mg/dL"),
        "value": a1c("71"),
        "code": RecordResult(code="1-8", at=MORNING, value="1", unit="%"),
        "at": a1c(at=MORNING + timedelta(days=1)),
        "encounter_id": a1c(encounter_id="nowhere"),
    }
    for field, result in bad.items():
        with pytest.raises(InvalidResource) as refusal:
            clinician.charting.record_result("ana", result)
        assert [issue.expression for issue in refusal.value.issues] == [field]
    for before_birth in (datetime(1972, 3, 13, 12, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)):
        with pytest.raises(InvalidResource, match="before the patient was born"):
            clinician.charting.record_result("ana", a1c(at=before_birth))
    assert clinician.charting.results("ana").series == []


def test_a_megabyte_of_note_and_other_shapeless_bodies_are_refused_at_the_door(api, clinician):
    token = clinician.transport._token_source()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    good = a1c().model_dump(mode="json")
    bodies = [
        b"{",
        b"[]",
        {**good, "note": "x" * 1_000_000},
        {**good, "value": "NaN"},
        {**good, "value": "seven"},
        {**good, "at": "2026-02-30T00:00:00Z"},
        {**good, "at": "yesterday"},
        {**good, "vlaue": "7"},
    ]
    http = api.http(headers=headers)
    for body in bodies:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = http.post("/api/patients/ana/results", **sent)
        assert answer.status_code == 400, answer.text[:200]
        assert "xxxx" not in answer.text
    assert clinician.charting.results("ana").series == []


def test_a_visit_of_another_patient_is_no_visit_of_this_one(api, clinician):
    put(api, "Encounter", "bens", status="finished", subject=of("ben"), **{"class": {"code": "AMB"}})
    put(api, "Encounter", "anas", status="finished", subject=of("ana"), **{"class": {"code": "AMB"}})
    with pytest.raises(InvalidResource, match="not a visit of this patient"):
        clinician.charting.record_vitals("ana", RecordVitals(at=MORNING, weight_kg=70, encounter_id="bens"))
    done = clinician.charting.record_vitals(
        "ana", RecordVitals(at=MORNING, weight_kg=70, encounter_id="anas")
    )
    assert body_of(api, "Observation", done.resources[0][1])["encounter"] == {"reference": "Encounter/anas"}


def test_nothing_is_recorded_on_a_record_that_was_merged_away_or_does_not_exist(api, clinician):
    put_patient(api, "old", link=[{"other": {"reference": "Patient/ana"}, "type": "replaced-by"}])
    with pytest.raises(Conflict, match="surviving record"):
        clinician.charting.record_result("old", a1c())
    with pytest.raises(NotFound):
        clinician.charting.record_result("nobody", a1c())


def test_only_a_clinician_writes_the_chart(api, clinician):
    identity, version = recorded(clinician)
    others = [
        api.signed_in("casey", "care_manager"),
        api.signed_in("desk", "front_desk"),
        api.signed_in("ana", "patient", patient_id="ana"),
    ]
    for client in others:
        for act in (
            lambda client=client: client.charting.record_result("ana", a1c()),
            lambda client=client: client.charting.record_vitals(
                "ana", RecordVitals(at=MORNING, weight_kg=70)
            ),
            lambda client=client: client.charting.mark_in_error(
                identity, MarkInError(version_id=version, reason="wrong patient")
            ),
            lambda client=client: client.charting.review_result(identity, ReviewResult(version_id=version)),
        ):
            with pytest.raises(Forbidden):
                act()


def elsewhere(**given):
    given = {"code_system": LOINC.uri, "code": "24606-6", "kind": "result", "on": date(2026, 5, 2)} | given
    return RecordOutsideResult(source="Elm Hospital", **given)


def test_an_outside_result_keeps_its_document_and_says_whose_record_it_is(api, clinician):
    pdf = b"%PDF-1.7 a letter"
    done = clinician.charting.record_outside_result(
        "ana",
        elsewhere(
            finding="abnormal",
            document_name="letter.pdf",
            document_type="application/pdf",
            document_base64=base64.b64encode(pdf).decode(),
        ),
    )
    kinds = [resource[0] for resource in done.resources]
    assert kinds == ["Observation", "Binary", "DocumentReference", "Provenance"]
    observation, binary, entry, provenance = (
        body_of(api, kind, identity) for kind, identity, _ in done.resources
    )
    assert base64.b64decode(binary["data"]) == pdf
    assert entry["content"][0]["attachment"]["url"] == f"Binary/{binary['id']}"
    assert provenance["target"] == [{"reference": f"Observation/{observation['id']}/_history/1"}]
    assert [agent["who"].get("display") for agent in provenance["agent"]] == ["Okafor", "Elm Hospital"]
    (series,) = clinician.charting.results("ana").series
    assert (series.points[0].source, series.points[0].flag) == ("Outside record: Elm Hospital", "A")


def test_the_document_of_one_patient_is_out_of_reach_of_another(api, clinician):
    done = clinician.charting.record_outside_result(
        "ana",
        elsewhere(document_type="image/png", document_base64=base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()),
    )
    with api.work() as work:
        assert Store(work).read("Binary", done.resources[1][1]).patient_id == "ana"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"on": date(2026, 11, 21)}, "on"),
        ({"on": date(1972, 3, 13)}, "on"),
        ({"code": "0000-0"}, "code"),
        ({"code": A1C, "value": "7.1", "unit": "mg/dL"}, "unit"),
        ({"document_base64": "%%%", "document_type": "application/pdf"}, "document_base64"),
    ],
)
def test_a_bad_outside_result_is_refused_with_its_field(clinician, given, field):
    with pytest.raises(InvalidResource) as refusal:
        clinician.charting.record_outside_result("ana", elsewhere(**given))
    assert [issue.expression for issue in refusal.value.issues] == [field]


def test_a_source_must_be_named():
    with pytest.raises(ValidationError):
        RecordOutsideResult(
            code_system=LOINC.uri, code="24606-6", kind="result", on=date(2026, 5, 2), source=""
        )


def correct(clinician, identity, version, value="7.9", unit="%"):
    correction = CorrectResult(
        version_id=version, value=value, unit=unit, reason="typed 10.2, report says 7.9"
    )
    return clinician.charting.correct_result(identity, correction)


def test_a_correction_is_a_new_version_with_its_reason_and_the_old_one_stays(api, clinician):
    identity, version = recorded(clinician)
    done = correct(clinician, identity, version, "7.90")
    assert [(kind, number) for kind, _, number in done.resources] == [("Observation", 2), ("Provenance", 1)]
    (series,) = clinician.charting.results("ana").series
    (point,) = series.points
    assert (point.text, point.status, point.version_id) == ("7.90 %", "corrected", 2)
    assert body_of(api, *done.resources[1][:2])["reason"] == [{"text": "typed 10.2, report says 7.9"}]
    with api.work() as work:
        old = decode(Store(work).vread("Observation", identity, 1).body)
    assert (old["status"], old["valueQuantity"]["value"]) == ("final", Decimal("10.2"))


def test_the_second_of_two_who_correct_the_same_result_is_told(clinician, api):
    identity, version = recorded(clinician)
    correct(clinician, identity, version, "7.9")
    other = api.signed_in("chen", "clinician")
    with pytest.raises(StaleVersion, match="first"):
        correct(other, identity, version, "8.1")
    assert clinician.charting.results("ana").series[0].points[0].text == "7.9 %"


def test_of_many_who_correct_at_once_exactly_one_wins(api, clinician):
    identity, version = recorded(clinician)
    outcomes: list[str] = []

    def attempt(value):
        try:
            correct(clinician, identity, version, value)
            outcomes.append("done")
        except StaleVersion:
            outcomes.append("told")

    rivals = [threading.Thread(target=attempt, args=(f"7.{number}",)) for number in range(6)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert sorted(outcomes) == ["done"] + ["told"] * 5


def test_a_retracted_result_stays_struck_out_and_may_be_set_right(clinician):
    identity, version = recorded(clinician, value="7.1")
    retraction = MarkInError(version_id=version, reason="belongs to another patient")
    clinician.charting.mark_in_error(identity, retraction)
    assert clinician.charting.results("ana").series[0].points[0].status == "entered-in-error"
    with pytest.raises(StaleVersion):
        clinician.charting.mark_in_error(identity, retraction)
    with pytest.raises(BadRequest, match="already"):
        clinician.charting.mark_in_error(identity, MarkInError(version_id=2, reason="once more"))
    correct(clinician, identity, 2, "7.1")
    assert clinician.charting.results("ana").series[0].points[0].status == "corrected"


def test_a_review_says_who_and_when_and_tells_the_patient(api, clinician):
    identity, version = recorded(clinician)
    with pytest.raises(StaleVersion):
        clinician.charting.review_result(identity, ReviewResult(version_id=version + 1))
    clinician.charting.review_result(
        identity, ReviewResult(version_id=version, comment_to_patient="Let us talk.")
    )
    (point,) = clinician.charting.results("ana").series[0].points
    assert (point.reviewed, point.reviewed_by) == (True, "Okafor, 20-Nov-2026")
    (own,) = api.signed_in("ana", "patient", patient_id="ana").charting.results("ana").series[0].points
    assert own.comment == "Let us talk."
    correct(clinician, identity, version + 1)
    assert not clinician.charting.results("ana").series[0].points[0].reviewed


def test_only_a_final_result_can_be_reviewed(api, clinician):
    put_observation(api, "p1", "ana", status="preliminary", valueString="pending")
    with pytest.raises(BadRequest, match="final"):
        clinician.charting.review_result("p1", ReviewResult(version_id=1))


def test_an_unknown_or_odd_observation_is_not_found(clinician):
    for identity in ("nothing", "a/../b", "x" * 65):
        with pytest.raises((NotFound, BadRequest)):
            clinician.charting.mark_in_error(identity, MarkInError(version_id=1, reason="wrong"))


def test_what_is_not_a_plain_number_cannot_be_corrected(api, clinician):
    put_observation(api, "s1", "ana", valueString="see report")
    with pytest.raises(BadRequest, match="record it again"):
        correct(clinician, "s1", 1)


def test_every_write_is_audited_with_the_patient(api, clinician):
    identity, version = recorded(clinician)
    correct(clinician, identity, version)
    clinician.charting.mark_in_error(identity, MarkInError(version_id=2, reason="wrong patient"))
    events = api.signed_in("root", "admin").audit.events(patient_id="ana")
    told = [
        (event.act, event.resource_type)
        for event in events
        if event.resource_id == identity and event.act in ("create", "update")
    ]
    assert told == [("update", "Observation"), ("update", "Observation"), ("create", "Observation")]
