"""Import and export: nothing lost, nothing doubled, bad input explained, a stopped import healed."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ehr_core.access.unit_of_work import begin
from ehr_core.db.twin import twin_of
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, Unavailable
from ehr_core.store.exporter import CHUNK_BYTES, Wanted, deleted_since, export_folder, stream_type
from ehr_core.store.importer import import_path, load_resources
from ehr_core.store.repository import Store
from tests.integration.store.conftest import NOON, SITE, observation, patient
from tests.lib.shared_data import shared_data

ROOT = Path(__file__).resolve().parents[3]


class Digits(str):
    """A number as it is written; '1.50' is not '1.5'."""


def exact(text: bytes) -> dict:
    return json.loads(text, parse_float=Digits, parse_int=Digits)


def content(resource: dict) -> dict:
    """A resource without what the server sets."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    rest = {k: v for k, v in resource.items() if k != "meta"}
    return rest | ({"meta": meta} if meta else {})


def resolved(node: object, targets: dict[str, str]) -> object:
    """The same JSON with the references among a Bundle's entries replaced."""
    if isinstance(node, list):
        return [resolved(item, targets) for item in node]
    if isinstance(node, dict):
        return {
            name: targets.get(value, value) if name == "reference" else resolved(value, targets)
            for name, value in node.items()
        }
    return node


def exported(folder: Path) -> dict[str, dict]:
    return {
        f"{path.stem}/{resource['id']}": resource
        for path in folder.glob("*.ndjson")
        for resource in map(exact, path.read_bytes().splitlines())
    }


@pytest.mark.long
def test_the_synthea_patients_come_back_with_the_same_content(
    run_import, database, staff, count, tmp_path
) -> None:
    folder = shared_data("synthea-r4")
    sent, read = {}, 0
    for path in sorted(folder.glob("*.json.gz")):
        entries = exact(gzip.decompress(path.read_bytes()))["entry"]
        targets = {e["fullUrl"]: f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries}
        for entry in entries:
            resource = resolved(entry["resource"], targets)
            sent[f"{resource['resourceType']}/{resource['id']}"] = resource
            read += 1

    first = run_import(folder, processes=2)
    export_folder(database, staff, tmp_path / "out")
    back = exported(tmp_path / "out")

    assert first.problems == []
    assert first.read == read == first.stored + first.unchanged.total() + first.superseded.total()
    assert back.keys() == sent.keys()
    assert all(content(back[name]) == content(sent[name]) for name in sent)
    assert not any("urn:uuid:" in line for path in (tmp_path / "out").iterdir() for line in _references(path))

    before = {
        table: count(table)
        for table in ("fhir.observation_history", "fhir.organization_history", "core.outbox")
    }
    again = run_import(folder, processes=2)
    assert (again.stored, again.rejected) == (0, 0)
    assert before == {table: count(table) for table in before}

    home = run_import(tmp_path / "out", processes=2)
    assert (home.read, home.unchanged.total()) == (len(sent), len(sent))


def _references(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if '"reference":"urn:uuid:' in line]


def test_every_line_of_ndjson_comes_back_byte_for_byte(run_import, database, staff, tmp_path) -> None:
    numbers = ["1.50", "0.000010", "1.0e2", "-0.0", "12345678901234567.89", "100", "7E-3"]
    lines = [
        f'{{"resourceType":"Observation","id":"o-{n}","status":"final","code":{{"text":"\\u00e9 é \\/ \\n"}},'
        f'"valueQuantity":{{"value":{number}}},"extension":[{{"url":"u","valueDecimal":{number}}}]}}'
        for n, number in enumerate(numbers)
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ndjson").write_text("\n".join(lines) + "\n")
    run_import(tmp_path / "in")
    export_folder(database, staff, tmp_path / "out")

    back = (tmp_path / "out" / "Observation.ndjson").read_text().splitlines()
    without_meta = {line[: line.index('"meta"')] + line[line.index('"status"') :] for line in back}
    assert without_meta == set(lines)


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.jsonl", "a.json", "a.json.gz"])
def test_lines_are_taken_under_any_ending(run_import, tmp_path, name: str) -> None:
    text = b"\n".join(json.dumps(patient(id=str(n))).encode() for n in range(3)) + b"\n\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert run_import(tmp_path).created == {"Patient": 3}


def test_one_resource_and_a_pretty_bundle_are_taken(run_import, tmp_path, count) -> None:
    (tmp_path / "one.json").write_text(json.dumps(patient(id="one"), indent=2))
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": "https://x/fhir/Patient/two", "resource": patient()},
            {
                "fullUrl": "urn:uuid:0b9a7f8e-0000-4000-8000-000000000001",
                "resource": json.loads(observation("x")),
            },
        ],
    }
    bundle["entry"][1]["resource"]["subject"]["reference"] = "https://x/fhir/Patient/two"
    (tmp_path / "two.json").write_text(json.dumps(bundle, indent=2))

    assert run_import(tmp_path).created == {"Patient": 2, "Observation": 1}
    assert count("fhir.patient", "id IN ('one', 'two')") == 2
    assert (
        count("fhir.observation", "patient_id = 'two' AND id = '0b9a7f8e-0000-4000-8000-000000000001'") == 1
    )


