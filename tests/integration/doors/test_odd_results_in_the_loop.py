"""Odd results come in by the FHIR door and go round the loop: refused by name, or taken for no more than they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ehr_core.db.database import connect
from ehr_core.kernel.errors import InvalidResource, NotFound
from pipelines.run.nightly import nightly
from pipelines.run.worker import Worker
from tests.integration.chart_records import of, put, put_patient, put_site
from tests.integration.doors.odd_results import ODD, REFUSED, TAKEN, Odd
from tests.integration.doors.records import AS_OF, ZONE, held_results, lake_lines, lake_of, stored_counts
from tests.lib.api import RunningApi
from tests.lib.postgres import app_url_of, fresh_database
from tests.lib.served_api import served_api

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ICD_10 = "http://hl7.org/fhir/sid/icd-10-cm"
BATCHES = 10
"""More than these few changes need: a queue that does not run dry is a defect."""


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory) -> Iterator[RunningApi]:
    """Somebody with diabetes for each odd result; all results sent, and everybody measured once."""
    with fresh_database(postgres_server, template=template_database) as admin_url:
        database = connect(app_url_of(admin_url))
        with served_api(database, tmp_path_factory.mktemp("odd") / "state") as running:
            put_site(running)
            for odd in ODD:
                put_somebody(running, odd.patient_id)
            clinician = running.signed_in("sender", "clinician")
            for odd in TAKEN:
                clinician.fhir.create("Observation", odd.body())
            measure_all(running)
            yield running


def put_somebody(api: RunningApi, patient_id: str) -> None:
    put_patient(api, patient_id, family="Odd", given=patient_id)
    put(
        api,
        "Condition",
        f"diabetes-{patient_id}",
        subject=of(patient_id),
        code={"coding": [{"system": ICD_10, "code": "E11.9"}]},
        clinicalStatus={"coding": [{"system": CLINICAL, "code": "active"}]},
        onsetDateTime="2020-01-01",
    )


def measure_all(api: RunningApi) -> None:
    worker = Worker(api.service("remeasure"), ZONE, 0.05)
    worked = [worker.work_once() for _ in range(BATCHES)]
    assert not worked[-1], "the queue does not run dry"


def reason(api: RunningApi, odd: Odd) -> str:
    return {(row[0], row[1]): row[4] for row in held_results(api)["gaps"]}[odd.patient_id, "glycemic_control"]


@pytest.mark.parametrize("odd", REFUSED, ids=lambda odd: odd.patient_id)
def test_what_cannot_be_true_is_refused_by_its_element_and_not_stored(api, odd):
    before = stored_counts(api)
    with pytest.raises(InvalidResource) as refused:
        api.signed_in(f"sender-{odd.patient_id}", "clinician").fhir.create("Observation", odd.body())
    assert odd.refused in [issue.expression for issue in refused.value.issues]
    assert stored_counts(api) == before


@pytest.mark.parametrize("odd", TAKEN, ids=lambda odd: odd.patient_id)
def test_what_is_taken_is_never_more_evidence_than_it_is(api, odd):
    assert reason(api, odd) == odd.leaves


def test_every_chart_can_still_be_read(api):
    reader = api.signed_in("reader", "clinician")
    for odd in TAKEN:
        reader.charting.summary(odd.patient_id)
        reader.charting.results(odd.patient_id)
        portal = api.signed_in(f"p-{odd.patient_id}", "patient", patient_id=odd.patient_id)
        portal.portal.home()
        portal.portal.results()


def test_one_record_that_de_identification_refuses_is_counted_and_stops_nobody_else_s_night(api):
    refused = {"modifierExtension": [{"url": "https://other.example/never-seen", "valueBoolean": True}]}
    sender = api.signed_in("sender-of-a-modifier", "clinician")
    put_somebody(api, "modified")
    sent = sender.fhir.create("Observation", Odd("modified", refused).body())
    before = held_results(api)
    nightly(api.service("pipeline"), api.parts.settings, as_of=AS_OF, deep_checks=False)
    manifest = lake_of(api).current("limited")
    assert manifest.exported == stored_counts(api)
    set_aside = manifest.explained["Observation lines set aside by de-identification"]
    assert set_aside == manifest.exported["Observation"] - lake_lines(api)["Observation"] > 0
    report = lake_of(api).deidentification("limited").types["Observation"]
    assert report.quarantine_reasons == {"unknown_modifier at Observation.modifierExtension": 1}
    assert (report.lines_in, report.lines_out) == (
        manifest.exported["Observation"],
        lake_lines(api)["Observation"],
    )
    assert report.dropped["Observation.code.text"] > 0
    after = held_results(api)
    for odd in TAKEN:
        assert rows_of(after, odd) == rows_of(before, odd)
    sender.fhir.delete("Observation", sent.resource_id)


def rows_of(results: dict[str, list[tuple]], odd: Odd) -> list[tuple]:
    return [row for name in ("gaps", "flags") for row in results[name] if row[0] == odd.patient_id]


def test_lines_without_a_patient_are_kept_in_the_lake_and_explained(api):
    manifest = lake_of(api).current("limited")
    if manifest is None:
        raise NotFound("The night of the test before has not run: run the whole file.")
    without = manifest.explained["Observation lines without keys"]
    assert manifest.tables["observation"] + without == lake_lines(api)["Observation"]
    assert without == sum(
        odd.name in ("of a group", "of somebody elsewhere", "without a subject") for odd in TAKEN
    )
