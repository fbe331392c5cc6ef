"""The steps of a nightly run, each from files to files: snapshot, flatten, check, evaluate, derive, check again.

Dagster's assets and `nightly` call the same functions, so there is one pipeline, not two.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from data_contracts.contract import Table
from data_contracts.expectations import require_sound
from data_contracts.tables.flat import FLAT_TABLES
from data_contracts.tables.results import (
    CARE_GAPS,
    MEASURE_RESULTS,
    PATIENT_STRATA,
    RECOMMENDATION_RESULTS,
    RESULT_TABLES,
)
from ehr_core.client import AlmonerClient
from pipelines import flatten as flattening
from pipelines import gaps, measures, recommendations
from pipelines.deidentify.stream import resource_files
from pipelines.run.draft import Draft
from pipelines.write_back import RunStamp, derive_strata, send_everything

Report = Callable[[str], None]
ONE_SHARD = (0, 1)


def flatten_snapshot(draft: Draft, site_time_zone: str) -> dict[str, int]:
    """The flat tables of the snapshot's resources; returns rows by table. Lines without keys are explained."""
    facts = draft.facts
    with scratch(draft) as connection:
        report = flattening.flatten(
            connection, resource_files(draft.resources), key_id=facts.key_id, site_time_zone=site_time_zone
        )
        rows = flattening.write_parquet(connection, draft.limited)
    draft.explain({f"{name} lines without keys": kind.without_keys for name, kind in report.types.items()})
    return rows


def check_flat(draft: Draft, *, deep: bool = True) -> dict[str, int]:
    """Raises ContractBreached when a flat table breaks its contract; returns rows by table.

    `deep` also reads a batch of each table through Great Expectations (a few seconds).
    """
    with duckdb.connect() as connection:
        flattening.open_parquet(connection, draft.limited)
        names = [table.name for table in FLAT_TABLES]
        return require_sound(connection, names, as_of=draft.facts.as_of, great_expectations=deep)


def evaluate_recommendations(draft: Draft, shard: tuple[int, int] = ONE_SHARD) -> int:
    def evaluate(connection: duckdb.DuckDBPyConnection) -> None:
        recommendations.evaluate(connection, as_of=draft.facts.as_of)

    return _result_step(draft, shard, (), RECOMMENDATION_RESULTS, evaluate)


def evaluate_measures(draft: Draft, shard: tuple[int, int] = ONE_SHARD) -> int:
    def evaluate(connection: duckdb.DuckDBPyConnection) -> None:
        measures.evaluate(connection, as_of=draft.facts.as_of)

    return _result_step(draft, shard, (), MEASURE_RESULTS, evaluate)


def derive_gaps(draft: Draft, shard: tuple[int, int] = ONE_SHARD) -> int:
    def evaluate(connection: duckdb.DuckDBPyConnection) -> None:
        gaps.derive(connection, as_of=draft.facts.as_of)

    return _result_step(draft, shard, (RECOMMENDATION_RESULTS,), CARE_GAPS, evaluate)


def derive_patient_strata(draft: Draft, shard: tuple[int, int] = ONE_SHARD) -> int:
    def evaluate(connection: duckdb.DuckDBPyConnection) -> None:
        derive_strata(connection, as_of=draft.facts.as_of)

    return _result_step(
        draft, shard, (RECOMMENDATION_RESULTS, MEASURE_RESULTS, CARE_GAPS), PATIENT_STRATA, evaluate
    )


def join_results(draft: Draft, shards: int = 1) -> None:
    """Makes one file a results table of its shards."""
    with scratch(draft) as connection:
        for table in RESULT_TABLES:
            _join_shards(connection, draft, table, shards)


