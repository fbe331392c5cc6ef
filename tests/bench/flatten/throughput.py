"""Prints flatten beside DuckDB reading the same columns of the same files, and how long one patient takes.

Run: python -m tests.bench.flatten.throughput [patients]
Must: at least 0.6 of the raw read by the clock, at most 1.5 GB of memory (performance.md, section 13, row 8);
one patient in memory in at most 150 ms.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from pipelines.deidentify import Deidentifier, derive_key, load_profile, resource_files, scrub_stream
from pipelines.flatten import flatten, write_parquet
from pipelines.flatten.sources import stage_files
from pipelines.flatten.views import compile_views
from tests.bench.lake_data import megabytes, population_lines

ROUNDS = 3
ONE_PATIENT_ROUNDS = 30
ZONE = "America/New_York"
SHARD_BYTES = 16 << 20
COPIES = 8  # each file is read so often: enough lines that planning does not count


def raw_read(files: dict[str, list[Path]]) -> None:
    """The limit: DuckDB reads the columns that the views name, into tables, and does nothing with them."""
    with duckdb.connect() as connection:
        for resource_type, views in compile_views().items():
            if resource_type in files:
                listed = [str(path) for path in files[resource_type]]
                columns = {name: part.duckdb_type() for name, part in views.used.parts.items()}
                connection.read_json(listed, columns=columns, format="newline_delimited").create(
                    resource_type
                )


def own(files: dict[str, list[Path]]) -> None:
    with duckdb.connect() as connection:
        flatten(connection, files, key_id="bench", site_time_zone=ZONE)


def staging_alone(files: dict[str, list[Path]]) -> None:
    """What reading digit for digit costs by itself."""
    with duckdb.connect() as connection:
        for resource_type, views in compile_views().items():
            if resource_type in files:
                stage_files(connection, views.used, files[resource_type])


def seconds(act, *arguments) -> tuple[float, float]:
    """By the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    act(*arguments)
    return time.perf_counter() - clock, time.process_time() - processor


def one_patient(lines: dict[str, list[bytes]]) -> list[float]:
    """Milliseconds for each of many flattens of one patient on a connection that is kept."""
    with duckdb.connect() as connection:
        return [
            1000 * seconds(lambda: flatten(connection, lines, key_id="bench", site_time_zone=ZONE))[0]
            for _ in range(ONE_PATIENT_ROUNDS)
        ]


def main(patients: int = 1000) -> None:
    deidentifier = Deidentifier(load_profile("limited"), derive_key("5a" * 32, "bench"))
    with tempfile.TemporaryDirectory() as folder:
        lines = population_lines(patients)
        for resource_type, found in lines.items():
            scrub_stream(deidentifier, resource_type, found, Path(folder), shard_bytes=SHARD_BYTES)
        written = {
            kind: paths for kind, paths in resource_files(Path(folder)).items() if kind in compile_views()
        }
        files = {kind: paths * COPIES for kind, paths in written.items()}
        size = COPIES * megabytes({kind: list(deidentifier.scrub_lines(kind, lines[kind])) for kind in files})
        print(
            f"{patients} patients, {size:.0f} MB of de-identified JSON in {sum(map(len, files.values()))} zstd files"
        )
        taken = [
            (seconds(raw_read, files), seconds(staging_alone, files), seconds(own, files))
            for _ in range(ROUNDS)
        ]
        for name, place in (("clock", 0), ("processor", 1)):
            raw, staged, done = (min(times[act][place] for times in taken) for act in range(3))
            print(
                f"{name:10} raw read {size / raw:5.0f} MB/s, read with exact digits {size / staged:5.0f} MB/s, "
                f"flatten {size / done:5.0f} MB/s; ratio {raw / done:.2f}"
            )
        with duckdb.connect() as connection:
            flatten(connection, files, key_id="bench", site_time_zone=ZONE)
            took, _ = seconds(write_parquet, connection, Path(folder) / "flat")
            print(f"Parquet, sorted: {took:.2f} s")
    print(
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, test data included"
    )
    print_one_patient(deidentifier)


def print_one_patient(deidentifier: Deidentifier) -> None:
    lines = {
        kind: list(deidentifier.scrub_lines(kind, found)) for kind, found in population_lines(12).items()
    }
    busiest = statistics.mode(line.split(b'"Patient/')[1][:32] for line in lines["Observation"])
    mine = {kind: [line for line in found if busiest in line] for kind, found in lines.items()}
    first, *rest = one_patient({kind: found for kind, found in mine.items() if found})
    print(
        f"one patient, {sum(map(len, mine.values()))} lines: first {first:.0f} ms, then "
        f"{statistics.median(rest):.0f} ms (median), {min(rest):.0f} ms (best)"
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
