"""Streams of lines become zstd files under their own name only when they are complete."""

from __future__ import annotations

import json
import tracemalloc
from datetime import date

import pytest

from ehr_core.kernel.errors import Conflict
from pipelines.deidentify import (
    Deidentifier,
    RandomSurrogates,
    derive_key,
    load_profile,
    make_safe_harbor,
    read_lines,
    resource_files,
    scrub_stream,
)


def conditions(count: int):
    for number in range(count):
        subject = {"reference": f"Patient/p{number % 7}"}
        code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}]}
        condition = {"resourceType": "Condition", "id": f"c{number}", "subject": subject, "code": code}
        yield json.dumps(condition).encode()


@pytest.fixture
def scrubber():
    return Deidentifier(load_profile("limited"), derive_key("5a" * 32, "test-1"))


def test_a_stream_becomes_one_file_with_its_counts(scrubber, tmp_path):
    result = scrub_stream(scrubber, "Condition", [*conditions(10), b"no json", b""], tmp_path)
    assert [path.name for path in result.files] == ["Condition.ndjson.zst"]
    assert (result.lines_in, result.lines_out) == (11, 10)
    assert len(list(read_lines(result.files))) == 10
    assert result.bytes_out == sum(len(line) for line in read_lines(result.files))


def test_a_long_stream_is_cut_into_shards_that_are_listed_in_order(scrubber, tmp_path):
    result = scrub_stream(scrubber, "Condition", conditions(60_000), tmp_path, shard_bytes=1 << 20)
    listed = resource_files(tmp_path)
    assert len(result.files) > 10
    assert listed == {"Condition": result.files}
    assert sum(1 for _ in read_lines(listed["Condition"])) == 60_000


def test_memory_does_not_grow_with_the_stream(scrubber, tmp_path):
    scrub_stream(scrubber, "Condition", conditions(100), tmp_path / "warm")
    tracemalloc.start()
    scrub_stream(scrubber, "Condition", conditions(40_000), tmp_path / "long")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20


def test_a_stream_that_breaks_leaves_no_file(scrubber, tmp_path):
    def breaking():
        yield from conditions(20_000)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        scrub_stream(scrubber, "Condition", breaking(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_left_means_no_file(scrubber, tmp_path):
    assert (
        scrub_stream(scrubber, "Substance", [b'{"resourceType":"Substance","id":"s"}'], tmp_path).files == []
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_the_type_already_is_refused(scrubber, tmp_path):
    scrub_stream(scrubber, "Condition", conditions(1), tmp_path)
    with pytest.raises(Conflict, match="already holds Condition"):
        scrub_stream(scrubber, "Condition", conditions(1), tmp_path)


def test_safe_harbor_files_are_made_from_the_limited_ones(scrubber, tmp_path):
    scrub_stream(scrubber, "Condition", conditions(5), tmp_path / "limited")
    codes = RandomSurrogates("surrogates-1")
    folder = tmp_path / "safe_harbor"
    report = make_safe_harbor(resource_files(tmp_path / "limited"), folder, codes, as_of=date(2026, 11, 22))
    limited = {
        json.loads(line)["id"] for line in read_lines(resource_files(tmp_path / "limited")["Condition"])
    }
    out = [json.loads(line) for line in read_lines(resource_files(folder)["Condition"])]
    assert report.is_balanced
    assert {line["id"] for line in out}.isdisjoint(limited)
    assert {line["id"] for line in out} == {codes.known["Condition", name] for name in limited}
