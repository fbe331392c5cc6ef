"""What somebody here has changed since it was imported: a re-run leaves it, news replaces it and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ehr_core.kernel.errors import Gone
from tests.integration.store.conftest import observation


def line(value: str = "7.10", **more: object) -> str:
    return json.dumps(json.loads(observation("ana", value)) | {"id": "o-1", "status": "final"} | more)


@pytest.fixture
def source(tmp_path: Path, run_import) -> Path:
    """A file that has been imported once."""
    path = tmp_path / "labs.ndjson"
    path.write_text(line() + "\n")
    run_import(path)
    return path


def retract(store) -> None:
    body = json.loads(store.read("Observation", "o-1").body) | {"status": "entered-in-error"}
    store.update("Observation", "o-1", body)


def test_a_result_that_was_retracted_here_stays_retracted(source, run_import, opened, count) -> None:
    with opened() as store:
        retract(store)
    for _ in range(2):
        summary = run_import(source)
        assert (summary.read, summary.stored, summary.changed_here) == (1, 0, {"Observation": 1})
        assert summary.problems == []
    with opened() as store:
        found = store.read("Observation", "o-1")
    assert (json.loads(found.body)["status"], found.version_id) == ("entered-in-error", 2)
    assert count("core.outbox", "act = 'import'") == 1


def test_a_result_that_was_deleted_here_stays_deleted(source, run_import, opened) -> None:
    with opened() as store:
        store.delete("Observation", "o-1")
    assert run_import(source).changed_here == {"Observation": 1}
    with opened() as store, pytest.raises(Gone):
        store.read("Observation", "o-1")


def test_the_same_content_spaced_differently_is_no_news(source, run_import, opened) -> None:
    with opened() as store:
        retract(store)
    source.write_text(json.dumps(json.loads(line()), separators=(",", ":")))
    assert run_import(source).changed_here == {"Observation": 1}


def test_an_export_of_ours_that_comes_back_undoes_nothing(run_import, opened, tmp_path) -> None:
    with opened() as store:
        store.update("Observation", "o-1", line().encode())
        exported = store.read("Observation", "o-1").body
        retract(store)
    (tmp_path / "Observation.ndjson").write_bytes(exported)
    assert run_import(tmp_path).changed_here == {"Observation": 1}


@pytest.mark.parametrize("processes", [1, 2])
def test_of_several_copies_only_news_replaces_a_change(
    source, run_import, opened, tmp_path, processes: int
) -> None:
    with opened() as store:
        retract(store)
    (tmp_path / "amended.ndjson").write_text(line("6.90", status="amended") + "\n")
    (tmp_path / "z.ndjson").write_text(line() + "\n")
    summary = run_import(tmp_path, processes=processes)
    assert (summary.stored, summary.changed_here.total(), summary.superseded.total()) == (0, 1, 2)


def test_news_from_the_source_replaces_a_change_and_says_so(source, run_import, opened) -> None:
    with opened() as store:
        retract(store)
    source.write_text("\n" + line("6.90", status="corrected") + "\n")

    summary = run_import(source)

    assert summary.updated == {"Observation": 1}
    (problem,) = summary.problems
    assert (problem.file, problem.line, problem.path, problem.kept) == ("labs.ndjson", 2, "Observation", True)
    assert "changed here" in problem.reason
    with opened() as store:
        assert [json.loads(version.body)["status"] for version in store.history("Observation", "o-1")] == [
            "corrected",
            "entered-in-error",
            "final",
        ]
    assert run_import(source).problems == []


def test_a_source_that_goes_back_after_our_change_was_replaced_is_followed(
    source, run_import, opened
) -> None:
    with opened() as store:
        retract(store)
    for value, status in (("6.90", "corrected"), ("7.10", "final")):
        source.write_text(line(value, status=status))
        assert run_import(source).stored == 1
