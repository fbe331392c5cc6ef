"""What the official measures say: the same results as our own measures, the facts behind them, and their gaps."""

from __future__ import annotations

from data_contracts.contract import KEY_COLUMNS, Column, Table
from data_contracts.tables.results import CARE_GAPS, EVIDENCE_COLUMNS, MEASURE_RESULTS

OFFICIAL_RESULTS = Table(
    name="official_results",
    description="Official measures over a period: one row per person of an initial population, or whom nobody could "
    "judge, and group of a measure. The columns of measure_results, and two more.",
    zone="results",
    columns=(
        *MEASURE_RESULTS.columns,
        Column(
            "unmet_condition",
            "text",
            "The definition that decides: the first that is not met or, where the numerator is the failure, that is.",
        ),
        Column(
            "population_counts",
            "text",
            "Members of each population by its id, of each within a stratum, and what was observed, as JSON; "
            "null where the flags say all of it.",
        ),
    ),
    key=("patient_key", "measure_id", "period_begin"),
)

_FACT = {column.name: column for column in EVIDENCE_COLUMNS}

OFFICIAL_EVIDENCE = Table(
    name="official_evidence",
    description="The facts that an official measure rests on: which resources made which definition true, and which "
    "were looked at and did not.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        Column("measure_id", "text", "Which measure.", required=True),
        Column("period_begin", "date", "First day of the measurement period.", required=True),
        Column(
            "population",
            "text",
            "Which population of the measure.",
            required=True,
            values=(
                "initial-population",
                "denominator",
                "denominator-exclusion",
                "denominator-exception",
                "numerator",
                "numerator-exclusion",
                "measure-population",
                "measure-population-exclusion",
            ),
        ),
        Column("definition", "text", "The definition that found the fact.", required=True),
        Column(
            "holds",
            "boolean",
            "True: the person is in the population by it; false: it was looked at and does not put them there.",
            required=True,
        ),
        Column(
            "facts_found",
            "integer",
            "How many facts the definition found; the newest are here.",
            required=True,
            low=1,
        ),
        Column("evidence_type", "text", "FHIR type of the fact.", required=True),
        Column(
            "evidence_key",
            "text",
            "Pseudonym of the resource; resolved to an id only inside the core.",
            required=True,
        ),
        *(column for name, column in _FACT.items() if name not in ("evidence_type", "evidence_key")),
        Column("as_of", "date", "The day (site time zone) that the answer is for.", required=True),
    ),
    key=(
        "patient_key",
        "measure_id",
        "period_begin",
        "population",
        "definition",
        "evidence_type",
        "evidence_key",
    ),
)

OFFICIAL_GAPS = Table(
    name="official_gaps",
    description="Gaps of official proportion measures, ready to be written back: the columns of care_gaps.",
    zone="results",
    columns=CARE_GAPS.columns,
    key=CARE_GAPS.key,
)

OFFICIAL_TABLES: tuple[Table, ...] = (OFFICIAL_RESULTS, OFFICIAL_EVIDENCE, OFFICIAL_GAPS)
