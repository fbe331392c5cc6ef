"""A night over a small site with planted defects: each is told once, with its measures, its record and its chart."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pyarrow as pa
import pytest

from data_contracts.data_quality import data_checks
from data_contracts.tables.data_quality import DATA_QUALITY_FINDINGS
from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from pipelines.run import data_quality as step
from tests.integration.loop.panel import AS_OF, Panel, panel_of
from tests.lib.app_pages import opened, session_of, shown

pytestmark = pytest.mark.long

PEOPLE = 14
PLANTED = ("number_without_a_unit", "result_in_the_future", "birth_date_missing")


@pytest.fixture
def people(database, tmp_path) -> Panel:
    with panel_of(database, tmp_path / "state", PEOPLE) as made:
        yield made


def by_id(client) -> dict:
    return {one.check_id: one for one in client.data_quality.findings().findings}


def plant(people: Panel) -> dict[str, str]:
    """An HbA1c without a unit, one of next spring, and somebody without a birth date; whose each is."""
    rows = people.rows("SELECT id FROM fhir.patient WHERE NOT deleted ORDER BY id LIMIT 3")
    unitless, future, unborn = (row["id"] for row in rows)
    people.record_a1c("a1c-unitless", unitless, "7.1", AS_OF - timedelta(days=3))
    people.change("Observation", "a1c-unitless", valueQuantity={"value": 7.1})
    people.record_a1c("a1c-future", future, "7.2", AS_OF + timedelta(days=120))
    people.change("Patient", unborn, birthDate=None)
    return dict(zip(PLANTED, (unitless, future, unborn), strict=True))


def test_before_the_first_night_nothing_is_known_and_the_page_says_so(people):
    clinician = people.api.signed_in("okafor", "clinician")
    page = clinician.data_quality.findings()
    assert (page.on, page.findings) == (None, [])
    said = shown(opened(session_of(clinician), "dashboards.quality.data_quality", "data_quality_page"))
    assert "No night has looked at the data yet" in said


def test_what_was_planted_between_two_nights_is_found_once_with_its_measures_and_its_record(people):
    clinician = people.api.signed_in("okafor", "clinician")
    people.night()
    before = by_id(clinician)
    planted = plant(people)
    people.pass_days(1)
    people.night()
    clinician = people.api.signed_in("adeyemi", "clinician")
    after = by_id(clinician)
    grown = {
        name for name, one in after.items() if one.counts != "days" and one.failing != before[name].failing
    }
    assert grown == set(PLANTED)
    for name, patient_id in planted.items():
        assert after[name].failing == before[name].failing + 1
        assert [point.failing for point in after[name].trend] == [before[name].failing, after[name].failing]
        assert patient_id in {row.patient_id for row in clinician.data_quality.records(name).rows}
    assert "glycemic_control" in {one.measure_id for one in after["number_without_a_unit"].touches}
    (record,) = [
        row
        for row in clinician.data_quality.records("number_without_a_unit").rows
        if row.patient_id == planted["number_without_a_unit"]
    ]
    assert (record.resource_type, record.resource_id) == ("Observation", "a1c-unitless")
    audited = people.rows("SELECT 1 FROM audit.event WHERE act = 'quality.data_records.read'")
    assert len(audited) == 4
    _repaired(people, clinician, planted, before)
    _page_tells(clinician)


def _repaired(people, clinician, planted, before) -> None:
    unit = {"value": 7.1, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    people.change("Observation", "a1c-unitless", valueQuantity=unit)
    people.night()
    now = by_id(clinician)
    assert now["number_without_a_unit"].failing == before["number_without_a_unit"].failing
    assert len(now["number_without_a_unit"].trend) == 2, "a second run on a day replaces the first"
    assert planted["number_without_a_unit"] not in {
        row.patient_id for row in clinician.data_quality.records("number_without_a_unit").rows
    }


def _page_tells(clinician) -> None:
    page = opened(
        session_of(clinician),
        "dashboards.quality.data_quality",
        "data_quality_page",
        check="birth_date_missing",
    )
    said = shown(page)
    for words in (
        "People without a birth date",
        "What to do",
        "By each measure's own data requirements",
        "A repaired record leaves the list with the next night",
    ):
        assert words in said, words
    assert "Every code system that a measure names is loaded here." in said


def test_who_sees_aggregates_only_sees_no_small_count_and_no_record(people):
    plant(people)
    people.night()
    analyst = people.api.signed_in("ana", "analyst")
    found = by_id(analyst)
    assert (found["birth_date_missing"].failing, found["birth_date_missing"].suppressed) == (None, True)
    assert all(point.failing is None for point in found["birth_date_missing"].trend)
    assert {one.records for one in found["birth_date_missing"].touches} == {None}
    assert (found["died_before_birth"].failing, found["died_before_birth"].checked) == (0, None)
    with pytest.raises(Forbidden):
        analyst.data_quality.records("birth_date_missing")
    rows = {row["check_id"]: row for row in csv.DictReader(io.StringIO(analyst.data_quality.csv().decode()))}
    assert (rows["birth_date_missing"]["failing"], rows["birth_date_missing"]["suppressed"]) == ("", "True")
    with pytest.raises(Forbidden):
        people.api.signed_in("desk", "front_desk").data_quality.findings()
    with pytest.raises(NotFound):
        people.api.signed_in("okafor", "clinician").data_quality.records("nothing_like_it")


def test_a_check_that_could_not_run_is_told_and_is_no_zero(people, monkeypatch):
    broken = data_checks()["birth_date_missing"]
    monkeypatch.setitem(broken.__dict__, "checked", "SELECT count(*) FROM nowhere")
    people.night()
    admin = people.api.signed_in("root", "admin")
    found = by_id(admin)["birth_date_missing"]
    assert (found.outcome, found.failing, found.share) == ("could_not_run", None, None)
    page = opened(session_of(admin), "dashboards.quality.data_quality", "data_quality_page")
    said = shown(page)
    assert "1 of" in said
    assert "could not run, so nothing is known of: People without a birth date" in said


def test_a_whole_night_is_told_whole_and_by_no_other_body(people):
    people.night()
    known = people.rows("SELECT count(*) AS n FROM quality.data_finding")[0]["n"]
    key = people.pipeline.pipeline.key()

    def send(rows: list[dict], **more):
        names = DATA_QUALITY_FINDINGS.column_names
        table = pa.table({name: [row.get(name) for row in rows] for name in names})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        asked = {"run_id": "r", "key_id": key.key_id, "as_of": people.today, "outbox_transaction": 10**9}
        return people.pipeline.pipeline.write_back(
            DATA_QUALITY_FINDINGS.name, sink.getvalue().to_pybytes(), **(asked | more)
        )

    row = {
        **{"key_id": key.key_id, "check_id": "birth_date_missing", "kind": "completeness"},
        **{"resource_type": "Patient", "element": "birthDate", "outcome": "ran", "failing": 0, "checked": 5},
        "as_of": people.today,
    }
    for rows, more in (
        ([], {}),
        ([row | {"kind": "gossip"}], {}),
        ([row | {"as_of": people.today - timedelta(days=1)}], {}),
        ([row], {"patient_from": "0"}),
    ):
        with pytest.raises(BadRequest):
            send(rows, **more)
    assert people.rows("SELECT count(*) AS n FROM quality.data_finding")[0]["n"] == known


def test_what_fails_in_it_stops_nothing_else(people, monkeypatch):
    def breaks(*_, **__):
        raise BadRequest("no")

    monkeypatch.setattr(step, "write_back_data_quality", breaks)
    assert people.night().failure is None
    assert people.rows("SELECT 1 FROM quality.run WHERE failure IS NULL")