def test_a_resource_without_an_id_gets_the_same_one_each_time(run_import, tmp_path) -> None:
    (tmp_path / "a.ndjson").write_text(json.dumps(patient()) + "\n")
    assert run_import(tmp_path).created == {"Patient": 1}
    again = run_import(tmp_path)
    assert (again.stored, again.unchanged) == (0, {"Patient": 1})


LONG = b"x" * 1_048_577
DEEP = b'[{"url":"u","extension":' * 9000 + b"[]" + b"}]" * 9000
BAD_LINES = [
    (b"{", "", "JSON"),
    (b"\xff\xfe", "", "JSON"),
    (b'{"resourceType":"Nonsense","id":"1"}', "Nonsense", "not kept"),
    (b'{"id":"1"}', "resourceType", "resource type"),
    (b"[]", "resourceType", "resource type"),
    (b'{"resourceType":"Patient","id":7}', "Patient.id", "id"),
    (b'{"resourceType":"Patient","id":"a b"}', "Patient.id", "id"),
    (b'{"resourceType":"Patient","id":"1","birthDate":"2024-02-30"}', "Patient.birthDate", "exist"),
    (b'{"resourceType":"Patient","id":"1","active":"yes"}', "Patient.active", "true or false"),
    (b'{"resourceType":"Patient","id":"1","gender":"F"}', "Patient.gender", "one of"),
    (b'{"resourceType":"Patient","id":"1","id":"2"}', "Patient.id", "twice"),
    (b'{"resourceType":"Patient","id":"1","name":[{"text":"a\\u0000b"}]}', "Patient.name[0].text", "control"),
    (b'{"resourceType":"Patient","id":"1","name":[{"text":"' + LONG + b'"}]}', "Patient.name[0].text", "longer"),
    (b'{"resourceType":"Patient","extension":' + DEEP + b"}", "", "nested"),
    (b"7", "resourceType", "resource type"),
]  # fmt: skip


def test_bad_lines_are_reported_with_their_place_and_the_rest_is_kept(run_import, tmp_path) -> None:
    good = json.dumps(patient(id="good")).encode()
    (tmp_path / "mixed.ndjson").write_bytes(b"\n".join([good, *[line for line, _, _ in BAD_LINES]]) + b"\n")

    summary = run_import(tmp_path)

    assert (summary.read, summary.stored, summary.rejected) == (len(BAD_LINES) + 1, 1, len(BAD_LINES))
    by_line = {problem.line: problem for problem in summary.problems}
    for number, (_, path, reason) in enumerate(BAD_LINES, start=2):
        problem = by_line[number]
        assert problem.file == "mixed.ndjson"
        assert problem.path.startswith(path), problem
        assert reason in problem.reason, problem


def test_bad_entries_are_reported_with_their_place(run_import, tmp_path) -> None:
    entries = [
        {"resource": patient(id="good")},
        {"resource": patient(id="bad", gender="F")},
        {"request": {"method": "DELETE", "url": "Patient/x"}},
        {"resource": json.loads(observation("nowhere"))},
    ]
    entries[3]["resource"]["subject"]["reference"] = "urn:uuid:nowhere"
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    (tmp_path / "b.json").write_text(json.dumps(bundle, indent=1))

    summary = run_import(tmp_path)

    assert (summary.read, summary.stored, summary.rejected) == (4, 1, 3)
    bad, deletion, dangling = summary.problems
    assert bad.path == "Bundle.entry[1].resource.gender"
    assert bad.line > 1
    assert deletion.path == "Bundle.entry[2].resource"
    assert (dangling.path, dangling.kept) == ("Bundle.entry[3].resource.subject", False)


