"""What the official measures are about to read in a night: value sets, kinds of record, and a batch of the records."""

from __future__ import annotations

from data_contracts.contract import Column, Table

_PACKAGE = Column("package_id", "text", "The imported package (SHA-256 of its content).", required=True)
_MEASURE = Column("measure_id", "text", "Which measure of it.", required=True)

OFFICIAL_VALUE_SETS = Table(
    name="official_value_sets",
    description="The value sets that the active official measures name, as the package holds them.",
    zone="results",
    columns=(
        _PACKAGE,
        _MEASURE,
        Column("value_set", "text", "Its address.", required=True),
        Column("codes", "integer", "Codes held; one without any would match nothing.", required=True, low=1),
        Column(
            "codes_of_all", "integer", "Codes of the whole set as its publisher says; null when not said."
        ),
    ),
    key=("package_id", "measure_id", "value_set"),
)

OFFICIAL_READS = Table(
    name="official_reads",
    description="The kinds of record that the active official measures read, and how many lines of each are there.",
    zone="results",
    columns=(
        _PACKAGE,
        _MEASURE,
        Column("resource_type", "text", "FHIR type.", required=True),
        Column("elements", "text", "Elements that the logic looks at, comma-separated.", required=True),
        Column("lines_kept", "integer", "Lines that de-identification let pass.", required=True, low=0),
        Column("is_there", "boolean", "The snapshot holds a file of the type.", required=True),
    ),
    key=("package_id", "measure_id", "resource_type"),
)

OFFICIAL_RECORDS = Table(
    name="official_records",
    description="A bounded batch of each type that the active official measures read: whose each record is, and what.",
    zone="results",
    columns=(
        Column("resource_type", "text", "The type whose file holds the record.", required=True),
        Column("said_type", "text", "The type that the record says it is."),
        Column("resource_key", "text", "The record's pseudonym.", required=True),
        Column("patient_key", "text", "The pseudonym of whose it is; null for what is nobody's."),
        Column("names_patient", "boolean", "Its type belongs to a patient.", required=True),
    ),
    key=("resource_type", "resource_key"),
)

OFFICIAL_INPUT_TABLES: tuple[Table, ...] = (OFFICIAL_VALUE_SETS, OFFICIAL_READS, OFFICIAL_RECORDS)
