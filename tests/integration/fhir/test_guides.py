"""A guide comes into force while the server runs: profiles, value sets and searches count at once, everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import Conflict, NotFound
from ehr_core.store.guides import indexing
from ehr_core.store.guides.importing import (
    import_package,
    packages,
    relax_profile,
    remove_package,
    require_profile,
)
from ehr_core.store.guides.indexing import Indexer
from ehr_core.store.guides.package import read_package
from ehr_core.store.import_prepare import Preparer
from ehr_core.store.importer import import_path
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import FHIR_JSON, FhirHttp, client_of, observation, patient
from tests.lib.api import RunningApi, running_api
from tests.lib.guide_files import (
    CANONICAL,
    code_system,
    manifest,
    profile,
    search_parameter,
    value_set,
    written,
)

OPERATOR = Actor("operator:test", "service", "Operator", (), frozenset({"fhir.write"}))
GOAL = profile("Goal", {"path": "Goal.note", "min": 1}, name="example-goal")
COLOURS = code_system(
    "colours", {"code": "red", "display": "Red", "concept": [{"code": "pink"}]}, {"code": "blue"}
)
WARM = value_set(
    "warm",
    {"system": COLOURS["url"], "filter": [{"property": "concept", "op": "is-a", "value": "red"}]},
)
SOURCE = f"{CANONICAL}/StructureDefinition/source"
BY_SOURCE = search_parameter(
    "source-list", "token", f"Goal.extension.where(url='{SOURCE}').value.ofType(Coding)", "Goal"
)
BY_NOTE = search_parameter("note-text", "string", "Goal.note.text", "Goal")
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"


def goal(goal_id: str, **more: object) -> dict:
    return {
        "resourceType": "Goal",
        "id": goal_id,
        "lifecycleStatus": "active",
        "description": {"text": "Walk more"},
        "subject": {"reference": "Patient/ana"},
        **more,
    }


@pytest.fixture
def api(database, tmp_path: Path):
    with running_api(database, tmp_path / "state", fhir_references="exist") as running:
        yield running


@pytest.fixture
def work(database):
    @contextmanager
    def opened():
        with begin(database, OPERATOR, SystemClock(), "UTC") as work:
            yield work

    return opened


@pytest.fixture
def imported(work, tmp_path: Path) -> Callable[..., list[str]]:
    """Imports a package of these resources; gives the search parameters that now wait."""

    def run(*resources: dict, **more: str) -> list[str]:
        path = written(tmp_path / "guide.tgz", *resources, package=manifest(**more))
        with work() as opened:
            return list(import_package(opened, read_package(path)).new_searches)

    return run


@pytest.fixture
def indexed(database, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    monkeypatch.setattr(indexing, "SETTLING_SECONDS", 0.01)
    return lambda: Indexer(database, SystemClock(), "UTC").run()


def issues(answer) -> list[dict]:
    return answer.json()["issue"]


@pytest.fixture
def second_worker(database_url, tmp_path: Path):
    """Another process's API over the same database."""
    database = connect(database_url[1])
    with running_api(database, tmp_path / "other", fhir_references="exist") as running:
        yield client_of(running, "nurse")
    database.dispose()


def test_a_claimed_us_core_profile_is_checked_without_any_package(chen: FhirHttp):
    claiming = patient("eve", meta={"profile": [US_CORE]})
    refused = chen.put(claiming)
    assert refused.status_code == 422
    assert {issue["expression"][0] for issue in issues(refused)} == {"Patient.gender", "Patient.identifier"}
    assert all("us-core-patient" in issue["diagnostics"] for issue in issues(refused))
    whole = claiming | {"gender": "female", "identifier": [{"system": "http://x", "value": "1"}]}
    assert chen.put(whole).status_code == 201
    taken_out = [{"op": "remove", "path": "/gender"}]
    patched = chen.send("PATCH", "/Patient/eve", taken_out, Content_Type="application/json-patch+json")
    assert patched.status_code == 422


def test_warnings_are_told_to_who_asks_for_the_outcome(chen: FhirHttp):
    kind = {"coding": [{"system": "http://x", "code": "odd"}]}
    body = patient("eve", meta={"profile": [US_CORE]}, gender="female")
    body["identifier"] = [{"system": "http://x", "value": "1", "type": kind}]
    saved = chen.put(body, Prefer="return=OperationOutcome")
    assert saved.status_code == 201
    assert [issue["severity"] for issue in issues(saved)] == ["information", "warning"]


