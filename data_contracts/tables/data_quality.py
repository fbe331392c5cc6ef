"""What is wrong with the data of a night: each check with its counts, the measures that it touches, a few records."""

from __future__ import annotations

from data_contracts.contract import KEY_COLUMNS, Column, Table

KINDS = ("completeness", "unmapped_codes", "units", "implausible", "duplicates", "freshness")
OUTCOMES = ("ran", "nothing_to_check", "could_not_run")

_KEY_ID, _PATIENT_KEY = KEY_COLUMNS
_CHECK_ID = Column("check_id", "text", "Which check.", required=True)
_AS_OF = Column("as_of", "date", "The day (site time zone) that the answer is for.", required=True)

DATA_QUALITY_FINDINGS = Table(
    name="data_quality_findings",
    description="One row a check of the data. A check that could not run says so: its counts are unknown, never zero.",
    zone="results",
    columns=(
        _KEY_ID,
        _CHECK_ID,
        Column("kind", "text", "What kind of defect.", required=True, values=KINDS),
        Column("resource_type", "text", "FHIR type that is looked at.", required=True),
        Column("element", "text", "Element that is looked at.", required=True),
        Column(
            "outcome",
            "text",
            "`nothing_to_check`: no such record is there; `could_not_run`: the check broke down, nothing is known.",
            required=True,
            values=OUTCOMES,
        ),
        Column("failing", "integer", "Records (or days) with the defect; null unless the check ran.", low=0),
        Column("checked", "integer", "How many were looked at; null unless the check ran.", low=1),
        Column("newest_on", "date", "Freshness: the newest day on which something was recorded."),
        _AS_OF,
    ),
    key=("check_id",),
)

DATA_QUALITY_TOUCHES = Table(
    name="data_quality_touches",
    description="Which measures a defect touches: those that read records of its type and value set, and the element.",
    zone="results",
    columns=(
        _KEY_ID,
        _CHECK_ID,
        Column("measure_id", "text", "Which measure.", required=True),
        Column("official", "boolean", "A measure that was imported, not one of our own.", required=True),
        Column(
            "records",
            "integer",
            "Records with the defect that the measure reads; null where the defect hides which ones it would read.",
            low=1,
        ),
        Column(
            "reads",
            "text",
            "What of the measure's data requirements is met: value sets, comma-separated; empty for a whole type.",
        ),
        _AS_OF,
    ),
    key=("check_id", "measure_id"),
)

DATA_QUALITY_RECORDS = Table(
    name="data_quality_records",
    description="A few records with each defect, for whoever repairs it.",
    zone="results",
    columns=(
        _KEY_ID,
        _PATIENT_KEY,
        _CHECK_ID,
        Column("evidence_type", "text", "FHIR type of the record.", required=True),
        Column(
            "evidence_key",
            "text",
            "Pseudonym of the record; resolved to an id only inside the core.",
            required=True,
        ),
        Column("evidence_on", "date", "Day of the record (site time zone); null when it has none."),
        Column("evidence_sensitivity", "text", "Strictest sensitivity label of the record."),
        _AS_OF,
    ),
    key=("patient_key", "check_id", "evidence_type", "evidence_key"),
)

DATA_QUALITY_TABLES: tuple[Table, ...] = (DATA_QUALITY_FINDINGS, DATA_QUALITY_TOUCHES, DATA_QUALITY_RECORDS)
