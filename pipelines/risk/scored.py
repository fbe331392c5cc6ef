"""What every kind of score gives: a table of scores and a table of the facts behind them, as frames."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from data_contracts.code_systems import ICD_10_CM
from data_contracts.workbench import Workbench

SCORE_COLUMNS = {
    "patient_key": pl.String,
    "score_id": pl.String,
    "score_version": pl.String,
    "purpose": pl.String,
    "value": pl.Float64,
    "unknown_reason": pl.String,
    "unknown_words": pl.String,
    "parts": pl.String,
}
DRIVER_COLUMNS = {
    "patient_key": pl.String,
    "score_id": pl.String,
    "part": pl.String,
    "evidence_type": pl.String,
    "evidence_key": pl.String,
    "evidence_on": pl.Date,
    "evidence_code_system": pl.String,
    "evidence_code": pl.String,
    "evidence_value": pl.String,
    "evidence_sensitivity": pl.String,
}


@dataclass(frozen=True)
class Scored:
    """`unknown_reason` says why a row has no value; a driver names the part of its score that it counts for."""

    scores: pl.DataFrame
    drivers: pl.DataFrame


def frame(tables: Workbench, name: str) -> pl.DataFrame:
    """The rows of a table, for what is counted column by column."""
    return pl.from_arrow(tables.rows(name))


def as_scores(rows: pl.DataFrame, score_id: str, version: str, purpose: str) -> pl.DataFrame:
    """The columns of a score: what `rows` lacks is null, no parts are an empty word."""
    said = {"score_id": score_id, "score_version": version, "purpose": purpose}
    return _shaped(
        rows.with_columns(pl.lit(word).alias(name) for name, word in said.items()), SCORE_COLUMNS
    ).with_columns(pl.col("parts").fill_null(""))


def as_drivers(rows: pl.DataFrame, score_id: str) -> pl.DataFrame:
    return _shaped(rows.with_columns(score_id=pl.lit(score_id)), DRIVER_COLUMNS)


def as_evidence(diagnoses: pl.DataFrame) -> pl.DataFrame:
    """Rows of `risk_diagnosis` under the names that drivers have."""
    return diagnoses.with_columns(
        evidence_type=pl.lit("Condition"),
        evidence_key="resource_key",
        evidence_on="on_day",
        evidence_code_system=pl.lit(ICD_10_CM.uri),
        evidence_code="written",
        evidence_sensitivity="sensitivity",
    )


def _shaped(rows: pl.DataFrame, columns: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in columns.items()
    )
