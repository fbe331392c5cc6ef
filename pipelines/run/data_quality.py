"""The data quality of a night: the checks over its flat tables, held to their contracts, written back to the core.

It rests on the tables alone, so it is told even where no measure could be; and whatever fails here stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.contract import Table
from data_contracts.data_requirements import Need, own_needs
from data_contracts.expectations import ContractBreached, require_sound
from data_contracts.tables.data_quality import DATA_QUALITY_TABLES
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.logging import get_logger
from pipelines import flatten as flattening
from pipelines.data_quality import find_defects
from pipelines.measures.official.requirements import needs_of
from pipelines.run.draft import Draft, DraftFacts
from pipelines.run.official_packages import ready_packages
from pipelines.run.steps import scratch, view
from pipelines.write_back import RunStamp
from pipelines.write_back.send import send_whole

log = get_logger(__name__)
Report = Callable[[str], None]
UNREADABLE = (" lines set aside by de-identification", " lines without keys")


def data_quality_night(client: AlmonerClient, draft: Draft, report: Report) -> int:
    """All of it as a last step of the night; returns the checks. What goes wrong is logged, and the night stands."""
    try:
        rows = check_data(draft)
        write_back_data_quality(client, draft, report)
    except (AlmonerError, duckdb.Error) as error:
        breaches = len(error.breaches) if isinstance(error, ContractBreached) else 0
        name = type(error).__name__
        log.error("data_quality_left_out", snapshot_id=draft.snapshot_id, error=name, breaches=breaches)
        return 0
    return rows


def check_data(draft: Draft) -> int:
    """Looks, holds the tables to their contracts and writes them; returns how many checks there were.

    Raises ContractBreached, and then writes nothing.
    """
    facts = draft.facts
    with scratch(draft) as connection:
        flattening.open_parquet(connection, draft.limited)
        findings = find_defects(
            connection,
            [*own_needs(), *_official_needs(draft)],
            key_id=facts.key_id,
            as_of=facts.as_of,
            unreadable=unreadable_lines(facts),
        )
        names = [table.name for table in DATA_QUALITY_TABLES]
        require_sound(connection, names, as_of=facts.as_of, great_expectations=False)
        for table in DATA_QUALITY_TABLES:
            path = str(_place(draft, table)).replace("'", "''")
            connection.execute(
                f"COPY (SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}) "
                f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
            )
    return len(findings)


def write_back_data_quality(
    client: AlmonerClient, draft: Draft, report: Report
) -> dict[str, WriteBackReceipt]:
    """Sends the three tables, the findings first: a touch or a record is never seen without what it belongs to."""
    facts = draft.facts
    stamp = RunStamp(f"quality-{facts.snapshot_id}", facts.key_id, facts.as_of, facts.outbox_transaction)
    with duckdb.connect() as connection:
        for table in DATA_QUALITY_TABLES:
            view(connection, table, _place(draft, table))
        return send_whole(client, connection, stamp, DATA_QUALITY_TABLES, report=report)


def unreadable_lines(facts: DraftFacts) -> dict[str, tuple[int, int]]:
    """By type how many lines could not be read, of how many that came."""
    found = {}
    for kind, came in facts.exported.items():
        failing = sum(facts.explained.get(f"{kind}{why}", 0) for why in UNREADABLE)
        found[kind] = (min(failing, came), came)
    return found


def _official_needs(draft: Draft) -> list[Need]:
    """What the active official measures read; nothing of packages that are broken, which their own check tells."""
    if not draft.facts.official.packages:
        return []
    try:
        return needs_of(ready_packages(draft))
    except (AlmonerError, OSError) as error:
        log.error("official_needs_unknown", error=type(error).__name__)
        return []


def _place(draft: Draft, table: Table) -> Path:
    return draft.results / f"{table.name}.parquet"
