"""Tiers: the words for a score's values, from dated thresholds, and the care tier that they give together."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import polars as pl

from data_contracts.tables.risk import CLINICAL_SCORES, TIERS

CARE_TIERS_SELECT = f"""
WITH ranked AS (
  SELECT patient_key, score_id, tier, list_position({list(TIERS[:-1])}, tier) AS rank FROM risk_scores
  WHERE score_id IN {CLINICAL_SCORES}
),
highest AS (
  SELECT patient_key, max(rank) AS rank, string_agg(score_id, ', ' ORDER BY score_id)
    FILTER (rank = most) AS basis
  FROM (SELECT *, max(rank) OVER (PARTITION BY patient_key) AS most FROM ranked) GROUP BY patient_key
),
labels AS (
  SELECT patient_key, substr(max({{rank_of_label}}), 2) AS label FROM risk_drivers
  WHERE score_id IN {CLINICAL_SCORES} GROUP BY patient_key
)
SELECT person.key_id, person.patient_key, coalesce({list(TIERS[:-1])}[highest.rank], 'unknown'),
  highest.basis, labels.label, $as_of, next.next_change_on
FROM risk_person AS person LEFT JOIN highest USING (patient_key) LEFT JOIN labels USING (patient_key)
  LEFT JOIN risk_next AS next USING (patient_key)
"""
"""The highest tier of the clinical scores; a payment score is not even read."""


@cache
def thresholds() -> dict[str, dict]:
    return tomllib.loads(Path(__file__).with_name("tiers.toml").read_text(encoding="utf-8"))


def tier() -> pl.Expr:
    """The tier of `value` by `score_id`: `unknown` without a value, null for a score that has no tiers."""
    score, value, said = pl.col("score_id"), pl.col("value"), pl.lit(None, dtype=pl.String)
    for name, entry in thresholds().items():
        word = pl.lit("unknown")
        for reached, least in sorted(entry["from"].items(), key=lambda step: step[1]):
            word = pl.when(value >= least).then(pl.lit(reached)).otherwise(word)
        said = pl.when(score == name).then(word).otherwise(said)
    return said.alias("tier")