def test_a_guide_counts_at_once_in_every_worker(chen: FhirHttp, second_worker: FhirHttp, imported, work):
    for client in (chen, second_worker):
        assert (
            client.put(goal(f"before-{client is chen}", meta={"profile": [GOAL["url"]]})).status_code == 201
        )
    imported(GOAL)
    for client in (chen, second_worker):
        refused = client.put(goal("g", meta={"profile": [GOAL["url"]]}))
        assert (refused.status_code, issues(refused)[0]["expression"]) == (422, ["Goal.note"])
        statement = client.get("/metadata").json()
        goals = next(each for each in statement["rest"][0]["resource"] if each["type"] == "Goal")
        assert GOAL["url"] in goals["supportedProfile"]
        assert "example.guide#1.0.0" in statement["implementationGuide"]
        assert "enforced" in goals["referencePolicy"]
    with work() as opened:
        remove_package(opened, "example.guide", None)
    for client in (chen, second_worker):
        assert client.put(goal("g", meta={"profile": [GOAL["url"]]})).status_code in (200, 201)
        assert GOAL["url"] not in str(client.get("/metadata").json())


def test_a_required_profile_is_asked_of_every_resource_until_it_is_relaxed(chen: FhirHttp, imported, work):
    imported(GOAL)
    assert chen.put(goal("g")).status_code == 201
    with work() as opened:
        assert require_profile(opened, GOAL["url"]) == "Goal"
    assert chen.put(goal("h")).status_code == 422
    with pytest.raises(Conflict, match="profiles relax"), work() as opened:
        remove_package(opened, "example.guide", None)
    with work() as opened:
        relax_profile(opened, GOAL["url"])
    assert chen.put(goal("h")).status_code == 201
    with pytest.raises(NotFound), work() as opened:
        require_profile(opened, "http://example.org/none")


def test_validate_takes_a_profile_and_a_mode(chen: FhirHttp, imported):
    imported(GOAL)
    plain = goal("g")
    assert issues(chen.send("POST", "/Goal/$validate", plain))[0]["severity"] == "information"
    named = chen.send("POST", f"/Goal/$validate?profile={GOAL['url']}", plain)
    assert (named.status_code, issues(named)[0]["expression"]) == (200, ["Goal.note"])
    parts = [{"name": "resource", "resource": plain}, {"name": "profile", "valueUri": GOAL["url"]}]
    asked = {"resourceType": "Parameters", "parameter": [*parts, {"name": "mode", "valueCode": "create"}]}
    assert issues(chen.send("POST", "/Goal/$validate", asked))[0]["expression"] == ["Goal.note"]
    for wrong in ("profile=http://example.org/none", "mode=guess", f"profile={US_CORE}"):
        assert chen.send("POST", f"/Goal/$validate?{wrong}", plain).status_code == 400
    many = "&".join(f"profile={GOAL['url']}" for _ in range(11))
    assert chen.send("POST", f"/Goal/$validate?{many}", plain).status_code == 400
    unheld = goal("g", meta={"profile": ["http://example.org/none"]})
    assert "not held here" in str(issues(chen.send("POST", "/Goal/$validate", unheld)))
    nowhere = goal("g", subject={"reference": "Patient/nobody"})
    assert issues(chen.send("POST", "/Goal/$validate", nowhere))[0]["expression"] == ["Goal.subject"]


def test_a_new_search_parameter_has_no_answer_until_it_has_the_whole_one(chen: FhirHttp, imported, indexed):
    coding = {"system": "http://lists", "code": "a"}
    extension = [{"url": SOURCE, "valueCoding": coding}]
    assert chen.put(goal("old", extension=extension, note=[{"text": "Nordic walking"}])).status_code == 201
    assert chen.get("/Goal?source-list=a", Prefer="handling=strict").status_code == 400

    assert imported(BY_SOURCE, BY_NOTE) == ["Goal:note-text", "Goal:source-list"]
    assert chen.put(goal("new", extension=extension)).status_code == 201
    for path in (
        "/Goal?source-list=a",
        "/Goal?_sort=note-text",
        "/Patient?_has:Goal:patient:note-text=nordic",
    ):
        waiting = chen.get(path)
        assert (waiting.status_code, "indexed" in issues(waiting)[0]["diagnostics"]) == (503, True), path
    assert chen.get("/Goal?patient=ana&_include=*").status_code == 200
    assert "source-list" not in str(chen.get("/metadata").json())

    assert indexed()
    assert sorted(chen.found("/Goal?source-list=http://lists|a")) == ["Goal/new", "Goal/old"]
    assert chen.found("/Goal?source-list=http://other|a") == []
    assert chen.found("/Goal?note-text=nordic") == ["Goal/old"]
    assert chen.found("/Goal?note-text:exact=Nordic walking") == ["Goal/old"]
    assert chen.found("/Goal?note-text:missing=true") == ["Goal/new"]
    assert chen.found("/Patient?_has:Goal:patient:note-text=nordic") == ["Patient/ana"]
    assert "source-list" in str(chen.get("/metadata").json())


