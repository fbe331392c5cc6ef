"""Who is who in an import: no two people become one, and no result loses its patient in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.store.conftest import observation, patient

UUID = "0b9a7f8e-1111-4000-8000-000000000001"


def written(folder: Path, name: str, *entries: dict, kind: str = "transaction") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)}))
    return path


def posted(body: dict, full_url: str | None = None) -> dict:
    entry = {"resource": body, "request": {"method": "POST", "url": body["resourceType"]}}
    return entry | ({"fullUrl": full_url} if full_url else {})


def result(subject: str, **more: object) -> dict:
    return json.loads(observation("x")) | {"subject": {"reference": subject}, **more}


def people_with_results(opened) -> dict[str, int]:
    """How many results each person has, by family name."""
    with opened() as store:
        return {
            json.loads(person.body)["name"][0]["family"]: store.search(
                "Observation", {"patient": person.id}
            ).total
            for person in store.search("Patient", {}).resources
        }


MARKS = [
    "urn:uuid:patient",
    "urn:uuid:1",
    "urn:uuid:00000000-0000-0000-0000-000000000001",
    "urn:oid:1.2.3",
    "urn:p",
    "patient",
    "http://example.org/fhir/Patient/1",
]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("names", [("a.json", "b.json"), ("a/x.json", "b/x.json")], ids=["files", "folders"])
def test_two_bundles_that_mark_their_patients_alike_keep_two_people(
    run_import, opened, tmp_path, mark: str, names: tuple[str, str]
) -> None:
    for name, family in zip(names, ("Rivera", "Okafor"), strict=True):
        person = patient(name=[{"family": family}])
        written(tmp_path, name, posted(person, mark), posted(result(mark)), posted(result(mark, note=[{"text": family}])))  # fmt: skip # noqa: E501

    first = run_import(tmp_path)

    assert (first.created, first.problems) == ({"Patient": 2, "Observation": 4}, [])
    assert people_with_results(opened) == {"Rivera": 2, "Okafor": 2}
    again = run_import(tmp_path)
    assert (again.stored, again.unchanged) == (0, {"Patient": 2, "Observation": 4})


def test_bundles_as_lines_of_one_file_keep_their_people_apart(run_import, opened, tmp_path) -> None:
    lines = [
        {"resourceType": "Bundle", "type": "transaction", "entry": [
            posted(patient(name=[{"family": family}]), "urn:uuid:p"), posted(result("urn:uuid:p"))]}
        for family in ("Rivera", "Okafor")
    ]  # fmt: skip
    (tmp_path / "a.ndjson").write_text("\n".join(map(json.dumps, lines)))
    run_import(tmp_path)
    assert people_with_results(opened) == {"Rivera": 1, "Okafor": 1}


def test_the_same_bundle_wrapped_and_written_anew_is_the_same_people(run_import, tmp_path) -> None:
    entries = [posted(patient(), "urn:uuid:p"), posted(result("urn:uuid:p"))]
    path = written(tmp_path, "a.json", *entries)
    run_import(path)
    bundle = json.loads(path.read_text()) | {"id": "export-2", "timestamp": "2026-03-01T00:00:00Z"}
    path.write_text(json.dumps(bundle, indent=2))
    assert run_import(path).unchanged == {"Patient": 1, "Observation": 1}


def test_a_uuid_and_a_servers_address_are_ids(run_import, count, tmp_path) -> None:
    written(tmp_path, "a.json", posted(patient(), f"urn:uuid:{UUID.upper()}"), posted(result(f"urn:uuid:{UUID.upper()}")))  # fmt: skip # noqa: E501
    found = {"fullUrl": "https://there/fhir/Patient/two", "resource": patient()}
    of_two = {"fullUrl": "https://there/fhir/Observation/o-2", "resource": result("https://there/fhir/Patient/two")}  # fmt: skip # noqa: E501
    written(tmp_path, "b.json", found, of_two, kind="collection")
    run_import(tmp_path)
    assert count("fhir.patient", f"id IN ('{UUID}', 'two')") == 2
    assert count("fhir.observation", f"patient_id = '{UUID}' OR (id, patient_id) = ('o-2', 'two')") == 2


def test_a_mark_on_two_people_leads_to_neither(run_import, tmp_path) -> None:
    people = [posted(patient(name=[{"family": family}]), "urn:uuid:p") for family in ("Rivera", "Okafor")]
    summary = run_import(written(tmp_path, "a.json", *people, posted(result("urn:uuid:p"))))
    assert (summary.created, summary.rejected) == ({"Patient": 2}, 1)
    assert summary.problems[0].path == "Bundle.entry[2].resource.subject"


ESCAPED = [
    (r"https:\/\/x\/fhir\/Patient\/two", "two"),
    (r"urn:uuid:" + UUID.replace("-", r"\u002d"), UUID),
    (r"Patient\u003fidentifier=mrn|7", "by-number"),
    (r"Patient?identifier=http:\/\/mrn|8", "by-address"),
]


@pytest.mark.parametrize(("reference", "found"), ESCAPED)
def test_a_reference_is_read_however_json_spells_it(
    run_import, opened, count, tmp_path, reference: str, found: str
) -> None:
    with opened() as store:
        store.create("Patient", patient(identifier=[{"system": "mrn", "value": "7"}]), id="by-number")
        store.create("Patient", patient(identifier=[{"system": "http://mrn", "value": "8"}]), id="by-address")
    path = written(
        tmp_path, "a.json",
        {"fullUrl": "https://x/fhir/Patient/two", "resource": patient()},
        {"fullUrl": f"urn:uuid:{UUID}", "resource": patient()},
        {"resource": result("HERE")},
    )  # fmt: skip
    path.write_text(path.read_text().replace("HERE", reference))
    summary = run_import(path)
    assert summary.problems == []
    assert count("fhir.observation", f"patient_id = '{found}'") == 1


def test_other_pages_of_the_same_server_are_the_same_source(run_import, count, tmp_path) -> None:
    base = "https://there/fhir"
    mine = {"fullUrl": f"{base}/Observation/o-1", "resource": result(f"{base}/Patient/p-1", id="o-1")}
    other = {"fullUrl": f"{base}/Observation/o-2", "resource": result("https://elsewhere/Patient/p-1", id="o-2")}  # fmt: skip # noqa: E501
    summary = run_import(written(tmp_path, "page-2.json", mine, other, kind="searchset"))
    assert count("fhir.observation", "(id, patient_id) = ('o-1', 'p-1')") == summary.stored == 1
    assert [problem.path for problem in summary.problems] == ["Bundle.entry[1].resource.subject"]


LOST = {
    "another server's": {"reference": "https://x/fhir/Patient/1"},
    "another server's, escaped": {"reference": r"https:\/\/x\/fhir\/Patient\/1"},
    "of no Bundle": {"reference": f"urn:uuid:{UUID}"},
    "not found": {"reference": "Patient?identifier=mrn|0"},
    "inside": {"reference": "#p"},
    "a bare id": {"reference": "1"},
    "a number only": {"identifier": {"system": "mrn", "value": "1"}},
    "a name only": {"display": "Ana Rivera"},
    "a type only": {"type": "Patient"},
}


@pytest.mark.parametrize("subject", LOST.values(), ids=LOST.keys())
def test_a_result_whose_patient_is_not_found_is_refused_and_named(
    run_import, tmp_path, subject: dict
) -> None:
    body = result("HERE") | {"contained": [{"resourceType": "Patient", "id": "p"}]}
    line = json.dumps(body).replace('{"reference": "HERE"}', json.dumps(subject).replace("\\\\", "\\"))
    (tmp_path / "a.ndjson").write_text(json.dumps(patient(id="first")) + "\n" + line + "\n")

    summary = run_import(tmp_path)

    assert (summary.read, summary.stored, summary.rejected) == (2, 1, 1)
    problem = summary.problems[0]
    assert (problem.file, problem.line, problem.path) == ("a.ndjson", 2, "Observation.subject")
    assert "patient" in problem.reason or "nobody" in problem.reason
    assert "Rivera" not in problem.reason


NOBODYS = {
    "nobody": {},
    "unknown": {"subject": {"extension": [{"url": "u", "valueCode": "unknown"}]}},
    "a group": {"subject": {"reference": "Group/1"}},
    "a device elsewhere": {"subject": {"reference": "https://x/fhir/Device/1"}},
    "a device by number": {"subject": {"type": "Device", "identifier": {"value": "1"}}},
    "a device inside": {"subject": {"reference": "#d"}, "contained": [{"resourceType": "Device", "id": "d"}]},
}


@pytest.mark.parametrize("more", NOBODYS.values(), ids=NOBODYS.keys())
def test_what_is_about_no_patient_needs_none(run_import, tmp_path, more: dict) -> None:
    body = {key: value for key, value in (result("x") | {"subject": None} | more).items() if value}
    (tmp_path / "a.ndjson").write_text(json.dumps(body))
    summary = run_import(tmp_path)
    assert (summary.stored, summary.problems) == (1, [])


def test_a_visit_has_its_room_in_words_and_its_patient_by_reference(run_import, tmp_path) -> None:
    visit = {"resourceType": "Appointment", "status": "booked"}
    room = {"actor": {"display": "Room 3"}, "status": "accepted"}
    ana = {"actor": {"reference": "Patient/ana"}, "status": "accepted"}
    lost = {"actor": {"reference": "https://x/Patient/ana"}, "status": "accepted"}
    visits = [[room], [room, ana], [ana, lost], [room, lost]]
    lines = [json.dumps({**visit, "participant": who}) for who in visits]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    summary = run_import(tmp_path)
    assert [problem.line for problem in summary.problems] == [4]


def test_the_files_server_can_be_named(run_import, count, tmp_path) -> None:
    (tmp_path / "a.ndjson").write_text(json.dumps(result("https://x/fhir/Patient/1", id="o-1")))
    assert run_import(tmp_path).rejected == 1
    assert run_import(tmp_path, server="https://x/fhir/").created == {"Observation": 1}
    assert count("fhir.observation", "(id, patient_id) = ('o-1', '1')") == 1
