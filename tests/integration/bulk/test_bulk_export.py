"""FHIR bulk export over the wire: what is in the store comes out byte for byte, and only to whoever asked."""

from __future__ import annotations

import errno
import json
from datetime import timedelta

import pytest

from data_contracts.api.bulk import BulkManifest
from ehr_core.access.actor import Actor
from ehr_core.api.bulk import jobs
from ehr_core.api.bulk import runner as runner_room
from ehr_core.api.bulk.sealed_files import SealedWriter
from ehr_core.kernel.errors import BadRequest, Forbidden, Gone, NotFound, SignInRequired, TooMuch, Unavailable
from ehr_core.population import story_patient_id
from ehr_core.store.repository import Store
from pipelines.export import exported
from tests.integration.bulk.conftest import PATIENTS
from tests.integration.bulk.exports import finished, lines, run, stored


@pytest.mark.usefixtures("people")
def test_every_resource_comes_out_as_it_is_stored_and_the_files_at_rest_say_nothing(api, pipeline):
    manifest = finished(api, pipeline)
    out = [line.decode() for line in lines(pipeline, manifest, "Observation")]
    assert len(out) > 100
    assert set(out) == stored(api, "observation")
    assert manifest.outbox_transaction is not None
    files = list((api.parts.settings.state_folder / "bulk").rglob("*.ndjson"))
    assert files
    assert all(b"resourceType" not in path.read_bytes() for path in files)


@pytest.mark.usefixtures("people")
def test_only_what_was_asked_for_comes_out(api, pipeline):
    manifest = finished(api, pipeline, resource_types=["Patient", "Coverage"])
    assert {file.type for file in manifest.output} == {"Patient", "Coverage"}
    manifest = finished(api, pipeline, level="patient")
    types = {file.type for file in manifest.output}
    assert "Observation" in types
    assert not types & {"Organization", "Practitioner", "Location"}


@pytest.mark.usefixtures("people")
def test_group_level_holds_its_members_only(api, pipeline):
    ana = story_patient_id("ana-reyes")
    group = {
        "resourceType": "Group",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": f"Patient/{ana}"}}],
    }
    with api.work() as work:
        created = Store(work).create("Group", group)
    manifest = finished(
        api, pipeline, level="group", group_id=created.id, resource_types=["Patient", "Observation"]
    )
    assert [json.loads(line)["id"] for line in lines(pipeline, manifest, "Patient")] == [ana]
    subjects = {json.loads(line)["subject"]["reference"] for line in lines(pipeline, manifest, "Observation")}
    assert subjects == {f"Patient/{ana}"}


@pytest.mark.usefixtures("people")
def test_since_holds_what_changed_and_tells_what_was_deleted(api, pipeline):
    first = finished(api, pipeline, resource_types=["Observation"])
    changed, gone = (json.loads(line) for line in lines(pipeline, first, "Observation")[:2])
    api.clock.instant += timedelta(minutes=5)
    since = api.clock.instant
    with api.work() as work:
        store = Store(work)
        changed["note"] = [{"text": "looked at again"}]
        store.update("Observation", changed["id"], changed, if_match=int(changed["meta"]["versionId"]))
        store.delete("Observation", gone["id"])
    manifest = finished(api, pipeline, resource_types=["Observation"], since=since - timedelta(seconds=1))
    assert [json.loads(line)["id"] for line in lines(pipeline, manifest, "Observation")] == [changed["id"]]
    [bundle] = [json.loads(line) for file in manifest.deleted for line in pipeline.bulk.lines(file)]
    assert [entry["request"]["url"] for entry in bundle["entry"]] == [f"Observation/{gone['id']}"]


@pytest.mark.usefixtures("people")
def test_somebody_elses_export_is_not_found(api, pipeline):
    status = pipeline.bulk.start(resource_types=["Patient"])
    run(api)
    other = Actor("service:other", "service", "Other", (), frozenset({"bulk.export"}))
    with api.work(other) as work, pytest.raises(NotFound):
        jobs.find(work, status.rsplit("/", 1)[1])


def test_only_a_client_with_the_permission_may_export(api):
    with pytest.raises(Forbidden):
        api.signed_in("maya", "clinician").bulk.start()
    with pytest.raises(SignInRequired):
        type(api.service("pipeline"))(api.base_url, None, api.transport).bulk.start()