@pytest.mark.parametrize(
    ("parameter", "more", "found", "missed"),
    [
        (search_parameter("x-date", "date", "Goal.note.time", "Goal"),
         {"note": [{"text": "x", "time": "2026-02-03"}]}, "2026-02", "gt2026-03"),
        (search_parameter("x-by", "reference", "Goal.note.author.where(resolve() is Practitioner)", "Goal"),
         {"note": [{"text": "x", "authorReference": {"reference": "Practitioner/p"}}]},
         "Practitioner/p", "Practitioner/q"),
        (search_parameter("x-amount", "quantity", "(Goal.target.detail as Quantity)", "Goal"),
         {"target": [{"measure": {"text": "x"}, "detailQuantity": {"value": 7.5, "unit": "km"}}]},
         "gt7||km", "gt8||km"),
        (search_parameter("x-profile", "uri", "Goal.meta.profile", "Goal"),
         {"meta": {"profile": ["http://example.org/one"]}}, "http://example.org/one", "http://example.org/two"),
    ],
    ids=["a date", "a reference", "a quantity", "an address"],
)  # fmt: skip
def test_each_kind_of_parameter_finds_what_it_should(chen, imported, indexed, parameter, more, found, missed):
    chen.put({"resourceType": "Practitioner", "id": "p", "name": [{"family": "Chen"}]})
    assert chen.put(goal("g", **more)).status_code == 201
    imported(parameter)
    indexed()
    assert chen.found(f"/Goal?{parameter['code']}={found}") == ["Goal/g"]
    assert chen.found(f"/Goal?{parameter['code']}={missed}") == []


def test_a_write_that_began_before_the_guide_came_is_not_forgotten(
    api: RunningApi, chen, imported, indexed, work
):
    """Who read the old guides and commits late is waited for."""
    with work() as early:
        Store(early).create("Goal", goal("late", note=[{"text": "late one"}]), id="late")
        imported(BY_NOTE)
        assert not Indexer(api.parts.database, SystemClock(), "UTC").run(stop=stop_after(5))
    assert indexed()
    assert chen.found("/Goal?note-text=late") == ["Goal/late"]


def stop_after(times: int) -> Callable[[], bool]:
    left = iter(range(times))
    return lambda: next(left, None) is None


def test_what_an_import_had_prepared_before_the_guide_came_is_found_too(
    database, chen, imported, indexed, tmp_path, monkeypatch
):
    file = tmp_path / "goals.ndjson"
    file.write_text(json.dumps(goal("bulk", note=[{"text": "by the hundred"}])))
    prepare = Preparer.prepare

    def prepare_and_dawdle(self, part):
        done = prepare(self, part)
        imported(BY_NOTE)
        assert indexed()
        return done

    monkeypatch.setattr(Preparer, "prepare", prepare_and_dawdle)
    assert import_path(database, OPERATOR, [file], processes=1, site_time_zone="UTC").stored == 1
    assert chen.found("/Goal?note-text=hundred") == ["Goal/bulk"]


def test_the_api_indexes_in_the_background(api: RunningApi, chen, imported, monkeypatch):
    monkeypatch.setattr(indexing, "SETTLING_SECONDS", 0.01)
    chen.put(goal("old", note=[{"text": "quietly"}]))
    imported(BY_NOTE)
    api.app.state.guide_indexer.turn()
    assert chen.found("/Goal?note-text=quietly") == ["Goal/old"]


def test_one_process_indexes_and_a_stop_loses_nothing(chen, database, imported, indexed, database_url):
    chen.put(goal("old", note=[{"text": "x"}]))
    imported(BY_NOTE)
    with closing(psycopg.connect(database_url[1].replace("+psycopg", ""))) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (indexing.ONE_INDEXER,))
        assert not Indexer(database, SystemClock(), "UTC").run()
        other.execute("SELECT pg_advisory_unlock(%s)", (indexing.ONE_INDEXER,))
    assert not Indexer(database, SystemClock(), "UTC").run(stop=lambda: True)
    assert Indexer(database, SystemClock(), "UTC").is_wanted()
    assert indexed()
    assert not Indexer(database, SystemClock(), "UTC").is_wanted()


def test_the_same_search_parameter_again_is_not_indexed_again(imported, indexed):
    imported(BY_NOTE, version="1.0.0")
    indexed()
    assert imported(BY_NOTE, version="1.0.1") == []
    other = search_parameter("note-text", "string", "Goal.description.text", "Goal")
    assert imported(other, version="1.0.2") == ["Goal:note-text"]


def test_a_parameter_that_is_there_already_stays_ours(imported, work):
    assert imported(search_parameter("description", "string", "Goal.note.text", "Goal")) == []


