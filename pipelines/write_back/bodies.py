"""Rows as the bytes that the core takes: Parquet for many, an Arrow stream for a few; the scope in the metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.parquet

from data_contracts.contract import Table

PATIENT_KEYS = b"almoner.patient_keys"
"""Key of the schema's metadata: a JSON list of the pseudonyms that the body speaks for. The core reads the same."""

NOT_CHECKED = b"almoner.not_checked"
"""The same for people of whom a whole run says nothing: their record could not be read whole."""


def rows_of(
    connection: duckdb.DuckDBPyConnection, table: Table, condition: str = "true", values: Sequence[str] = ()
) -> pa.Table:
    """The contract's columns of the rows that meet the condition."""
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    statement = f'SELECT {columns} FROM "{table.name}" WHERE {condition}'
    return connection.sql(statement, params=list(values)).to_arrow_table()


def parquet_body(rows: pa.Table, not_checked: Sequence[str] = ()) -> bytes:
    """Parquet that speaks for everybody in its range but these people."""
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(_naming(rows, NOT_CHECKED, not_checked), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def stream_body(rows: pa.Table, patient_keys: Sequence[str]) -> bytes:
    """An Arrow stream that speaks for these patients and nobody else."""
    named = _naming(rows, PATIENT_KEYS, patient_keys)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, named.schema) as writer:
        writer.write_table(named)
    return sink.getvalue().to_pybytes()


def _naming(rows: pa.Table, name: bytes, patient_keys: Sequence[str]) -> pa.Table:
    return rows.replace_schema_metadata({name: json.dumps(list(patient_keys)).encode()})
