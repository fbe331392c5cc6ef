"""Risk in a night: from the flat tables to checked files beside the results, and from there into the core."""

from __future__ import annotations

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.expectations import ContractBreached, require_sound
from data_contracts.tables.risk import CARE_TIERS, RISK_DRIVERS, RISK_SCORES, RISK_TABLES
from ehr_core.client import AlmonerClient
from ehr_core.kernel.logging import get_logger
from pipelines import flatten as flattening
from pipelines import risk
from pipelines.run.draft import Draft
from pipelines.run.steps import scratch, view
from pipelines.write_back import RunStamp, send_everything

log = get_logger(__name__)
WRITTEN_BACK = (RISK_DRIVERS, RISK_SCORES, CARE_TIERS)
"""Facts before the scores that rest on them, and those before the tier: nothing is seen without what it rests on."""


def risk_night(client: AlmonerClient, draft: Draft) -> int:
    """Risk as a last step of the night; rows. A breach leaves it out and stops nothing else."""
    try:
        rows = score_risk(draft)
    except ContractBreached as breach:
        log.error("risk_scores_left_out", snapshot_id=draft.snapshot_id, breaches=len(breach.breaches))
        return 0
    write_back_risk(client, draft)
    return rows


def score_risk(draft: Draft) -> int:
    """Scores everybody, holds the tables to their contracts and writes them; returns their rows.

    Raises ContractBreached, and then writes nothing.
    """
    as_of = draft.facts.as_of
    with scratch(draft) as connection:
        flattening.open_parquet(connection, draft.limited)
        risk.score(connection, as_of=as_of)
        names = [table.name for table in RISK_TABLES]
        rows = require_sound(connection, names, as_of=as_of, great_expectations=False)
        for table in RISK_TABLES:
            path = str(draft.results / f"{table.name}.parquet").replace("'", "''")
            connection.execute(
                f"COPY (SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}) "
                f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
            )
    return sum(rows.values())


def write_back_risk(client: AlmonerClient, draft: Draft) -> dict[str, WriteBackReceipt]:
    """Sends what `score_risk` wrote to the core, which keeps what people have adjusted."""
    facts = draft.facts
    stamp = RunStamp(facts.run_id, facts.key_id, facts.as_of, facts.outbox_transaction)
    with scratch(draft) as connection:
        flattening.open_parquet(connection, draft.limited)
        for table in RISK_TABLES:
            view(connection, table, draft.results / f"{table.name}.parquet")
        return send_everything(client, connection, stamp, tables=WRITTEN_BACK, not_checked=facts.not_checked)