def test_value_sets_of_a_guide_are_expanded_asked_and_searched(chen: FhirHttp, imported):
    imported(COLOURS, WARM, value_set("any-loinc", {"system": "http://loinc.org"}))
    expansion = chen.get(f"/ValueSet/$expand?url={WARM['url']}").json()["expansion"]
    assert [each["code"] for each in expansion["contains"]] == ["pink", "red"]
    assert (
        chen.get(f"/ValueSet/$expand?url={WARM['url']}&filter=red&count=1").json()["expansion"]["total"] == 1
    )
    whole = chen.get(f"/ValueSet/$expand?url={CANONICAL}/ValueSet/any-loinc")
    assert (whole.status_code, "not held here whole" in issues(whole)[0]["diagnostics"]) == (400, True)

    def result(path: str) -> bool:
        return next(p["valueBoolean"] for p in chen.get(path).json()["parameter"] if p["name"] == "result")

    asked = f"/ValueSet/$validate-code?url={WARM['url']}&system={COLOURS['url']}&code="
    assert [result(asked + code) for code in ("pink", "blue", "none")] == [True, False, False]
    assert result(f"/CodeSystem/$validate-code?url={COLOURS['url']}&code=red&display=Red")
    assert not result(f"/CodeSystem/$validate-code?url={COLOURS['url']}&code=red&display=Green")
    subsumes = chen.get(f"/CodeSystem/$subsumes?system={COLOURS['url']}&codeA=red&codeB=pink").json()
    assert subsumes["parameter"][0]["valueCode"] == "subsumes"
    looked_up = chen.get(f"/CodeSystem/$lookup?system={COLOURS['url']}&code=red").json()
    assert {"name": "display", "valueString": "Red"} in looked_up["parameter"]

    category = [{"coding": [{"system": COLOURS["url"], "code": "pink"}]}]
    chen.put(goal("warm", category=category))
    chen.put(goal("cold", category=[{"coding": [{"system": COLOURS["url"], "code": "blue"}]}]))
    assert chen.found(f"/Goal?category:in={WARM['url']}") == ["Goal/warm"]
    chen.put(observation("o", code="4548-4"))
    assert chen.found(f"/Observation?code:in={CANONICAL}/ValueSet/any-loinc") == ["Observation/o"]
    assert chen.get("/Goal?category:in=http://example.org/none").status_code == 400


def test_imports_are_told_apart_by_version_content_and_who(chen, imported, work, count_rows):
    imported(GOAL, version="1.0.0")
    imported(GOAL, version="1.0.0")
    with pytest.raises(Conflict, match="Another package is stored"):
        imported(GOAL | {"description": "other"}, version="1.0.0")
    imported(profile("Goal", name="example-goal"), version="2.0.0")
    with work() as opened:
        held = packages(opened)
    assert [(each.version, each.in_force, each.imported_by) for each in held] == [
        ("2.0.0", True, "operator:test"),
        ("1.0.0", False, "operator:test"),
    ]
    claim = {"profile": [GOAL["url"]]}
    assert chen.put(goal("g", meta=claim)).status_code == 201
    with work() as opened:
        remove_package(opened, "example.guide", "2.0.0")
    assert chen.put(goal("h", meta=claim)).status_code == 422
    assert count_rows("audit.event", "act = 'guide_imported'") == 2
    assert count_rows("audit.event", "act = 'guide_removed' AND actor_id = 'operator:test'") == 1
    with pytest.raises(NotFound), work() as opened:
        remove_package(opened, "no.such.guide", None)


@pytest.fixture
def count_rows(admin_url: str) -> Callable[[str, str], int]:
    def count(table: str, where: str) -> int:
        with psycopg.connect(admin_url) as connection:
            return connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]

    return count


def test_an_import_that_fails_leaves_nothing(imported, work, count_rows, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ehr_core.store.guides.importing._settle_searches", fail)
    with pytest.raises(RuntimeError):
        imported(GOAL)
    assert count_rows("guide.package", "true") == count_rows("guide.state", "revision > 0") == 0


def test_who_may_not_write_puts_no_guide_into_force(database, tmp_path: Path):
    reader = Actor("u", "user", "Reader", (), frozenset({"fhir.read"}))
    package = read_package(written(tmp_path / "guide.tgz", GOAL))
    with (
        pytest.raises(Exception, match=r"fhir\.write"),
        begin(database, reader, SystemClock(), "UTC") as work,
    ):
        import_package(work, package)


def test_the_media_type_of_an_outcome_is_fhir(chen: FhirHttp):
    assert chen.put(patient("eve", meta={"profile": [US_CORE]})).headers["content-type"].startswith(FHIR_JSON)