def check_results(draft: Draft, *, deep: bool = True) -> dict[str, int]:
    """Raises ContractBreached when a results table breaks its contract; returns rows by table.

    `deep` also reads a batch of each table through Great Expectations (a few seconds).
    """
    with duckdb.connect() as connection:
        flattening.open_parquet(connection, draft.limited)
        for table in RESULT_TABLES:
            _view(connection, table, draft.results / f"{table.name}.parquet")
        names = [table.name for table in RESULT_TABLES]
        return require_sound(connection, names, as_of=draft.facts.as_of, great_expectations=deep)


def write_back(client: AlmonerClient, draft: Draft, report: Report) -> dict[str, int]:
    """Sends the checked results to the core; returns changed rows by table. Rows that it did not take are explained."""
    facts = draft.facts
    stamp = RunStamp(facts.run_id, facts.key_id, facts.as_of, facts.outbox_transaction)
    with duckdb.connect() as connection:
        flattening.open_parquet(connection, draft.limited)
        for table in RESULT_TABLES:
            _view(connection, table, draft.results / f"{table.name}.parquet")
        receipts = send_everything(client, connection, stamp, report=report)
    for name, receipt in receipts.items():
        draft.explain(
            {
                f"{name} rows left to re-measure": receipt.skipped_changed_since,
                f"{name} rows of people whom the core does not know": receipt.refused_unknown_patient,
            }
        )
    return {name: receipt.inserted + receipt.changed + receipt.removed for name, receipt in receipts.items()}


def scratch(draft: Draft) -> duckdb.DuckDBPyConnection:
    """A private DuckDB that may spill beside the snapshot; nobody else ever opens it."""
    folder = draft.limited / ".spill"
    return duckdb.connect(config={"temp_directory": str(folder)})


def _result_step(
    draft: Draft,
    shard: tuple[int, int],
    needed: tuple[Table, ...],
    made: Table,
    evaluate: Callable[[duckdb.DuckDBPyConnection], None],
) -> int:
    """Opens one shard of the people, evaluates, and writes the shard's file; returns its rows."""
    number, shards = shard
    with scratch(draft) as connection:
        _open_shard(connection, draft, number, shards)
        for table in needed:
            _view(connection, table, _shard_file(draft, table, number))
        evaluate(connection)
        path = _quoted(_shard_file(draft, made, number))
        order = ", ".join(made.key)
        written = connection.execute(
            f"COPY (SELECT * FROM \"{made.name}\" ORDER BY {order}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )
        return written.fetchall()[0][0]


def _open_shard(connection: duckdb.DuckDBPyConnection, draft: Draft, number: int, shards: int) -> None:
    """Views of the flat tables with only this shard's people: by the hash of their pseudonym."""
    if shards == 1:
        flattening.open_parquet(connection, draft.limited)
        return
    for table in FLAT_TABLES:
        path = _quoted(draft.limited / f"{table.name}.parquet")
        connection.execute(
            f"CREATE OR REPLACE VIEW \"{table.name}\" AS SELECT * FROM read_parquet('{path}') "
            f"WHERE hash(patient_key) % {int(shards)} = {int(number)}"
        )


def _join_shards(connection: duckdb.DuckDBPyConnection, draft: Draft, table: Table, shards: int) -> None:
    """One file a table, sorted; with a single shard just renamed."""
    whole = draft.results / f"{table.name}.parquet"
    files = [_shard_file(draft, table, number) for number in range(shards)]
    if shards == 1 and files[0].exists():
        files[0].replace(whole)
    elif shards > 1:
        listed = ", ".join(f"'{_quoted(path)}'" for path in files)
        connection.execute(
            f"COPY (SELECT * FROM read_parquet([{listed}]) ORDER BY {', '.join(table.key)}) "
            f"TO '{_quoted(whole)}' (FORMAT parquet, COMPRESSION zstd)"
        )


def _view(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> None:
    connection.execute(
        f"CREATE OR REPLACE VIEW \"{table.name}\" AS SELECT * FROM read_parquet('{_quoted(path)}')"
    )


def _shard_file(draft: Draft, table: Table, number: int) -> Path:
    return draft.results / f"{table.name}.shard-{number:03d}.parquet"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
