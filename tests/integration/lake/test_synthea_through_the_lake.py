"""Eighty Synthea patients through de-identify and flatten: no crash, no silent drop, and both roads the same."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from datetime import date
from pathlib import Path

import duckdb
import pytest

from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import NotFound
from pipelines.deidentify import (
    Deidentifier,
    RandomSurrogates,
    derive_key,
    load_profile,
    make_safe_harbor,
    resource_files,
    scrub_stream,
)
from pipelines.flatten import flatten, open_parquet, write_parquet
from tests.lib.shared_data import shared_data

KEY = derive_key("5a" * 32, "test-1")
ZONE = "America/New_York"
AS_OF = date(2026, 11, 22)
IDENTIFYING = ("name", "telecom", "identifier", "line")


@pytest.fixture(scope="module")
def synthea() -> dict[str, list[bytes]]:
    """The resources as the store would export them: references of a transaction bundle resolved."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    for path in sorted(shared_data("synthea-r4").glob("*.json.gz")):
        text = gzip.decompress(path.read_bytes()).decode()
        bundle = json.loads(text)
        types = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in bundle["entry"]}
        for entry in bundle["entry"]:
            line = json.dumps(entry["resource"])
            for url in {url for url in types if url in line}:
                line = line.replace(f'"{url}"', f'"{types[url]}/{url.removeprefix("urn:uuid:")}"')
            lines[entry["resource"]["resourceType"]].append(line.encode())
    return lines


@pytest.fixture(scope="module")
def lake(synthea, tmp_path_factory) -> Path:
    """The limited zone's resources as files."""
    folder = tmp_path_factory.mktemp("lake") / "limited"
    scrubber = Deidentifier(load_profile("limited"), KEY)
    for resource_type, lines in synthea.items():
        scrub_stream(scrubber, resource_type, lines, folder)
    assert scrubber.report.is_balanced
    assert scrubber.report.held_back == {}
    return folder


def from_files(folder: Path, key_id: str = "test-1") -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    flatten(connection, resource_files(folder), key_id=key_id, site_time_zone=ZONE)
    return connection


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
def test_every_line_that_goes_in_is_accounted_for(synthea, profile):
    codes = KEY if profile == "limited" else RandomSurrogates("s1")
    scrubber = Deidentifier(load_profile(profile), codes, as_of=AS_OF)
    for resource_type, lines in synthea.items():
        out = list(scrubber.scrub_lines(resource_type, lines))
        count = scrubber.report.of(resource_type)
        assert (count.lines_in, count.lines_out) == (len(lines), len(out))
        assert count.lines_in == count.lines_out + count.quarantined + count.unlisted + count.withheld
    assert sum(count.lines_out for count in scrubber.report.types.values()) > 15_000
    assert scrubber.report.held_back == {}


def identifying_words(resource) -> set[str]:
    words = set()
    for name in ("family", "given", "value", "line"):
        for holder in (
            *resource.get("name", []),
            *resource.get("telecom", []),
            *resource.get("identifier", []),
        ):
            if isinstance(holder, dict):
                found = holder.get(name, [])
                words |= set(found if isinstance(found, list) else [found])
    words |= {line for address in resource.get("address", []) for line in address.get("line", [])}
    return {word for word in words if len(word) > 4}


def test_no_name_number_or_id_of_a_synthea_patient_is_in_the_lake(synthea, lake):
    out = b"\n".join(path_text for path_text in lake_texts(lake))
    for line in synthea["Patient"]:
        patient = json.loads(line)
        assert patient["id"].encode() not in out
        for word in identifying_words(patient):
            assert f'"{word}'.encode() not in out, "an identifying word is in the lake"


def lake_texts(folder: Path):
    from pipelines.deidentify import read_lines

    for paths in resource_files(folder).values():
        yield from read_lines(paths)


def test_flattened_files_and_lines_in_memory_give_the_same_tables(synthea, lake):
    scrubber = Deidentifier(load_profile("limited"), KEY)
    in_memory = {kind: list(scrubber.scrub_lines(kind, lines)) for kind, lines in synthea.items()}
    night, minute = from_files(lake), duckdb.connect()
    report = flatten(minute, in_memory, key_id="test-1", site_time_zone=ZONE)
    for table in FLAT_TABLES:
        sql = f'SELECT * FROM "{table.name}" ORDER BY ALL'
        assert night.execute(sql).fetchall() == minute.execute(sql).fetchall(), table.name
    for name, count in report.types.items():
        assert count.lines == len(in_memory[name])
        assert count.without_keys == 0


