"""The official measures of a night, beside our own: inputs checked, people measured, gaps derived, all checked, told.

A run of its own in the core: when it is stopped, our own measures are not, and the screens say which numbers are old.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.contract import Table
from data_contracts.expectations import Breach, ContractBreached, require_sound
from data_contracts.expectations.breach import WHOLE_TABLE, breached
from data_contracts.tables.official import (
    OFFICIAL_EVIDENCE,
    OFFICIAL_GAPS,
    OFFICIAL_RESULTS,
    OFFICIAL_TABLES,
)
from data_contracts.tables.results import CARE_GAPS
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import AlmonerError
from pipelines import flatten as flattening
from pipelines import gaps
from pipelines.deidentify.stream import resource_files
from pipelines.measures.official.evaluate import evaluate_files
from pipelines.measures.official.kept import Ready
from pipelines.measures.official.results import arrow
from pipelines.run.draft import Draft
from pipelines.run.official_inputs import require_sound_inputs
from pipelines.run.official_packages import ready_packages
from pipelines.run.steps import scratch, view
from pipelines.run.telling import RunKind, run_report, tell_failure
from pipelines.write_back import RunStamp, send_everything

WRITTEN_BACK = (OFFICIAL_EVIDENCE, OFFICIAL_RESULTS, OFFICIAL_GAPS)
"""Facts before the results that rest on them: a result is never seen without what it rests on."""
INPUTS = "official_inputs"
KIND: RunKind = "official"

Report = Callable[[str], None]


def check_inputs(draft: Draft, *, deep: bool = True) -> dict[str, int]:
    """Raises ContractBreached unless every active package can be run, whole, over what the snapshot holds.

    A value set or a file that a measure reads and that is not there would make its rate a silent zero. Returns the
    number of active measures by the beginning of the package's id. `deep` also reads the inputs through Great
    Expectations.
    """
    facts, files = draft.facts, resource_files(draft.resources)
    try:
        ready = ready_packages(draft)
    except (AlmonerError, OSError) as error:
        said = error.message if isinstance(error, AlmonerError) else "a package is not in the snapshot"
        raise breached([Breach(INPUTS, WHOLE_TABLE, f"be packages that can be run: {said}", 1)]) from error
    breaches: list[Breach] = []
    for package in ready:
        wanted = {url for one in package.measures for url in one.compiled.program.value_sets}
        missing = sorted(url for url in wanted if package.engine.package.value_set(url) is None)
        breaches += [Breach(INPUTS, "value_set", f"hold the value set {url}", 1) for url in missing]
        unread = sorted(kind for kind in package.types if facts.kept.get(kind) and kind not in files)
        breaches += [
            Breach(INPUTS, kind, f"hold the {facts.kept[kind]} lines of {kind}", 1) for kind in unread
        ]
    if breaches:
        raise breached(breaches)
    require_sound_inputs(draft, ready, deep=deep)
    return {package.package_id[:12]: len(package.described) for package in ready}


def evaluate_official(draft: Draft, time_zone: str) -> int:
    """Writes official_results and official_evidence; returns rows of the first.

    Raises ContractBreached when not exactly the people of the snapshot were measured, or the engine broke down.
    """
    try:
        return _evaluate(draft, time_zone)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        wrong = Breach(
            OFFICIAL_RESULTS.name, WHOLE_TABLE, f"be evaluated to the end ({type(error).__name__})", 1
        )
        raise breached([wrong]) from error


def _evaluate(draft: Draft, time_zone: str) -> int:
    with (
        _writer(draft, OFFICIAL_RESULTS) as results,
        _writer(draft, OFFICIAL_EVIDENCE) as evidence,
        _room_for_batches(draft) as beside,
    ):
        rows = 0
        for table, writer in ((OFFICIAL_RESULTS, results), (OFFICIAL_EVIDENCE, evidence)):
            writer.write_table(arrow(table, {}))
        for ready in ready_packages(draft):
            people = 0
            for measured, (said, found) in _evaluated(draft, ready, time_zone, beside):
                results.write_table(said)
                evidence.write_table(found)
                people, rows = people + measured, rows + said.num_rows
            _require_everybody(draft, people)
    return rows


def derive_official_gaps(draft: Draft) -> int:
    """Writes official_gaps of official_results and of our own gaps; returns its rows."""
    measures = [one for ready in ready_packages(draft) for one in ready.described]
    with scratch(draft) as connection:
        flattening.open_parquet(connection, draft.limited)
        for table in (OFFICIAL_RESULTS, CARE_GAPS):
            view(connection, table, draft.results / f"{table.name}.parquet")
        gaps.derive_official(connection, measures, as_of=draft.facts.as_of)
        path = str(_place(draft, OFFICIAL_GAPS)).replace("'", "''")
        order = ", ".join(OFFICIAL_GAPS.key)
        return connection.execute(
            f"COPY (SELECT * FROM official_gaps ORDER BY {order}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()[0][0]


def check_official(draft: Draft, *, deep: bool = True) -> dict[str, int]:
    """Raises ContractBreached when an official table breaks its contract or names a measure that is not active."""
    with duckdb.connect() as connection:
        _open(connection, draft)
        names = [table.name for table in OFFICIAL_TABLES]
        rows = require_sound(connection, names, as_of=draft.facts.as_of, great_expectations=deep)
        active = [name for ids in draft.facts.official.packages.values() for name in ids]
        strange = connection.execute(
            "SELECT count(*) FROM official_results WHERE NOT list_contains(CAST(? AS VARCHAR[]), measure_id)",
            [active],
        ).fetchall()[0][0]
    if strange:
        raise breached([Breach(OFFICIAL_RESULTS.name, "measure_id", "be a measure that is active", strange)])
    draft.keep(draft.facts.model_copy(update={"official_is_sound": bool(active)}))
    return rows


def write_back_official(client: AlmonerClient, draft: Draft, report: Report) -> dict[str, WriteBackReceipt]:
    """Sends facts, results and gaps, and tells that this run is good. Nothing when no official measure is active."""
    facts = draft.facts
    if not facts.official.packages:
        return {}
    stamp = RunStamp(facts.run_id, facts.key_id, facts.as_of, facts.outbox_transaction)
    with duckdb.connect() as connection:
        _open(connection, draft)
        receipts = send_everything(
            client, connection, stamp, tables=WRITTEN_BACK, not_checked=facts.not_checked, report=report
        )
    counts = {name: one.received for name, one in receipts.items()}
    client.pipeline.tell_run(run_report(draft, counts, kind=KIND))
    return receipts


def official_night(
    client: AlmonerClient, draft: Draft, time_zone: str, report: Report, *, deep_checks: bool
) -> None:
    """All of it without Dagster. A breach is told to the core and stops the official measures only."""
    if not draft.facts.official.packages:
        return
    try:
        check_inputs(draft, deep=deep_checks)
        rows = evaluate_official(draft, time_zone)
        report(f"official measures: {rows} results")
        derive_official_gaps(draft)
        check_official(draft, deep=deep_checks)
    except ContractBreached as breach:
        report(f"The official measures were stopped: {breach.short}")
        tell_failure(client, draft, breach, kind=KIND)
        return
    write_back_official(client, draft, report)


@contextmanager
def _room_for_batches(draft: Draft) -> Iterator[Path]:
    """A folder in the snapshot's own: as large as its records, it would fill a small disk for temporary files.

    What an attempt left that was killed goes first, so that it is never published with the snapshot.
    """
    place = draft.limited / ".batches"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def _evaluated(draft: Draft, ready: Ready, time_zone: str, beside: Path):
    facts = draft.facts
    return evaluate_files(
        ready,
        resource_files(draft.resources),
        key_id=facts.key_id,
        as_of=facts.as_of,
        time_zone=time_zone,
        left_out=facts.not_checked,
        beside=beside,
    )


def _require_everybody(draft: Draft, measured: int) -> None:
    held = draft.facts.kept.get("Patient", 0)
    if held != measured:
        wrong = Breach(OFFICIAL_RESULTS.name, WHOLE_TABLE, f"rest on all {held} people", abs(held - measured))
        raise breached([wrong])


def _writer(draft: Draft, table: Table) -> pq.ParquetWriter:
    return pq.ParquetWriter(_place(draft, table), arrow(table, {}).schema, compression="zstd")


def _open(connection: duckdb.DuckDBPyConnection, draft: Draft) -> None:
    flattening.open_parquet(connection, draft.limited)
    for table in (*OFFICIAL_TABLES, CARE_GAPS):
        view(connection, table, _place(draft, table))


def _place(draft: Draft, table: Table):
    return draft.results / f"{table.name}.parquet"