@pytest.mark.parametrize(
    ("name", "data"), [("a.json", b"{"), ("a.json.gz", b"not gzip"), ("a.json.gz", gzip.compress(b"{}" * 99)[:-9])],
    ids=["no JSON", "no gzip", "cut short"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_reported(run_import, tmp_path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.json").write_text(json.dumps(patient(id="good")))
    summary = run_import(tmp_path)
    assert (summary.stored, summary.rejected, summary.problems[0].file) == (1, 1, name)


@pytest.mark.parametrize("processes", [1, 2])
def test_of_several_copies_the_last_in_the_input_counts(run_import, opened, tmp_path, processes: int) -> None:
    genders = ["female", "male", "other", "male", "unknown"]
    for number, gender in enumerate(genders):
        lines = [json.dumps(patient(id=f"fill-{number}-{n}")) for n in range(500)]
        lines.insert(250, json.dumps(patient(id="ana", gender=gender)))
        (tmp_path / f"{number}.ndjson").write_text("\n".join(lines))

    for turn in range(2):
        summary = run_import(tmp_path, processes=processes)
        counted = summary.stored + summary.unchanged.total() + summary.superseded.total()
        assert summary.read == counted == 2505
        assert summary.rejected == 0
        if turn:
            assert summary.stored == 0
    with opened() as store:
        assert json.loads(store.read("Patient", "ana").body)["gender"] == "unknown"


def test_a_changed_source_makes_a_new_version_and_a_reverted_one_another(
    run_import, opened, tmp_path, count
) -> None:
    path = tmp_path / "a.ndjson"
    for turn, gender in enumerate(["female", "male", "female"], start=1):
        path.write_text(json.dumps(patient(id="ana", gender=gender)))
        summary = run_import(tmp_path)
        assert summary.stored == 1
        with opened() as store:
            found = store.read("Patient", "ana")
        assert (found.version_id, json.loads(found.body)["gender"]) == (turn, gender)
        assert json.loads(found.body)["meta"]["versionId"] == str(turn)
    assert count("fhir.patient_history") == 2
    assert count("core.outbox", "act = 'import' AND patient_ids = ARRAY['ana']") == 3
    assert count("audit.event", "act = 'import' AND patient_ids = ARRAY['ana']") == 3


def test_a_batch_leaves_one_audit_and_one_outbox_row(run_import, tmp_path, count) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"\n".join(observation(f"p-{n}").replace(b"{", b'{"id":"o-%d",' % n, 1) for n in range(50)))  # fmt: skip # noqa: E501
    run_import(tmp_path)
    assert (
        count(
            "core.outbox", "cardinality(patient_ids) = 50 AND code_tokens = ARRAY['http://loinc.org|4548-4']"
        )
        == 1
    )
    assert count("audit.event", "act = 'import' AND cardinality(patient_ids) = 50") == 1
    run_import(tmp_path)
    assert count("core.outbox") == 1


def test_directories_of_synthea_come_first_and_are_found(run_import, tmp_path, count) -> None:
    doctor = {"resourceType": "Practitioner", "id": "doc", "identifier": [{"system": "npi", "value": "9"}]}
    seen = json.loads(observation("ana"))
    seen["performer"] = [
        {"reference": "Practitioner?identifier=npi|9"},
        {"reference": "Practitioner?identifier=npi|0"},
    ]
    (tmp_path / "a-patient.ndjson").write_text(json.dumps({**seen, "id": "o-1"}))
    (tmp_path / "practitionerInformation1.json").write_text(json.dumps(doctor))

    summary = run_import(tmp_path)

    assert count("fhir.observation", """body LIKE '%"reference": "Practitioner/doc"%'""") == 1
    assert [problem.kept for problem in summary.problems] == [True]


def test_a_program_loads_what_it_makes(database, staff, count) -> None:
    made = (
        (f"{name}", json.dumps(patient(id=f"p-{n}")).encode()) for n in range(3000) for name in ["Patient"]
    )
    reports: list[int] = []
    summary = load_resources(database, staff, made, processes=2, site_time_zone=SITE, report=lambda s: reports.append(s.read))  # fmt: skip # noqa: E501
    assert summary.created == {"Patient": 3000}
    assert count("fhir.patient") == 3000
    assert reports[-1] == 3000


def test_nothing_to_import_is_a_sentence(run_import, tmp_path) -> None:
    with pytest.raises(BadRequest, match="nothing to import"):
        run_import(tmp_path / "none")
    with pytest.raises(BadRequest, match="was found"):
        run_import(tmp_path)


def test_without_the_permission_nothing_moves(database, as_patient, tmp_path) -> None:
    with pytest.raises(Forbidden):
        import_path(database, as_patient("ana"), [tmp_path])
    with pytest.raises(Forbidden):
        export_folder(database, as_patient("ana"), tmp_path / "out")


KILLED = """
import os, sys
from ehr_core.access.actor import Actor
from ehr_core.db.database import connect
from ehr_core.store.importer import import_path
if __name__ == "__main__":
    actor = Actor("u-1", "user", "Nurse", (), frozenset({"fhir.write"}))
    import_path(connect(sys.argv[1]), actor, [sys.argv[2]], site_time_zone="UTC",
                report=lambda summary: print(summary.stored, flush=True))
"""


@pytest.mark.long
def test_an_import_that_was_killed_is_healed_by_the_next(run_import, database_url, tmp_path, count) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(12):
        lines = [json.dumps(patient(id=f"p-{number}-{n}", gender="female")) for n in range(2000)]
        (source / f"{number}.ndjson").write_text("\n".join(lines))
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    command = [sys.executable, str(script), database_url[1], str(source)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while count("pg_stat_activity", "application_name = 'almoner import'") and time.monotonic() < deadline:
        time.sleep(0.05)

    half = count("fhir.patient")
    assert 0 < half < 24_000
    assert count("audit.event", "act = 'import'") == count("core.outbox", "act = 'import'")

    healed = run_import(source, processes=2)
    assert healed.stored == 24_000 - half
    assert healed.unchanged == {"Patient": half}
    assert count("fhir.patient") == 24_000
    assert count("fhir.patient_history") == 0


def test_a_folder_that_holds_something_is_refused(database, staff, tmp_path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(Conflict, match="not empty"):
        export_folder(database, staff, tmp_path)
    with pytest.raises(Unavailable):
        export_folder(database, staff, tmp_path / "x" / "y")


def test_a_full_disk_is_a_sentence_and_leaves_no_half_file(
    opened, database, staff, tmp_path, monkeypatch
) -> None:
    with opened() as store:
        store.create("Patient", patient())

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="full"):
        export_folder(database, staff, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_export_is_one_audit_row_with_its_patients_sealed(
    opened, database, staff, tmp_path, count
) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="ana")
    export_folder(database, staff, tmp_path / "out")
    assert (
        count("audit.event", "act = 'export' AND patient_ids = ARRAY['ana'] AND patient_ids_sealed <> ''")
        == 1
    )
    assert oct((tmp_path / "out").stat().st_mode)[-3:] == "700"


def test_chunks_hold_whole_lines_of_what_was_asked_for(opened, database, staff, clock) -> None:
    long = json.dumps(patient(id="long", name=[{"text": "x" * 600_000}, {"text": "y" * 600_000}])).encode()
    with opened() as store:
        store.create("Patient", long, id="long")
        for number in range(1800):
            store.create("Observation", observation(f"p-{number % 3}", note="n" * 400).replace(b'"note":"', b'"note":[{"text":"').replace(b'n"}', b'n"}]}'))  # fmt: skip # noqa: E501
        store.delete("Patient", store.create("Patient", patient()).id)
    with begin(database, staff, SystemClock(), SITE) as work, twin_of(work.connection) as twin:
        chunks = list(stream_type(twin, "Observation"))
        some = list(stream_type(twin, "Observation", Wanted(patient_ids=["p-1", "other"])))
        people = list(stream_type(twin, "Patient"))
        assert list(stream_type(twin, "Observation", Wanted(since=NOON))) == []
        assert list(stream_type(twin, "Organization", Wanted(patient_ids=["p-1"]))) == []

    assert len(chunks) > 1
    for chunk in [*chunks, *some, *people]:
        assert chunk.lines.endswith(b"\n")
        assert chunk.lines.count(b"\n") == chunk.resources
        assert len(chunk.lines) <= CHUNK_BYTES or chunk.resources == 1
    lines = b"".join(chunk.lines for chunk in chunks).splitlines()
    assert Counter(exact(line)["subject"]["reference"] for line in lines) == {
        f"Patient/p-{number}": 600 for number in range(3)
    }
    assert sum(chunk.resources for chunk in some) == 600
    assert [chunk.resources for chunk in people] == [1]


def test_deletions_are_told_as_bundles(opened, database, staff, clock) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="ana")
        store.create("Observation", observation("ana"))
        result = store.create("Observation", observation("ana"))
        store.delete("Observation", result.id)
    with begin(database, staff, SystemClock(), SITE) as work:
        types = ["Patient", "Observation"]
        since = NOON.replace(hour=1)
        told = list(deleted_since(work.connection, types, Wanted(since=since)))
        assert list(deleted_since(work.connection, types, Wanted(since=NOON))) == []
        assert list(deleted_since(work.connection, types, Wanted(since=since, patient_ids=["ben"]))) == []

    bundle = json.loads(b"".join(chunk.lines for chunk in told))
    assert bundle["type"] == "transaction"
    assert bundle["entry"] == [{"request": {"method": "DELETE", "url": f"Observation/{result.id}"}}]


def test_an_export_sees_what_its_actor_may_see(opened, database, as_patient) -> None:
    with opened() as store:
        for name in ("ana", "ben"):
            store.create("Patient", patient(), id=name)
    with begin(database, as_patient("ana"), SystemClock(), SITE) as work:
        with twin_of(work.connection) as twin:
            both = stream_type(twin, "Patient", Wanted(patient_ids=["ana", "ben"]))
            lines = b"".join(chunk.lines for chunk in both).splitlines()
        assert [exact(line)["id"] for line in lines] == ["ana"]
        assert [found.id for found in Store(work).search("Patient", {}).resources] == ["ana"]