@pytest.mark.parametrize(
    ("query", "header", "word"),
    [
        ("?_type=Nonsense", "respond-async", "_type"),
        ("?_since=yesterday", "respond-async", "_since"),
        ("?_since=2026-11-20T10:00:00", "respond-async", "offset"),
        ("?_outputFormat=csv", "respond-async", "_outputFormat"),
        ("?_elements=id", "respond-async", "_elements"),
        ("", "", "Prefer"),
    ],
)
def test_what_is_not_understood_is_named(api, pipeline, query, header, word):
    with pytest.raises(BadRequest, match=word):
        pipeline.transport.request("GET", f"/fhir/$export{query}", headers={"Prefer": header})


@pytest.mark.usefixtures("people")
def test_a_deleted_export_is_gone_with_its_files(api, pipeline):
    status = pipeline.bulk.start(resource_types=["Patient"])
    run(api)
    pipeline.bulk.delete(status)
    with pytest.raises(NotFound):
        pipeline.bulk.look(status)
    run(api)
    assert list((api.parts.settings.state_folder / "bulk").rglob("*.ndjson")) == []


def test_an_export_expires(api, pipeline):
    status = pipeline.bulk.start(resource_types=["Patient"])
    run(api)
    api.clock.instant += timedelta(hours=api.parts.settings.bulk_file_hours, seconds=1)
    with pytest.raises(Gone):
        pipeline.bulk.look(status)


def test_no_more_exports_than_the_server_can_take(api, pipeline):
    for _ in range(4):
        pipeline.bulk.start(resource_types=["Patient"])
    with pytest.raises(TooMuch):
        pipeline.bulk.start(resource_types=["Patient"])


@pytest.mark.usefixtures("people")
def test_a_runner_that_died_is_followed_by_another_with_fresh_files(api, pipeline, monkeypatch):
    status = pipeline.bulk.start(resource_types=["Patient", "Coverage"])

    class Killed(BaseException):
        pass

    def die(*_args, **_more):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(runner_room, "patients_in", die)
        with pytest.raises(Killed):
            api.app.state.bulk_runner.run_one()
    assert pipeline.bulk.look(status) == "Coverage: done"
    run(api)
    assert not isinstance(pipeline.bulk.look(status), BulkManifest)
    api.clock.instant += timedelta(minutes=2)
    run(api)
    manifest = pipeline.bulk.look(status)
    assert len(lines(pipeline, manifest, "Patient")) == PATIENTS


@pytest.mark.usefixtures("people")
def test_a_full_disk_is_a_sentence_and_leaves_no_file(api, pipeline, monkeypatch):
    status = pipeline.bulk.start(resource_types=["Patient"])

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SealedWriter, "write", full)
    run(api)
    with pytest.raises(Unavailable, match="disk of the export folder is full"):
        pipeline.bulk.look(status)
    assert list((api.parts.settings.state_folder / "bulk").rglob("*.ndjson")) == []


@pytest.mark.usefixtures("people")
def test_the_export_and_each_download_are_audited_with_the_sealed_list_of_patients(api, pipeline):
    manifest = finished(api, pipeline, resource_types=["Patient"])
    lines(pipeline, manifest, "Patient")
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT act, cardinality(patient_ids), patient_ids_sealed FROM audit.event "
            "WHERE act LIKE 'bulk%%' ORDER BY at, id"
        ).all()
    acts = [row[0] for row in rows]
    assert acts == ["bulk_export_requested", "bulk_export", "bulk_file_downloaded"]
    assert rows[1][1] == PATIENTS
    assert len(rows[1][2]) == 64


@pytest.mark.usefixtures("people")
def test_the_pipeline_takes_an_export_and_leaves_nothing_behind(api, pipeline):
    runner = api.app.state.bulk_runner
    runner.start()
    try:
        with exported(pipeline) as export:
            arrived = {name: sum(1 for _ in export.lines(name)) for name in export.resource_types}
            assert arrived == {name: export.count_of(name) for name in export.resource_types}
            assert arrived["Patient"] == PATIENTS
    finally:
        runner.stop()
    run(api)
    assert list((api.parts.settings.state_folder / "bulk").iterdir()) == []
