"""Risk scores of everybody's diagnoses: HCC V24 and V28, Charlson and Elixhauser, as one table.

What a score is for travels with it. A payment score has no tier; somebody without data is unknown, never low.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa

from data_contracts.tables.risk import RISK_SCORES
from data_contracts.workbench import workbench
from pipelines.risk.comorbidity import comorbidity_scores
from pipelines.risk.payment import hcc_scores
from pipelines.risk.people import people
from pipelines.risk.scored import Scored
from pipelines.risk.tiers import tier_of


def score(connection: duckdb.DuckDBPyConnection, *, as_of: date) -> None:
    """Makes `risk_scores` of patient, condition and coverage: one row a person and score."""
    everybody = people(connection, as_of)
    scored = [one for person in everybody for one in hcc_scores(person)] + comorbidity_scores(everybody)
    bench = workbench(connection)
    bench.lay("scored", pa.Table.from_pylist([_row(one, as_of) for one in scored], schema=SCHEMA))
    bench.make(RISK_SCORES.name, "SELECT * FROM scored", RISK_SCORES)


SCHEMA = pa.schema(
    [
        (name, pa.float64() if name == "value" else pa.date32() if name == "as_of" else pa.string())
        for name in RISK_SCORES.column_names
    ]
)


def _row(one: Scored, as_of: date) -> dict:
    return {
        "key_id": one.person.key_id,
        "patient_key": one.person.patient_key,
        "score_id": one.score,
        "score_version": one.version,
        "purpose": one.purpose,
        "value": one.value,
        "tier": tier_of(one.score, one.value),
        "unknown_reason": one.reason,
        "parts": one.parts,
        "as_of": as_of,
    }