@pytest.mark.long
def test_a_second_flatten_on_the_same_connection_gives_the_same_again(synthea):
    scrubber = Deidentifier(load_profile("limited"), KEY)
    lines = {kind: list(scrubber.scrub_lines(kind, found[:200])) for kind, found in synthea.items()}
    connection = duckdb.connect()
    first = flatten(connection, lines, key_id="test-1", site_time_zone=ZONE)
    other = flatten(connection, {"Patient": lines["Patient"][:1]}, key_id="test-2", site_time_zone="UTC")
    second = flatten(connection, lines, key_id="test-1", site_time_zone=ZONE)
    assert first.rows == second.rows
    assert other.rows["patient"] == 1
    assert sum(other.rows.values()) == 1


@pytest.mark.long
def test_a_connection_that_is_kept_for_long_does_not_fill_up(synthea):
    scrubber = Deidentifier(load_profile("limited"), KEY)
    lines = {kind: list(scrubber.scrub_lines(kind, found[:400])) for kind, found in synthea.items()}
    connection = duckdb.connect()
    counts = {
        tuple(flatten(connection, lines, key_id="k", site_time_zone=ZONE).rows.items()) for _ in range(12)
    }
    sizes = connection.execute("SELECT max(estimated_size) FROM duckdb_tables()").fetchall()
    assert len(counts) == 1
    assert sizes[0][0] < 6_000


def test_de_identification_changes_no_clinical_fact(synthea, lake):
    """Flattened before and after, every table differs in its keys and in nothing else that a definition reads."""
    identified = duckdb.connect()
    flatten(identified, synthea, key_id="test-1", site_time_zone=ZONE)
    limited = from_files(lake)
    for table in FLAT_TABLES:
        columns = [f'"{name}"' for name in table.column_names if not name.endswith("_key")]
        if table.name == "patient":
            columns = [column for column in columns if column != '"zip5"' and column != '"zip3"']
        sql = f'SELECT {", ".join(columns)} FROM "{table.name}" ORDER BY ALL'
        assert identified.execute(sql).fetchall() == limited.execute(sql).fetchall(), table.name


def test_parquet_keeps_the_tables_and_opens_as_views(lake, tmp_path):
    written = from_files(lake)
    rows = write_parquet(written, tmp_path / "flat")
    reader = duckdb.connect()
    open_parquet(reader, tmp_path / "flat")
    for table in FLAT_TABLES:
        assert reader.execute(f'SELECT count(*) FROM "{table.name}"').fetchall() == [(rows[table.name],)]
        sql = f'SELECT * FROM "{table.name}" ORDER BY ALL'
        assert reader.execute(sql).fetchall() == written.execute(sql).fetchall()
    keys = reader.execute("SELECT patient_key FROM observation").fetchall()
    assert keys == sorted(keys)
    codes = reader.execute("SELECT coalesce(system, ''), coalesce(code, '') FROM condition_coding").fetchall()
    assert codes == sorted(codes)


def test_a_half_written_folder_is_no_snapshot(lake, tmp_path):
    write_parquet(from_files(lake), tmp_path / "flat")
    (tmp_path / "flat" / "observation.parquet").unlink()
    with pytest.raises(NotFound, match="observation is missing"):
        open_parquet(duckdb.connect(), tmp_path / "flat")


def test_the_safe_harbor_zone_shows_years_only_and_other_codes(lake, tmp_path):
    report = make_safe_harbor(resource_files(lake), tmp_path / "sh", RandomSurrogates("s1"), as_of=AS_OF)
    assert report.is_balanced
    limited, shared = from_files(lake), from_files(tmp_path / "sh", "s1")
    precisions = "SELECT DISTINCT effective_precision FROM observation WHERE effective_precision IS NOT NULL"
    assert shared.execute(precisions).fetchall() == [("year",)]
    assert shared.execute(
        "SELECT min(birth_low) >= DATE '1936-01-01', max(zip5) FROM patient"
    ).fetchall() == [(True, None)]
    assert (
        limited.execute("SELECT count(*) FROM observation").fetchall()
        == shared.execute("SELECT count(*) FROM observation").fetchall()
    )
    keys = "SELECT patient_key FROM patient"
    assert set(limited.execute(keys).fetchall()).isdisjoint(shared.execute(keys).fetchall())
