"""Risk: what each score says of a person, the facts behind it, and the care tier that the clinical scores give.

HCC is a payment score: it has no tier and decides none. Without data a score is unknown, which is not low.
"""

from __future__ import annotations

from data_contracts.contract import KEY_COLUMNS, Column, Table

PAYMENT_SCORES = ("hcc_v24", "hcc_v28")
CLINICAL_SCORES = ("charlson", "elixhauser", "prevent")
SCORES = (*PAYMENT_SCORES, *CLINICAL_SCORES)
PURPOSES = ("payment", "comorbidity", "cardiovascular")
TIERS = ("low", "moderate", "high", "very_high", "unknown")
"""From the lowest; `unknown` where no clinical score has a value."""
UNKNOWN_REASONS = (
    "no_coded_diagnosis",
    "no_birth_date",
    "no_sex",
    "not_in_medicare",
    "known_cardiovascular_disease",
    "outside_age",
    "missing_input",
    "out_of_range",
)

DRIVER_TYPES = ("Condition", "Observation", "MedicationRequest", "Procedure")

SCORE = Column("score_id", "text", "Which score.", required=True, values=SCORES)
AS_OF = Column("as_of", "date", "The day (site time zone) that the answer is for.", required=True)

RISK_SCORES = Table(
    name="risk_scores",
    description="Risk scores, one row a person and score. HCC is a payment score: it has no tier, and makes none.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        SCORE,
        Column(
            "score_version", "text", "Mapping, weights and what counts them; the equation.", required=True
        ),
        Column(
            "purpose",
            "text",
            "What it was made for: `payment` of plans, `comorbidity` and what it foretells, or `cardiovascular` "
            "disease within ten years.",
            required=True,
            values=PURPOSES,
        ),
        Column("value", "number", "The score (PREVENT: percent); null when it is unknown."),
        Column("tier", "text", "Tier of the value; null for a payment score.", values=TIERS),
        Column("unknown_reason", "text", "Why there is no value.", values=UNKNOWN_REASONS),
        Column("unknown_words", "text", "What is missing, or which value is out of range, in words."),
        Column(
            "parts", "text", "The categories or inputs that count, comma-separated; empty when none does."
        ),
        AS_OF,
    ),
    key=("patient_key", "score_id"),
)

RISK_DRIVERS = Table(
    name="risk_drivers",
    description="The facts behind a score, a row for each that counts for a part; where it is unknown, those that the "
    "reason tells of.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        SCORE,
        Column("part", "text", "The category or input that the fact counts for.", required=True),
        Column(
            "evidence_type",
            "text",
            "FHIR type of the fact.",
            required=True,
            values=DRIVER_TYPES,
        ),
        Column("evidence_key", "text", "Pseudonym of the fact's resource.", required=True),
        Column("evidence_on", "date", "Day of the fact; null when it was recorded without one."),
        Column("evidence_code_system", "text", "Code system of the fact."),
        Column("evidence_code", "text", "Code of the fact."),
        Column("evidence_value", "text", "Value with unit as words; null for what has none."),
        Column("evidence_sensitivity", "text", "Strictest sensitivity label of the fact."),
        AS_OF,
    ),
    key=("patient_key", "score_id", "part", "evidence_type", "evidence_key"),
)

CARE_TIERS = Table(
    name="care_tiers",
    description="The care tier of a person: the highest tier of the clinical scores. Payment scores never decide it.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        Column(
            "tier",
            "text",
            "The tier; `unknown` where no clinical score has one.",
            required=True,
            values=TIERS,
        ),
        Column("basis", "text", "The scores that give this tier, comma-separated; null when it is unknown."),
        Column("evidence_sensitivity", "text", "Strictest sensitivity label of any fact behind the scores."),
        AS_OF,
        Column(
            "next_change_on",
            "date",
            "First day on which time alone may change a score: a birthday, a measurement that lapses, a day to come.",
        ),
    ),
    key=("patient_key",),
)

RISK_TABLES = (RISK_SCORES, RISK_DRIVERS, CARE_TIERS)
