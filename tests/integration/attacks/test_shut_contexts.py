"""A Binary whose security context was shut after it was written: no count, export or history tells of it."""

from __future__ import annotations

import pytest
from sqlalchemy import text, true

from ehr_core.access import chart_policy
from ehr_core.store.resource_types import RESOURCE_TYPES
from tests.integration.attacks.test_swapped_ids import CONTENT, backend
from tests.integration.fhir.conftest import RESTRICTED, observation
from tests.lib.weakened import assert_guarded, second_wall_gone

HIV = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}


@pytest.fixture(scope="module")
def held(chen) -> str:
    """The id of a scan that belongs to a result which was labelled only afterwards, and of a version before it."""
    chen.put(observation("scanned"))
    (made, changed) = (
        chen.http.request(
            method,
            "/fhir/Binary/scan-of-hiv",
            content=content,
            headers={"Content-Type": "application/pdf", "X-Security-Context": "Observation/scanned"},
        )
        for method, content in (("PUT", CONTENT), ("PUT", CONTENT + b", corrected"))
    )
    assert (made.status_code, changed.status_code) == (201, 200), changed.text
    assert chen.put(observation("scanned", meta={"security": [HIV]})).status_code == 200
    return "scan-of-hiv"


def no_condition(patch) -> None:
    patch.setattr(chart_policy, "context_open_to", lambda *given: true())
    second_wall_gone(patch)


@pytest.mark.parametrize("asked", ["_summary=count", "_total=accurate&_count=1"])
def test_no_total_counts_a_binary_whose_context_is_shut(api, held, asked):
    without_label = backend(api, "system/*.rs", sees=())

    def attack() -> bool:
        return without_label.bundle(f"/Binary?_id={held}&{asked}")["total"] == 1

    assert_guarded(attack, no_condition)


@pytest.mark.parametrize(
    "way", ["/Binary/{}", "/Binary/{}/_history/1", "/Binary/{}/_history", "?_type=Binary&_id={}"]
)
def test_a_label_put_on_later_shuts_the_binary_by_every_way(api, held, way):
    without_label = backend(api, "system/*.rs", sees=())

    def attack() -> bool:
        return '"data"' in without_label.get(way.format(held)).text

    assert_guarded(attack, no_condition)


def test_no_export_holds_a_binary_whose_context_is_shut(api, held):
    without_label = backend(api, "system/*.rs", sees=(), bulk=True)

    def attack() -> bool:
        started = without_label.get("/$export?_type=Binary", Prefer="respond-async")
        while (answer := without_label.http.get(started.headers["content-location"])).status_code == 202:
            pass
        return any(held in without_label.http.get(file["url"]).text for file in answer.json()["output"])

    assert_guarded(attack, no_condition)


def test_the_database_alone_keeps_it_shut(api, held):
    """Without the condition in the query; and a reader who sees the label gets it."""
    without_label, with_label = (backend(api, "system/*.rs", sees=sees) for sees in ((), ("HIV",)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chart_policy, "context_open_to", lambda *given: true())
        assert without_label.get(f"/Binary/{held}").status_code == 404
    assert with_label.get(f"/Binary/{held}").status_code == 200


def test_the_binary_follows_as_its_context_changes(api, chen, held):
    """Opened again, moved to another patient, deleted."""
    without_label = backend(api, "system/*.rs", sees=())
    chen.put(observation("another"))
    headers = {"Content-Type": "text/plain", "X-Security-Context": "Observation/another"}
    scan = f"/Binary/{chen.http.post('/fhir/Binary', content=b'x', headers=headers).json()['id']}"
    assert without_label.get(scan).status_code == 200
    chen.put(observation("another", meta={"security": [RESTRICTED]}))
    assert without_label.get(scan).status_code == 404
    chen.put(observation("another"))
    assert without_label.get(scan).status_code == 200
    chen.send("DELETE", "/Observation/another")
    assert [client.get(scan).status_code for client in (without_label, chen)] == [404, 404]


def test_a_binary_belongs_to_no_binary(chen, held):
    headers = {"Content-Type": "text/plain", "X-Security-Context": f"Binary/{held}"}
    refused = chen.http.post("/fhir/Binary", content=b"x", headers=headers)
    assert refused.status_code == 422
    assert "no Binary" in refused.text


def test_every_type_tells_its_binaries_what_changed(api):
    """A table without the trigger would leave its Binaries as they were when they were written."""
    with api.work() as work:
        found = work.connection.execute(
            text(
                "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = "
                "'follow_context'"
            )
        )
        assert set(found.scalars()) == {row.table for row in RESOURCE_TYPES.values()} - {"binary"}
