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
from data_contracts.workbench import Workbench, workbench
from pipelines.risk.comorbidity import comorbidity_scores
from pipelines.risk.next_change import NEXT_CHANGE
from pipelines.risk.payment import hcc_scores
from pipelines.risk.people import TABLES as PEOPLE
from pipelines.risk.people import make_people
from pipelines.risk.prevent import prevent_scores
from pipelines.risk.prevent_inputs import TABLES as INPUTS
from pipelines.risk.prevent_inputs import make_inputs
from pipelines.risk.requirements import TYPES, touched_by
from pipelines.risk.tiers import CARE_TIERS_SELECT, tier

__all__ = ["STATEMENTS", "TYPES", "score", "touched_by"]

CARE_TIERS_FINAL = CARE_TIERS_SELECT.format(rank_of_label=sensitivity_rank("evidence_sensitivity"))
STATEMENTS = (*PEOPLE.values(), *INPUTS.values(), NEXT_CHANGE)
"""All that reads a flat table."""


def score(place: duckdb.DuckDBPyConnection | Workbench, *, as_of: date) -> None:
    """Makes `risk_scores`, `risk_drivers` and `care_tiers` of the flat tables, of a whole night or of a few people."""
    tables = workbench(place)
    make_people(tables, as_of)
    make_inputs(tables, as_of)
    kinds = [*hcc_scores(tables), *comorbidity_scores(tables), prevent_scores(tables)]
    scores = pl.concat([one.scores for one in kinds]).with_columns(tier())
    _make(tables, RISK_SCORES, scores, as_of)
    _make(tables, RISK_DRIVERS, pl.concat([one.drivers for one in kinds]), as_of)
    tables.make("risk_next", dated(NEXT_CHANGE, as_of))
    tables.make(CARE_TIERS.name, dated(CARE_TIERS_FINAL, as_of), CARE_TIERS)


def _make(tables: Workbench, table: Table, rows: pl.DataFrame, as_of: date) -> None:
    scored = f"scored_{table.name}"
    tables.lay(scored, rows.to_arrow())
    columns = ", ".join(
        {"key_id": "person.key_id", "as_of": "$as_of"}.get(name, f"scored.{name}")
        for name in table.column_names
    )
    select = f"SELECT {columns} FROM {scored} AS scored JOIN risk_person AS person USING (patient_key)"
    tables.make(table.name, dated(select, as_of), table)
