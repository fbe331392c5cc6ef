"""A text of a megabyte in any promoted element: kept whole, found again, and nobody else's import stops."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest

from ehr_core.workflows.worklist import SORTS
from tests.integration.store.conftest import patient

NEARLY_A_MEGABYTE = 1_000_000
LONG = secrets.token_hex(NEARLY_A_MEGABYTE // 2)
"""Cannot be compressed away: an index would have to hold it."""
JUST_TOO_LONG = secrets.token_hex(1_400)


def person(**more: object) -> dict:
    return {"resourceType": "Patient", "id": "long", **more}


def result(**more: object) -> dict:
    body = {"resourceType": "Observation", "id": "long", "status": "final", "code": {"text": "x"}}
    return body | {"subject": {"reference": "Patient/ana"}, **more}


PLACES: dict[str, Callable[[str], dict]] = {
    "identifier.value": lambda text: person(identifier=[{"system": "mrn", "value": text}]),
    "identifier.system": lambda text: person(identifier=[{"system": text, "value": "1"}]),
    "identifier.both": lambda text: person(identifier=[{"system": text, "value": text}]),
    "name.family": lambda text: person(name=[{"family": text}]),
    "name.given": lambda text: person(name=[{"given": [text, text[::-1]]}]),
    "name.text": lambda text: person(name=[{"text": text}]),
    "telecom": lambda text: person(telecom=[{"system": "phone", "value": f"{int(text, 16) % 10**4000:04000}"}]),
    "generalPractitioner": lambda text: person(generalPractitioner=[{"reference": text}]),
    "code": lambda text: result(code={"coding": [{"system": text, "code": text}]}),
    "category": lambda text: result(category=[{"coding": [{"system": "c", "code": text}]}]),
    "security": lambda text: result(meta={"security": [{"system": text, "code": text}]}),
    "derivedFrom": lambda text: result(derivedFrom=[{"reference": f"https://there/{text}/Observation/1"}]),
    "encounter": lambda text: result(encounter={"reference": f"https://there/{text}/Encounter/1"}),
    "component": lambda text: result(component=[{"code": {"coding": [{"code": text}]}, "valueString": "x"}]),
    "Organization.name": lambda text: {"resourceType": "Organization", "id": "long", "name": text, "alias": [text]},
    "Condition.clinicalStatus": lambda text: {
        "resourceType": "Condition", "id": "long", "subject": {"reference": "Patient/ana"},
        "clinicalStatus": {"coding": [{"system": "s", "code": text}]}},
}  # fmt: skip


@pytest.mark.parametrize("text", [LONG, JUST_TOO_LONG], ids=["a megabyte", "just too long"])
@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES.keys())
def test_a_long_text_stops_nobody_and_is_kept_whole(
    run_import, opened, tmp_path, make: Callable[[str], dict], text: str
) -> None:
    body = make(text)
    neighbours = [json.dumps(patient(id=f"p-{number}")) for number in range(3)]
    (tmp_path / "a.ndjson").write_text("\n".join([neighbours[0], json.dumps(body), *neighbours[1:]]))

    summary = run_import(tmp_path)

    assert (summary.stored, summary.problems) == (4, [])
    with opened() as store:
        written = store.create(body["resourceType"], {**body, "id": "by-hand"}, id="by-hand")
        imported = store.read(body["resourceType"], "long")
        for found in (written, imported):
            kept = json.loads(found.body)
            assert {**kept, "id": "long", "meta": body.get("meta")} == {**body, "meta": kept.get("meta") and body.get("meta")}  # fmt: skip # noqa: E501


FOUND_BY: dict[str, Callable[[str], dict[str, str]]] = {
    "identifier.value": lambda text: {"identifier": f"mrn|{text}"},
    "identifier.system": lambda text: {"identifier": f"{text}|1"},
    "name.family": lambda text: {"family": text},
    "name.given": lambda text: {"given": text[::-1]},
    "name.text": lambda text: {"name": text},
    "generalPractitioner": lambda text: {"general-practitioner": f"{text}/"},
    "code": lambda text: {"code": f"{text}|{text}"},
    "derivedFrom": lambda text: {"derived-from": f"https://there/{text}/Observation/1"},
}


@pytest.mark.parametrize("place", FOUND_BY)
def test_what_is_long_is_found_by_all_of_it_and_by_nothing_else(opened, place: str) -> None:
    text = f"{JUST_TOO_LONG}/" if place == "generalPractitioner" else JUST_TOO_LONG
    almost = f"{text[:-2]}{'/' if text.endswith('/') else text[-1]}"
    with opened() as store:
        body = PLACES[place](text)
        store.create(body["resourceType"], body, id="long")
        for asked, expected in ((text, ["long"]), (almost[:-1] + "~", [])):
            parameters = FOUND_BY[place](asked.removesuffix("/"))
            found = store.search(body["resourceType"], parameters).resources
            assert [resource.id for resource in found] == expected


def test_a_long_number_is_found_without_its_system(opened) -> None:
    with opened() as store:
        store.create("Patient", PLACES["identifier.value"](JUST_TOO_LONG), id="long")
        assert store.search("Patient", {"identifier": JUST_TOO_LONG}).total == 1
        assert store.match_one("Patient", f"identifier=mrn|{JUST_TOO_LONG}", lock=True).id == "long"


def test_long_names_stand_in_the_order_of_the_worklist_and_its_index(opened, work) -> None:
    """The worklist reads people by name from an index, whose entries are short."""
    with opened() as store:
        for family in ("b" * 2000 + "a", "a" * 5000, "c"):
            store.create("Patient", patient(name=[{"family": family}]), id=family[0])
    by_name = (
        "SELECT chosen.patient_id FROM (SELECT id AS patient_id FROM fhir.patient) AS chosen "
        "JOIN fhir.patient AS person ON person.id = chosen.patient_id AND NOT person.deleted "
        f"ORDER BY {SORTS['name']} LIMIT 25"
    )
    assert list(work.connection.exec_driver_sql(by_name).scalars()) == ["a", "b", "c"]
    work.connection.exec_driver_sql("SET LOCAL enable_sort = off")
    plan = "\n".join(work.connection.exec_driver_sql(f"EXPLAIN {by_name}").scalars())
    assert "patient_by_family" in plan
