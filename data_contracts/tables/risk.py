"""Risk scores: what a person's diagnoses weigh, one row a person and score. Without data it is unknown, not low."""

from __future__ import annotations

from data_contracts.contract import KEY_COLUMNS, Column, Table

SCORES = ("hcc_v24", "hcc_v28", "charlson", "elixhauser")
TIERS = ("low", "moderate", "high", "very_high", "unknown")

RISK_SCORES = Table(
    name="risk_scores",
    description="Risk scores of a person's diagnoses. HCC is a payment score: it has no tier, and makes none alone.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        Column("score_id", "text", "Which score.", required=True, values=SCORES),
        Column("score_version", "text", "Mapping, weights and the library that counts them.", required=True),
        Column(
            "purpose",
            "text",
            "What it was made for: `payment` of plans, or `comorbidity` and what it foretells.",
            required=True,
            values=("payment", "comorbidity"),
        ),
        Column("value", "number", "The score; null when it is unknown."),
        Column("tier", "text", "Tier of the value; null for a payment score.", values=TIERS),
        Column(
            "unknown_reason",
            "text",
            "Why there is no value.",
            values=("no_coded_diagnosis", "no_birth_date", "no_sex", "not_in_medicare"),
        ),
        Column("parts", "text", "The categories that count, comma-separated; empty when none does."),
        Column("as_of", "date", "The day (site time zone) that the score is for.", required=True),
    ),
    key=("patient_key", "score_id"),
)
