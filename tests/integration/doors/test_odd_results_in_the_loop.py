"""Odd results come in by the FHIR door and go round the loop: refused by name, or taken for no more than they are."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest

from data_contracts.api.pipeline import RunReport
from data_contracts.api.portal import PortalHome
from ehr_core.db.database import connect
from ehr_core.kernel.errors import InvalidResource, NotFound
from pipelines.run.nightly import nightly
from pipelines.run.worker import Worker
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.integration.doors.odd_results import ODD, REFUSED, TAKEN, Odd
from tests.integration.doors.records import AS_OF, ZONE, held_results, lake_lines, lake_of, stored_counts
from tests.lib.api import RunningApi
from tests.lib.postgres import app_url_of, fresh_database
from tests.lib.served_api import served_api

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ICD_10 = "http://hl7.org/fhir/sid/icd-10-cm"
Results = dict[str, list[tuple]]
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


@pytest.mark.parametrize("odd", REFUSED, ids=lambda odd: odd.patient_id)
def test_what_cannot_be_true_is_refused_by_its_element_and_not_stored(api, odd):
    before = stored_counts(api)
    with pytest.raises(InvalidResource) as refused:
        api.signed_in(f"sender-{odd.patient_id}", "clinician").fhir.create("Observation", odd.body())
    assert odd.refused in [issue.expression for issue in refused.value.issues]
    assert stored_counts(api) == before


@pytest.mark.parametrize("odd", TAKEN, ids=lambda odd: odd.patient_id)
def test_what_is_taken_is_never_more_evidence_than_it_is(api, odd):
    assert reason_of(held_results(api), odd.patient_id) == odd.leaves


def test_every_chart_can_still_be_read(api):
    reader = api.signed_in("reader", "clinician")
    for odd in TAKEN:
        reader.charting.summary(odd.patient_id)
        reader.charting.results(odd.patient_id)
        portal = api.signed_in(f"p-{odd.patient_id}", "patient", patient_id=odd.patient_id)
        portal.portal.home()
        portal.portal.results()


MODIFIER = {"modifierExtension": [{"url": "https://other.example/never-seen", "valueBoolean": True}]}


def night(api: RunningApi) -> RunReport:
    return nightly(api.service("pipeline"), api.parts.settings, as_of=AS_OF, deep_checks=False)


def refuse_an_extra_result(api: RunningApi, patient_id: str) -> Callable[[], None]:
    """Sends one more result, which is refused on the way; returns how to take it away again."""
    sender = api.signed_in(somebody_new(), "clinician")
    sent = sender.fhir.create("Observation", Odd(patient_id, MODIFIER).body())
    return lambda: sender.fhir.delete("Observation", sent.resource_id)


def refuse_the_only_result(api: RunningApi, patient_id: str) -> Callable[[], None]:
    """The result that closed the gap is changed into one that is refused."""
    result = body_of(api, "Observation", f"r-{patient_id}")
    put(api, "Observation", f"r-{patient_id}", **{**result, **MODIFIER})
    return lambda: put(api, "Observation", f"r-{patient_id}", **result)


def refuse_the_person(api: RunningApi, patient_id: str) -> Callable[[], None]:
    person = body_of(api, "Patient", patient_id)
    put(api, "Patient", patient_id, **{**person, **MODIFIER})
    return lambda: put(api, "Patient", patient_id, **person)


WAYS = (refuse_an_extra_result, refuse_the_only_result, refuse_the_person)


@pytest.mark.long
def test_somebody_with_a_refused_line_keeps_their_answers_and_is_nowhere_called_checked(api):
    """By the night alone, by the minutes alone, and by one after the other: the same answers."""
    ways = {refuse.__name__.replace("_", "-"): refuse for refuse in WAYS}
    for patient_id in ways:
        put_somebody(api, patient_id)
        put(api, "Observation", f"r-{patient_id}", **json.loads(Odd(patient_id, {}).body()))
    measure_all(api)
    before = held_results(api)
    assert {reason_of(before, patient_id) for patient_id in ways} == {"at_goal"}

    mending = [refuse(api, patient_id) for patient_id, refuse in ways.items()]
    assert len(night(api).not_checked) == len(ways)
    by_night = held_results(api)
    assert_set_aside(api, ways, before, by_night)
    for mend in mending:
        mend()
    measure_all(api)
    assert_as_before(api, ways, before)

    mending = [refuse(api, patient_id) for patient_id, refuse in ways.items()]
    measure_all(api)
    assert held_results(api) == by_night
    night(api)
    assert held_results(api) == by_night
    for mend in mending:
        mend()
    night(api)
    assert_as_before(api, ways, before)


def assert_set_aside(api: RunningApi, people: Iterable[str], before: Results, after: Results) -> None:
    """Gaps as they were, not evaluable in every measure that counted the person, and each screen says why."""
    expected = Counter(not_evaluable(before))
    staff = api.signed_in(somebody_new(), "clinician")
    behind = staff.quality.patients("glycemic_control", membership="not_evaluable").rows
    for patient_id in people:
        assert rows_about(after, "gaps", patient_id) == rows_about(before, "gaps", patient_id)
        counted = {row[1] for row in rows_about(before, "flags", patient_id) if row[4]}
        assert {row[1] for row in rows_about(after, "flags", patient_id) if not row[3]} == counted
        expected.update(counted)
        assert staff.care_gaps.of_patient(patient_id).unavailable
        assert ["cannot be read" in row.reason for row in behind if row.patient_id == patient_id] == [True]
        assert own_home(api, patient_id).to_do_state == "not_checked"
    assert +Counter(not_evaluable(after)) == +expected


def assert_as_before(api: RunningApi, people: Iterable[str], before: Results) -> None:
    staff = api.signed_in(somebody_new(), "clinician")
    for patient_id in people:
        assert answers_of(held_results(api), patient_id) == answers_of(before, patient_id)
        assert staff.care_gaps.of_patient(patient_id).unavailable is None
        assert own_home(api, patient_id).to_do_state == "checked"


def own_home(api: RunningApi, patient_id: str) -> PortalHome:
    return api.signed_in(somebody_new(), "patient", patient_id=patient_id).portal.home()


def somebody_new() -> str:
    """A user name that no account has."""
    return f"user-{time.time_ns()}"


def not_evaluable(results: Results) -> dict[str, int]:
    return {cell[0]: cell[9] for cell in results["cells"] if cell[2] == "all"}


def test_one_record_that_de_identification_refuses_is_counted_and_stops_nobody_else_s_night(api):
    put_somebody(api, "modified")
    mend = refuse_an_extra_result(api, "modified")
    before = held_results(api)
    night(api)
    manifest = lake_of(api).current("limited")
    assert manifest.exported == stored_counts(api)
    set_aside = manifest.explained["Observation lines set aside by de-identification"]
    assert set_aside == manifest.exported["Observation"] - lake_lines(api)["Observation"] > 0
    assert manifest.explained["people whose record could not be checked"] == 1
    assert manifest.explained["patient rows of people whose record could not be checked"] == 1
    assert manifest.tables["patient"] == manifest.exported["Patient"] - 1
    assert lake_of(api).current("safe_harbor").tables["patient"] == manifest.tables["patient"]
    report = lake_of(api).deidentification("limited").types["Observation"]
    assert report.quarantine_reasons == {"unknown_modifier at Observation.modifierExtension": 1}
    assert (report.lines_in, report.lines_out) == (
        manifest.exported["Observation"],
        lake_lines(api)["Observation"],
    )
    assert report.dropped["Observation.code.text"] > 0
    after = held_results(api)
    for odd in TAKEN:
        assert answers_of(after, odd.patient_id) == answers_of(before, odd.patient_id)
    mend()


def test_somebody_never_measured_before_is_not_evaluable_in_every_measure_that_counts_anybody(api):
    put_somebody(api, "never-measured")
    mend = refuse_an_extra_result(api, "never-measured")
    night(api)
    flags = rows_about(held_results(api), "flags", "never-measured")
    assert {row[1] for row in flags} == {cell[0] for cell in held_results(api)["cells"]}
    assert not any(row[3] for row in flags)
    mend()
    night(api)
    assert any(row[3] for row in rows_about(held_results(api), "flags", "never-measured"))


def test_who_dies_while_their_record_cannot_be_read_has_no_gap_all_the_same(api):
    put_somebody(api, "dies-unread")
    measure_all(api)
    refuse_an_extra_result(api, "dies-unread")
    measure_all(api)
    assert any(row[-1] for row in rows_about(held_results(api), "gaps", "dies-unread"))
    put(api, "Patient", "dies-unread", **{**body_of(api, "Patient", "dies-unread"), "deceasedBoolean": True})
    measure_all(api)
    assert not any(row[-1] for row in rows_about(held_results(api), "gaps", "dies-unread"))
    night(api)
    assert not any(row[-1] for row in rows_about(held_results(api), "gaps", "dies-unread"))


def answers_of(results: Results, patient_id: str) -> list[tuple]:
    return [row for name in ("gaps", "flags") for row in rows_about(results, name, patient_id)]


def rows_about(results: Results, name: str, patient_id: str) -> list[tuple]:
    return [row for row in results[name] if row[0] == patient_id]


def reason_of(results: Results, patient_id: str) -> str:
    return {row[1]: row[4] for row in rows_about(results, "gaps", patient_id)}["glycemic_control"]


def test_lines_without_a_patient_are_kept_in_the_lake_and_explained(api):
    manifest = lake_of(api).current("limited")
    if manifest is None:
        raise NotFound("The night of the test before has not run: run the whole file.")
    without = manifest.explained["Observation lines without keys"]
    assert manifest.tables["observation"] + without == lake_lines(api)["Observation"]
    assert without == sum(odd.name in ("of a group", "without a subject") for odd in TAKEN)
