"""Sends results to the core: a whole run in parts of so many patients, or the answers about a few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.contract import Table
from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS, PATIENT_STRATA
from data_contracts.workbench import Workbench
from ehr_core.client import AlmonerClient
from pipelines.write_back.bodies import parquet_body, rows_of, stream_body

WRITTEN_BACK = (PATIENT_STRATA, MEASURE_RESULTS, CARE_GAPS)
"""Strata first: a person's cells then move once, from where they counted to where they count now."""

PATIENTS_A_PART = 75_000
"""Bounds a body to some twenty megabytes, and how long one part keeps the others waiting."""


@dataclass(frozen=True)
class RunStamp:
    """What every part of a run says: which run, key and day, and what its snapshot had seen."""

    run_id: str
    key_id: str
    as_of: date
    outbox_transaction: int


def send_everything(
    client: AlmonerClient,
    connection: duckdb.DuckDBPyConnection,
    stamp: RunStamp,
    *,
    tables: Sequence[Table] = WRITTEN_BACK,
    not_checked: Sequence[str] = (),
    report: Callable[[str], None] = lambda _: None,
    patients_a_part: int = PATIENTS_A_PART,
) -> dict[str, WriteBackReceipt]:
    """The whole run, each part complete for its range of pseudonyms; one summed receipt a table.

    Nothing is said of the people in `not_checked`: the core leaves what it holds of them as it is.
    """
    bounds = _bounds(connection, patients_a_part)
    receipts = {}
    for table in tables:
        parts = []
        for low, high in zip(bounds, [*bounds[1:], None], strict=True):
            low = None if low == bounds[0] else low
            rows = rows_of(connection, table, *_between(low, high))
            parts.append(
                client.pipeline.write_back(
                    table.name,
                    parquet_body(rows, _inside(not_checked, low, high)),
                    run_id=stamp.run_id,
                    key_id=stamp.key_id,
                    as_of=stamp.as_of,
                    outbox_transaction=stamp.outbox_transaction,
                    patient_from=low,
                    patient_to=high,
                )
            )
        receipts[table.name] = add_up(parts)
        report(f"{table.name}: {_words(receipts[table.name])}")
    return receipts


def send_whole(
    client: AlmonerClient,
    connection: duckdb.DuckDBPyConnection,
    stamp: RunStamp,
    tables: Sequence[Table],
    *,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, WriteBackReceipt]:
    """Small tables of a run, each whole in one body."""
    receipts = {}
    for table in tables:
        receipts[table.name] = client.pipeline.write_back(
            table.name,
            parquet_body(rows_of(connection, table)),
            run_id=stamp.run_id,
            key_id=stamp.key_id,
            as_of=stamp.as_of,
            outbox_transaction=stamp.outbox_transaction,
        )
        report(f"{table.name}: {_words(receipts[table.name])}")
    return receipts


def send_changed(
    client: AlmonerClient,
    place: Workbench,
    stamp: RunStamp,
    *,
    tables: Sequence[Table],
    snapshot: str,
    patient_keys: Sequence[str],
    source_ids: Sequence[str] | None,
) -> dict[str, WriteBackReceipt]:
    """The answers about these patients and (unless null) definitions, under what exactly their read had seen."""
    receipts = {}
    for table in tables:
        rows = place.rows(table.name)
        receipts[table.name] = client.pipeline.write_back(
            table.name,
            stream_body(rows, patient_keys),
            run_id=stamp.run_id,
            key_id=stamp.key_id,
            as_of=stamp.as_of,
            outbox_transaction=stamp.outbox_transaction,
            snapshot=snapshot,
            source_ids=source_ids,
        )
    return receipts


def add_up(receipts: Sequence[WriteBackReceipt]) -> WriteBackReceipt:
    """One receipt for several parts."""
    names = WriteBackReceipt.model_fields
    return WriteBackReceipt(**{name: sum(getattr(one, name) for one in receipts) for name in names})


def _bounds(connection: duckdb.DuckDBPyConnection, patients_a_part: int) -> list[str]:
    """First pseudonym of each part, in order; one empty bound when there is nobody."""
    found = connection.execute(
        "SELECT patient_key FROM (SELECT patient_key, row_number() OVER (ORDER BY patient_key) AS place FROM patient) "
        "WHERE (place - 1) % ? = 0 ORDER BY patient_key",
        [patients_a_part],
    ).fetchall()
    return [key for (key,) in found] or [""]


def _between(low: str | None, high: str | None) -> tuple[str, list[str]]:
    conditions, values = ["true"], []
    if low is not None:
        conditions.append("patient_key >= ?")
        values.append(low)
    if high is not None:
        conditions.append("patient_key < ?")
        values.append(high)
    return " AND ".join(conditions), values


def _inside(keys: Sequence[str], low: str | None, high: str | None) -> list[str]:
    return [key for key in keys if (low is None or key >= low) and (high is None or key < high)]


def _words(receipt: WriteBackReceipt) -> str:
    return (
        f"{receipt.received} rows, {receipt.inserted} new, {receipt.changed} changed, {receipt.unchanged} unchanged, "
        f"{receipt.removed} removed, {receipt.skipped_changed_since} left to re-measure"
    )
