"""What cannot be read: each piece named and counted, and everything beside it imported."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.store.conftest import patient
from tests.lib.postgres import temporary_folder

NOBODY = 65534
LINES = b"".join(json.dumps(patient(id=f"p-{number}")).encode() + b"\n" for number in range(4000))
NOISE = os.urandom(2000)


def people(summary) -> int:
    return summary.created["Patient"]


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not gzip at all", "no gzip"),
        (gzip.compress(LINES)[:-2000], "cut short"),
        (gzip.compress(LINES)[:10] + b"\xff" * 1000, "damaged"),
        (gzip.compress(LINES) + NOISE, "no gzip"),
    ],
    ids=["fake", "cut short", "damaged", "with a tail"],
)
def test_lines_that_break_off_are_reported_and_everything_else_is_kept(
    run_import, tmp_path, data: bytes, reason: str, processes: int
) -> None:
    (tmp_path / "b.ndjson.gz").write_bytes(data)
    for name in ("a", "c"):
        (tmp_path / f"{name}.ndjson").write_text(json.dumps(patient(id=name)))

    summary = run_import(tmp_path, processes=processes)

    (problem,) = summary.problems
    assert (problem.file, summary.rejected) == ("b.ndjson.gz", 1)
    assert reason in problem.reason
    assert people(summary) == summary.read - 1 >= 2, "the lines before it and the other files"
    assert problem.line == people(summary) - 1


def test_links_that_lead_nowhere_are_reported(run_import, tmp_path) -> None:
    (tmp_path / "good.ndjson").write_bytes(LINES[:1000].rpartition(b"\n")[0])
    for name in ("gone.ndjson", "gone.json"):
        (tmp_path / name).symlink_to(tmp_path / "nothing")
    summary = run_import(tmp_path)
    assert sorted(problem.file for problem in summary.problems) == ["gone.json", "gone.ndjson"]
    assert summary.rejected == 2
    assert people(summary) > 0


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """Root may read everything, so root becomes nobody for as long as this lasts."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_reported(run_import) -> None:
    with temporary_folder() as folder:
        folder.chmod(0o755)
        shut = folder / "shut"
        shut.mkdir()
        for path in (folder / "mine.ndjson", folder / "mine.json", folder / "good.json", shut / "x.json"):
            path.write_text(json.dumps(patient(id=f"{path.suffix[1:]}-{path.stem}")))
            path.chmod(0o644)
        shut.chmod(0o755)
        for path in (folder / "mine.ndjson", folder / "mine.json", shut):
            path.chmod(0)
        with as_an_ordinary_user():
            summary = run_import(folder)
        shut.chmod(0o700)

    assert sorted(problem.file for problem in summary.problems) == ["mine.json", "mine.ndjson", "shut"]
    assert all("Permission denied" in problem.reason for problem in summary.problems)
    assert (people(summary), summary.read, summary.rejected) == (1, 4, 3)


BAD_ENTRIES = [
    (b"null", "Bundle.entry[1]"),
    (b"7", "Bundle.entry[1]"),
    (b"[]", "Bundle.entry[1]"),
    (b'{"fullUrl":5,"resource":{"resourceType":"Patient"}}', "Bundle.entry[1].fullUrl"),
    (b'{"request":{"method":5},"resource":{"resourceType":"Patient"}}', "Bundle.entry[1].request.method"),
    (b'{"request":"PUT","resource":{"resourceType":"Patient"}}', "Bundle.entry[1].request"),
    (b'{"resource":null}', "Bundle.entry[1].resource"),
    (b'{"resource":[]}', "Bundle.entry[1].resource"),
    (b'{"resource":{"resourceType":7}}', "Bundle.entry[1].resource"),
    (b'{"resource":{"resourceType":"Patient","id":7}}', "Bundle.entry[1].resource.id"),
    (b'{"resource":{"resourceType":"Patient","id":"\xff"}}', "Bundle.entry[1].resource"),
    (b"{}", "Bundle.entry[1].resource"),
]


@pytest.mark.parametrize(("entry", "path"), BAD_ENTRIES)
def test_one_bad_entry_of_a_bundle_leaves_the_others(run_import, tmp_path, entry: bytes, path: str) -> None:
    good = [b'{"resource":%b}' % json.dumps(patient(id=name)).encode() for name in ("a", "b")]
    body = b'{"resourceType":"Bundle","type":"batch",\n"entry":[\n%b,\n%b,\n%b]}' % (good[0], entry, good[1])
    (tmp_path / "b.json").write_bytes(body)

    summary = run_import(tmp_path)

    assert (summary.read, people(summary), summary.rejected) == (3, 2, 1)
    problem = summary.problems[0]
    assert (problem.file, problem.path) == ("b.json", path)
    assert problem.line == 4


def test_an_entry_without_a_request_is_an_entry(run_import, tmp_path) -> None:
    entries = [{"resource": patient(id="a"), "request": None, "fullUrl": None}, {"resource": patient(id="b")}]
    (tmp_path / "b.json").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}))
    assert people(run_import(tmp_path)) == 2


def test_files_of_one_name_are_told_apart(run_import, tmp_path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.ndjson").write_text("{}\n")
    together = run_import(tmp_path)
    apart = run_import(tmp_path / "a", tmp_path / "b" / "x.ndjson")
    alone = run_import(tmp_path / "b" / "x.ndjson")
    assert [problem.file for problem in together.problems] == ["a/x.ndjson", "b/x.ndjson"]
    assert [problem.file for problem in apart.problems] == ["a/x.ndjson", "b/x.ndjson"]
    assert [problem.file for problem in alone.problems] == ["x.ndjson"]


def test_every_problem_is_told_though_a_summary_keeps_few(run_import, tmp_path) -> None:
    (tmp_path / "a.ndjson").write_text("{}\n" * 2500)
    told = []
    summary = run_import(tmp_path, problem=told.append)
    assert [problem.line for problem in told] == list(range(1, 2501))
    assert (summary.problem_count, len(summary.problems)) == (2500, 1000)
