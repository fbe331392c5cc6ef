"""Takes a write-back's body: reads Parquet or Arrow, checks it against its contract, copies it to a staging table."""

from __future__ import annotations

import io

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from sqlalchemy import Connection, text

from data_contracts.contract import ColumnType, Table
from ehr_core.kernel.errors import BadRequest

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
POSTGRES_TYPES: dict[ColumnType, str] = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "date",
}
PATIENT_KEYS = b"almoner.patient_keys"
"""Key of the schema's metadata: a JSON list of the pseudonyms that the body speaks for."""

NOT_CHECKED = b"almoner.not_checked"
"""The same for people of whom a whole run says nothing."""

ANALYZE_FROM_ROWS = 5_000
ROWS_A_CHUNK = 50_000


def read_rows(body: bytes, contract: Table, key_id: str) -> pa.Table:
    """The body as an Arrow table with exactly the contract's columns.

    Raises BadRequest that names table, column and rule, never a value: a wrong body is refused whole.
    """
    rows = _parse(body, contract)
    expected = set(contract.column_names)
    if set(rows.column_names) != expected:
        different = sorted(expected.symmetric_difference(rows.column_names))
        raise BadRequest(
            f"The rows of '{contract.name}' do not have the contract's columns: {', '.join(different)}."
        )
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in contract.columns])
    try:
        rows = rows.select(contract.column_names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadRequest(f"The rows of '{contract.name}' do not have the contract's types.") from error
    _check_values(rows, contract)
    if rows.num_rows and pc.unique(rows["key_id"]).to_pylist() != [key_id]:
        raise BadRequest(
            f"The rows of '{contract.name}' carry another pseudonym key than the write-back names."
        )
    return rows


def patients_named_in(body: bytes, name: bytes = PATIENT_KEYS) -> tuple[str, ...] | None:
    """The pseudonyms that the body's metadata lists under this name; None when there is no list.

    Raises BadRequest when the body or its list cannot be read: an unreadable list must not widen the scope.
    """
    try:
        if body[:4] == b"PAR1":
            schema = pa.parquet.read_schema(pa.BufferReader(body))
        else:
            schema = pa.ipc.open_stream(body).schema
        named = (schema.metadata or {}).get(name)
        return None if named is None else tuple(msgspec.json.decode(named, type=list[str]))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, msgspec.DecodeError) as error:
        raise BadRequest("The body of the write-back cannot be read.") from error


def stage(connection: Connection, rows: pa.Table, contract: Table) -> str:
    """Copies the rows into a temporary table, empty at commit, and returns its name."""
    name = f"staged_{contract.name}"
    columns = ", ".join(f'"{column.name}" {POSTGRES_TYPES[column.type]}' for column in contract.columns)
    connection.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS"))
    connection.execute(text(f"DELETE FROM {name}"))
    if rows.num_rows:
        _copy(connection, rows, name)
    if rows.num_rows >= ANALYZE_FROM_ROWS:
        connection.execute(text(f"ANALYZE {name}"))
    return name


def _parse(body: bytes, contract: Table) -> pa.Table:
    try:
        if body[:4] == b"PAR1":
            return pa.parquet.read_table(pa.BufferReader(body))
        return pa.ipc.open_stream(body).read_all()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise BadRequest(
            f"The body of the write-back of '{contract.name}' is neither Parquet nor an Arrow stream."
        ) from error


def _check_values(rows: pa.Table, contract: Table) -> None:
    for column in contract.columns:
        values = rows[column.name]
        if column.required and values.null_count:
            raise BadRequest(f"'{contract.name}.{column.name}' is required and is null in some rows.")
        if (
            column.values
            and not pc.all(pc.is_in(values, pa.array(column.values, pa.string())), min_count=0).as_py()
        ):
            allowed = pc.or_(pc.is_null(values), pc.is_in(values, pa.array(column.values, pa.string())))
            if not pc.all(allowed, min_count=0).as_py():
                raise BadRequest(
                    f"'{contract.name}.{column.name}' holds a word that the contract does not list."
                )


def _copy(connection: Connection, rows: pa.Table, name: str) -> None:
    """As CSV made by Arrow: every value quoted, a null as nothing between two commas."""
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    cursor = connection.connection.cursor()
    with cursor, cursor.copy(f"COPY {name} FROM STDIN (FORMAT csv)") as copy:
        for chunk in rows.to_batches(max_chunksize=ROWS_A_CHUNK):
            buffer = io.BytesIO()
            pa.csv.write_csv(chunk, buffer, options)
            copy.write(buffer.getbuffer())
