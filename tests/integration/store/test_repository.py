"""What the store does with single resources: versions, conditions, traces."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest

from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    InvalidResource,
    NotFound,
    StaleVersion,
)
from ehr_core.store.reads import SeveralMatch
from ehr_core.store.repository import Store
from tests.integration.store.conftest import SITE, observation, patient


def test_a_resource_is_kept_digit_for_digit_through_its_versions(opened) -> None:
    with opened() as store:
        ana = store.create("Patient", patient())
        first = store.create("Observation", observation(ana.id, "7.10"))
        second = store.update("Observation", first.id, observation(ana.id, "1.0e1"), if_match=1)
        deleted = store.delete("Observation", first.id, if_match=2)
        versions = store.history("Observation", first.id)
        old = store.vread("Observation", first.id, 1)

    assert b'"value":7.10,' in old.body
    assert b'"value":1.0e1,' in second.body
    assert b'"meta":{"versionId":"2","lastUpdated":"2026-03-01T17:00:00.000000Z"}' in second.body
    assert [(version.version_id, version.deleted) for version in versions] == [
        (3, True),
        (2, False),
        (1, False),
    ]
    assert versions[2].body == first.body
    assert deleted.body == b""


def test_what_is_deleted_is_gone_and_can_come_back(opened) -> None:
    with opened() as store:
        ana = store.create("Patient", patient(), id="ana")
        store.delete("Patient", "ana")
        with pytest.raises(Gone):
            store.read("Patient", "ana")
        with pytest.raises(Gone):
            store.vread("Patient", "ana", 2)
        assert store.search("Patient", {"_id": "ana"}).total == 0
        again = store.put("Patient", "ana", ana.body)
        assert (again.resource.version_id, again.created, again.changed) == (3, True, True)
        assert store.delete("Patient", "ana").version_id == 4
        assert store.delete("Patient", "ana").version_id == 4


def test_the_same_content_again_changes_nothing(opened, count) -> None:
    with opened() as store:
        ana = store.create("Patient", patient(), id="ana")
    before = count("core.outbox")
    with opened() as store:
        written = store.put("Patient", "ana", ana.body)

    assert (written.changed, written.resource.version_id) == (False, 1)
    assert count("core.outbox") == before
    assert count("fhir.patient_history") == 0


@pytest.mark.parametrize(("if_match", "exists"), [(2, True), (0, True), (1, False)])
def test_a_stale_version_is_refused(opened, if_match: int, exists: bool) -> None:
    with opened() as store:
        if exists:
            store.create("Patient", patient(), id="ana")
        with pytest.raises(StaleVersion):
            store.update("Patient", "ana", patient(gender="female"), if_match=if_match)


def test_of_two_who_change_the_same_version_one_is_refused(database, staff) -> None:
    with begin(database, staff, SystemClock(), SITE) as work:
        Store(work).create("Patient", patient(), id="ana")
    barrier = threading.Barrier(2)

    def change(gender: str) -> str:
        with begin(database, staff, SystemClock(), SITE) as work:
            barrier.wait()
            try:
                Store(work).update("Patient", "ana", patient(gender=gender), if_match=1)
            except StaleVersion:
                return "stale"
        return "saved"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(change, ("female", "other"))) == ["saved", "stale"]
    with begin(database, staff, SystemClock(), SITE) as work:
        assert Store(work).read("Patient", "ana").version_id == 2


def test_32_who_create_under_one_condition_make_one_resource(database_url, staff) -> None:
    database = connect(database_url[1], pool_size=16)
    body = patient(identifier=[{"system": "urn:mrn", "value": "77"}])
    barrier = threading.Barrier(32)

    def create(number: int) -> tuple[str, bool]:
        barrier.wait()
        query = "identifier=urn:mrn|77" if number % 2 else "identifier=77"
        with begin(database, staff, SystemClock(), SITE) as work:
            found, created = Store(work).conditional_create("Patient", body, query)
        return found.id, created

    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(create, range(32)))
    database.dispose()

    assert len({resource_id for resource_id, _ in results}) == 1
    assert [created for _, created in results].count(True) == 1


def test_a_condition_that_finds_two_is_refused(opened) -> None:
    with opened() as store:
        store.create("Patient", patient())
        store.create("Patient", patient())
        with pytest.raises(SeveralMatch):
            store.conditional_create("Patient", patient(), "family=Rivera")
        with pytest.raises(BadRequest):
            store.conditional_create("Patient", patient(), "")


def test_an_id_can_be_given_once(opened) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="ana")
        with pytest.raises(Conflict):
            store.create("Patient", patient(), id="ana")
        with pytest.raises(BadRequest):
            store.create("Patient", patient(), id="a/b")
        with pytest.raises(InvalidResource):
            store.update("Patient", "ana", patient(id="other"))


def test_decimals_of_our_own_making_stay_numbers(opened) -> None:
    with opened() as store:
        body = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "valueQuantity": {"value": Decimal("7.10")},
        }
        assert b'"value":7.10' in store.create("Observation", body).body


def test_every_act_leaves_its_traces_in_its_own_commit(opened, count) -> None:
    with opened() as store:
        ana = store.create("Patient", patient())
        result = store.create("Observation", observation(ana.id))
        store.read("Observation", result.id)
        store.search("Observation", {"patient": ana.id})
        store.delete("Observation", result.id)

    one = f"resource_id = '{result.id}'"
    assert (
        count("audit.event", f"{one} AND act = 'create' AND patient_id = '{ana.id}' AND actor_id = 'u-1'")
        == 1
    )
    assert count("audit.event", f"{one} AND act = 'read'") == 1
    assert count("audit.event", f"{one} AND act = 'delete'") == 1
    assert (
        count(
            "audit.event", f"act = 'search' AND patient_ids = ARRAY['{ana.id}'] AND patient_ids_sealed <> ''"
        )
        == 1
    )
    announced = (
        f"{one} AND patient_ids = ARRAY['{ana.id}'] AND code_tokens = ARRAY['http://loinc.org|4548-4']"
    )
    assert count("core.outbox", announced) == 2
    same = "audit.event a JOIN core.outbox o ON a.transaction_id = o.transaction_id"
    assert count(same, f"a.resource_id = '{result.id}' AND a.act = 'create' AND o.act = 'create'") == 2


def test_what_is_rolled_back_leaves_no_trace(opened, count) -> None:
    def fails() -> None:
        with opened() as store:
            store.create("Patient", patient())
            raise RuntimeError("the request fails")

    with pytest.raises(RuntimeError):
        fails()

    assert count("fhir.patient") == count("audit.event") == count("core.outbox") == 0


def test_a_change_of_patient_is_announced_to_both(opened, count) -> None:
    with opened() as store:
        result = store.create("Observation", observation("ana"))
        store.update("Observation", result.id, observation("ben"))
    assert count("core.outbox", "act = 'update' AND patient_ids = ARRAY['ana', 'ben']") == 1


def test_a_change_wakes_whoever_listens(opened, admin_url) -> None:
    with psycopg.connect(admin_url, autocommit=True) as listener:
        listener.execute("LISTEN almoner_outbox")
        with opened() as store:
            store.create("Patient", patient())
        heard = list(listener.notifies(timeout=5, stop_after=1))
    assert [notice.channel for notice in heard] == ["almoner_outbox"]


def test_a_whole_record_is_handed_out_with_one_audit_row(opened, count) -> None:
    with opened() as store:
        ana, ben = store.create("Patient", patient()), store.create("Patient", patient())
        store.create("Observation", observation(ana.id))
        store.create("Observation", observation(ben.id))
        gone = store.create("Observation", observation(ana.id))
        store.delete("Observation", gone.id)
    with opened() as store:
        record = list(store.patient_resources([ana.id]))
        bodies = list(store.patient_record([ana.id]))

    assert [name for name, _ in record] == ["Patient", "Observation"]
    assert bodies == [body for _, body in record]
    assert count("audit.event", f"act = 'patient_record' AND patient_ids = ARRAY['{ana.id}']") == 2


def test_unknown_types_and_resources_are_said_to_be_so(opened) -> None:
    with opened() as store:
        with pytest.raises(BadRequest):
            store.read("Nonsense", "1")
        with pytest.raises(NotFound):
            store.read("Patient", "1")
        with pytest.raises(NotFound):
            store.delete("Patient", "1")
        with pytest.raises(InvalidResource):
            store.create("Patient", observation("ana"))


def test_a_patient_reads_and_writes_only_their_own_record(opened, as_patient) -> None:
    with opened() as store:
        for name in ("ana", "ben"):
            store.create("Patient", patient(), id=name)
            store.create("Observation", observation(name), id=f"o-{name}")
        store.create("Organization", {"resourceType": "Organization", "name": "Clinic"}, id="clinic")
    with opened(as_patient("ana")) as store:
        assert store.read("Patient", "ana").id == "ana"
        assert store.read("Organization", "clinic").id == "clinic"
        assert [found.id for found in store.search("Observation", {}).resources] == ["o-ana"]
        assert list(store.patient_resources(["ana", "ben"])) == list(store.patient_resources(["ana"]))
        for name, resource_id in (("Patient", "ben"), ("Observation", "o-ben")):
            with pytest.raises(NotFound):
                store.read(name, resource_id)
            with pytest.raises(NotFound):
                store.history(name, resource_id)
            with pytest.raises(NotFound):
                store.delete(name, resource_id)
        store.create("Observation", observation("ana"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Observation", observation("ben")),
        ("Organization", b'{"resourceType":"Organization","name":"Mine"}'),
        ("Group", b'{"resourceType":"Group","type":"person","actual":true}'),
    ],
)
def test_a_patient_cannot_write_elsewhere(opened, as_patient, kind: str, body: bytes) -> None:
    with pytest.raises(Forbidden), opened(as_patient("ana")) as store:
        store.create(kind, body)


def test_a_patient_cannot_move_a_result_into_another_record(opened, as_patient) -> None:
    with opened() as store:
        result = store.create("Observation", observation("ana"))
    with pytest.raises(Forbidden), opened(as_patient("ana")) as store:
        store.update("Observation", result.id, observation("ben"))
