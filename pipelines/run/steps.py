"""The steps of a nightly run, each from files to files: snapshot, flatten, check, evaluate, derive, check again.

Dagster's assets and `nightly` call the same functions, so there is one pipeline, not two; a test runs both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.contract import Table
from data_contracts.expectations import Breach, require_sound
from data_contracts.expectations.breach import WHOLE_TABLE, breached
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
from pipelines.deidentify.stream import read_lines, resource_files
from pipelines.run.draft import Draft
from pipelines.run.refused import take_out
from pipelines.write_back import RunStamp, derive_strata, send_everything

Report = Callable[[str], None]
ONE_SHARD = (0, 1)


def flatten_snapshot(draft: Draft, site_time_zone: str) -> dict[str, int]:
    """The flat tables of the snapshot's resources; returns rows by table.

    Lines without keys are explained, and so are the rows of people whose record could not be read whole: they go here,
    so that nothing further on can be judged by half of it.
    """
    facts = draft.facts
    with scratch(draft) as connection:
        report = flattening.flatten(
            connection, resource_files(draft.resources), key_id=facts.key_id, site_time_zone=site_time_zone
        )
        left_out = take_out(connection, facts.not_checked)
        rows = flattening.write_parquet(connection, draft.limited)
    without = {f"{name} lines without keys": kind.without_keys for name, kind in report.types.items()}
    draft.explain({**without, **left_out})
    return rows


def check_resources(draft: Draft) -> dict[str, int]:
    """Raises ContractBreached unless the files hold as many lines as de-identification let pass; lines by type."""
    kept, files = draft.facts.kept, resource_files(draft.resources)
    found = {kind: sum(1 for _ in read_lines(files.get(kind, ()))) for kind in kept.keys() | files.keys()}
    breaches = [
        Breach(kind, WHOLE_TABLE, f"hold {kept.get(kind, 0)} lines", abs(lines - kept.get(kind, 0)))
        for kind, lines in sorted(found.items())
        if lines != kept.get(kind, 0)
    ]
    if breaches:
        raise breached(breaches)
    return found


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


def check_shard(draft: Draft, table: Table, shard: tuple[int, int]) -> dict[str, int]:
    """Raises ContractBreached when a shard of one results table breaks its contract; returns its rows.

    The night without Dagster has one shard and checks it whole, joined (`check_results`).
    """
    with scratch(draft) as connection:
        _open_shard(connection, draft, *shard)
        for made in RESULT_TABLES:
            if (path := shard_file(draft, made, shard[0])).exists():
                view(connection, made, path)
        return require_sound(connection, [table.name], as_of=draft.facts.as_of, great_expectations=False)


def join_results(draft: Draft, shards: int = 1) -> dict[str, int]:
    """Makes one file a results table of its shards; returns rows by table."""
    with scratch(draft) as connection:
        return {table.name: _join_shards(connection, draft, table, shards) for table in RESULT_TABLES}


def check_results(draft: Draft, *, deep: bool = True) -> dict[str, int]:
    """Raises ContractBreached when a results table breaks its contract; returns rows by table.

    `deep` also reads a batch of each table through Great Expectations (a few seconds).
    """
    with duckdb.connect() as connection:
        flattening.open_parquet(connection, draft.limited)
        for table in RESULT_TABLES:
            view(connection, table, draft.results / f"{table.name}.parquet")
        names = [table.name for table in RESULT_TABLES]
        return require_sound(connection, names, as_of=draft.facts.as_of, great_expectations=deep)


def write_back(client: AlmonerClient, draft: Draft, report: Report) -> dict[str, WriteBackReceipt]:
    """Sends the checked results to the core; returns a receipt a table. Rows that it did not take are explained."""
    facts = draft.facts
    stamp = RunStamp(facts.run_id, facts.key_id, facts.as_of, facts.outbox_transaction)
    with duckdb.connect() as connection:
        flattening.open_parquet(connection, draft.limited)
        for table in RESULT_TABLES:
            view(connection, table, draft.results / f"{table.name}.parquet")
        receipts = send_everything(client, connection, stamp, not_checked=facts.not_checked, report=report)
    for name, receipt in receipts.items():
        draft.explain(
            {
                f"{name} rows left to re-measure": receipt.skipped_changed_since,
                f"{name} rows of people whom the core does not know": receipt.refused_unknown_patient,
            }
        )
    return receipts


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
            view(connection, table, shard_file(draft, table, number))
        evaluate(connection)
        path = _quoted(shard_file(draft, made, number))
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


def _join_shards(connection: duckdb.DuckDBPyConnection, draft: Draft, table: Table, shards: int) -> int:
    """One file a table, sorted; with a single shard just renamed."""
    whole = draft.results / f"{table.name}.parquet"
    files = [shard_file(draft, table, number) for number in range(shards)]
    if shards == 1 and files[0].exists():
        files[0].replace(whole)
    elif shards > 1:
        listed = ", ".join(f"'{_quoted(path)}'" for path in files)
        connection.execute(
            f"COPY (SELECT * FROM read_parquet([{listed}]) ORDER BY {', '.join(table.key)}) "
            f"TO '{_quoted(whole)}' (FORMAT parquet, COMPRESSION zstd)"
        )
    return connection.execute(f"SELECT count(*) FROM read_parquet('{_quoted(whole)}')").fetchall()[0][0]


def view(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> None:
    connection.execute(
        f"CREATE OR REPLACE VIEW \"{table.name}\" AS SELECT * FROM read_parquet('{_quoted(path)}')"
    )


def shard_file(draft: Draft, table: Table, number: int) -> Path:
    return draft.results / f"{table.name}.shard-{number:03d}.parquet"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
