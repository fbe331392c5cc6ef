"""Prints what a standard ViewDefinition costs on Observation, beside DuckDB reading the same JSON into typed columns.

Run: python -m tests.bench.flatten.standard_views [patients]
Must: at least 100,000 resources a second of the processor, reading and the Parquet file included.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb

from pipelines.flatten.standard import compile_standard, run_view
from tests.bench.lake_data import population_lines

ROUNDS = 3
RESOURCES = 250_000
LEAST_A_SECOND = 100_000
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VIEW = {
    "resourceType": "ViewDefinition",
    "name": "observations",
    "resource": "Observation",
    "where": [{"path": "status = 'final' or status = 'amended'"}],
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "patient_id", "path": "subject.getReferenceKey(Patient)"},
                {
                    "name": "at",
                    "path": "(effective.ofType(dateTime) | effective.ofType(Period).start).first()",
                },
                {"name": "category", "path": f"category.coding.where(system = '{CATEGORY}').code.first()"},
                {"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"},
                {"name": "unit", "path": "value.ofType(Quantity).code"},
            ]
        },
        {
            "forEachOrNull": "code.coding",
            "column": [{"name": "system", "path": "system"}, {"name": "code", "path": "code"}],
        },
    ],
}


def raw_read(files: list[Path]) -> None:
    """The limit: DuckDB reads the columns that the view names, into a table, and does nothing with them."""
    columns = {name: part.duckdb_type() for name, part in compile_standard(VIEW).used.parts.items()}
    with duckdb.connect() as connection:
        connection.read_json(
            [str(path) for path in files], columns=columns, format="newline_delimited"
        ).create("o")


def seconds(act, *arguments) -> float:
    """Of the processor."""
    began = time.process_time()
    act(*arguments)
    return time.process_time() - began


def main(patients: int = 1000) -> int:
    lines = population_lines(patients)["Observation"]
    copies = max(1, RESOURCES // len(lines))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for copy in range(copies):
            (folder / f"Observation-{copy}.ndjson").write_bytes(
                b"".join(line.rstrip() + b"\n" for line in lines)
            )
        files = sorted(folder.glob("*.ndjson"))
        raw = min(seconds(raw_read, files) for _ in range(ROUNDS))
        own = min(seconds(run_view, VIEW, folder, folder / "out.parquet") for _ in range(ROUNDS))
    resources = copies * len(lines)
    a_second = resources / own
    print(
        f"{resources:,} Observations ({sum(map(len, lines)) / len(lines):.0f} bytes each), to Parquet: "
        f"{a_second:,.0f} a processor second; DuckDB's raw read {resources / raw:,.0f}; ratio {raw / own:.2f}"
    )
    return 0 if a_second >= LEAST_A_SECOND else 1


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
