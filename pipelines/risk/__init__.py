"""Risk of everybody: HCC V24 and V28, Charlson, Elixhauser and PREVENT, the facts behind them, and the care tier.

What a score is for travels with it. A payment score has no tier; somebody without data is unknown, never low.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from data_contracts.contract import Table
from data_contracts.guidelines.sql import dated, sensitivity_rank
from data_contracts.tables.risk import CARE_TIERS, RISK_DRIVERS, RISK_SCORES
from data_contracts.workbench import workbench
from pipelines.risk.comorbidity import comorbidity_scores
from pipelines.risk.payment import hcc_scores
from pipelines.risk.people import make_people
from pipelines.risk.prevent import prevent_scores
from pipelines.risk.prevent_inputs import make_inputs
from pipelines.risk.tiers import CARE_TIERS_SELECT, tier


def score(connection: duckdb.DuckDBPyConnection, *, as_of: date) -> None:
    """Makes `risk_scores`, `risk_drivers` and `care_tiers` of the flat tables."""
    make_people(connection, as_of)
    make_inputs(connection, as_of)
    kinds = [*hcc_scores(connection), *comorbidity_scores(connection), prevent_scores(connection)]
    scores = pl.concat([one.scores for one in kinds]).with_columns(tier())
    _make(connection, RISK_SCORES, scores, as_of)
    _make(connection, RISK_DRIVERS, pl.concat([one.drivers for one in kinds]), as_of)
    select = CARE_TIERS_SELECT.format(rank_of_label=sensitivity_rank("evidence_sensitivity"))
    workbench(connection).make(CARE_TIERS.name, dated(select, as_of), CARE_TIERS)


def _make(connection: duckdb.DuckDBPyConnection, table: Table, rows: pl.DataFrame, as_of: date) -> None:
    bench = workbench(connection)
    bench.lay("scored", rows.to_arrow())
    columns = ", ".join(
        {"key_id": "person.key_id", "as_of": "$as_of"}.get(name, f"scored.{name}")
        for name in table.column_names
    )
    select = f"SELECT {columns} FROM scored JOIN risk_person AS person USING (patient_key)"
    bench.make(table.name, dated(select, as_of), table)
