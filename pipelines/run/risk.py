"""The risk scores of a night: from the flat tables to one checked file beside the results."""

from __future__ import annotations

import duckdb

from data_contracts.expectations import ContractBreached, require_sound
from data_contracts.tables.risk import RISK_SCORES
from ehr_core.kernel.logging import get_logger
from pipelines import flatten as flattening
from pipelines import risk
from pipelines.run.draft import Draft

log = get_logger(__name__)


def risk_night(draft: Draft) -> int:
    """The scores as a last step of the night: a breach leaves them out and stops nothing else."""
    try:
        return score_risk(draft)
    except ContractBreached as breach:
        log.error("risk_scores_left_out", snapshot_id=draft.snapshot_id, breaches=len(breach.breaches))
        return 0


def score_risk(draft: Draft) -> int:
    """Scores everybody, holds the table to its contract and writes it; returns its rows.

    Raises ContractBreached, and then writes nothing.
    """
    as_of = draft.facts.as_of
    with duckdb.connect() as connection:
        flattening.open_parquet(connection, draft.limited)
        risk.score(connection, as_of=as_of)
        rows = require_sound(connection, [RISK_SCORES.name], as_of=as_of, great_expectations=False)
        path = str(draft.results / f"{RISK_SCORES.name}.parquet").replace("'", "''")
        connection.execute(
            f"COPY (SELECT * FROM {RISK_SCORES.name} ORDER BY {', '.join(RISK_SCORES.key)}) "
            f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )
    return sum(rows.values())
