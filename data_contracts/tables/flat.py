"""The flat tables: typed columns of FHIR resources, one row a resource, child tables for what repeats.

A date keeps its bounds, precision and offset; a quantity its original and, where an analyte-specific conversion
exists, its normalised value. What could not be read is null with a reason; never 0, never assumed.
"""

from __future__ import annotations

from data_contracts.contract import KEY_COLUMNS, RESOURCE_COLUMNS, Column, Table, date_columns

VALUE_COLUMNS = (
    Column("value_number", "number", "The quantity as recorded, in `value_unit`."),
    Column("value_text", "text", "The quantity's digits exactly as written ('7.10')."),
    Column(
        "value_comparator",
        "text",
        "<, <=, >= or > when the value is only a bound.",
        values=("<", "<=", ">=", ">"),
    ),
    Column("value_unit", "text", "Unit code (UCUM where given, else the written unit)."),
    Column("value_code_system", "text", "System of a coded value."),
    Column("value_code", "text", "Code of a coded value."),
    Column("value_boolean", "boolean", "A yes/no value."),
    Column(
        "normalised_value",
        "number",
        "The value in the analyte's own standard unit; null with a reason otherwise.",
    ),
    Column("normalised_unit", "text", "The analyte's standard unit (UCUM)."),
    Column(
        "normalised_reason",
        "text",
        "Why there is no normalised value.",
        values=(
            "no_value",
            "no_unit",
            "unknown_unit",
            "unlisted_analyte",
            "comparator",
            "implausible",
            "unreadable",
        ),
    ),
    Column("data_absent_reason", "text", "Why there is no value, as recorded."),
)


def coding_table(parent: str, elements: tuple[str, ...]) -> Table:
    """The codings of a resource's coded elements, one row a coding."""
    return Table(
        name=f"{parent}_coding",
        description=f"Codings of {parent}: {', '.join(elements)}.",
        columns=(
            *KEY_COLUMNS,
            Column("resource_key", "text", "The resource that holds the coding.", required=True),
            Column("element", "text", "Which element holds the coding.", required=True, values=elements),
            Column("system", "text", "Code system URI."),
            Column("code", "text", "The code."),
        ),
        parent=(parent, ("patient_key", "resource_key")),
    )


PATIENT = Table(
    name="patient",
    description="People. `limited` is PHI: real birth dates, no names, no numbers.",
    columns=(
        *KEY_COLUMNS,
        *date_columns("birth", "the person's birth"),
        Column("sex", "text", "Administrative gender.", values=("male", "female", "other", "unknown")),
        Column("birth_sex", "text", "US Core birth sex.", values=("M", "F", "UNK", "ASKU", "OTH")),
        Column("gender_identity", "text", "US Core gender identity code."),
        Column("race", "text", "US Core race: OMB category code (first), or null."),
        Column("ethnicity", "text", "US Core ethnicity: OMB category code, or null."),
        Column("language", "text", "Preferred language (BCP 47)."),
        Column("zip5", "text", "ZIP code (limited zone only)."),
        Column("zip3", "text", "First three ZIP digits; in the safe-harbor zone 000 where few people live."),
        Column("state", "text", "State (two letters)."),
        Column("active", "boolean", "False when the record is inactive; null counts as active."),
        Column("deceased", "boolean", "True when recorded as deceased."),
        *date_columns("deceased", "the death"),
        Column("replaced_by_key", "text", "The surviving record when this one was merged away."),
        Column("clinic_key", "text", "Managing organization."),
        Column("clinician_key", "text", "General practitioner."),
    ),
    key=("patient_key",),
)

ENCOUNTER = Table(
    name="encounter",
    description="Visits and stays.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "Encounter.status."),
        Column("class_code", "text", "Encounter.class (AMB, IMP, EMER, VR, HH …)."),
        Column("clinician_key", "text", "The practitioner who took part; the first when there were several."),
        Column("clinic_key", "text", "The organization that gave the care."),
        *date_columns("start", "the start"),
        *date_columns("end", "the end"),
    ),
    key=("resource_key",),
)

CONDITION = Table(
    name="condition",
    description="Problems, diagnoses and encounter diagnoses.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("clinical_status", "text", "active, recurrence, relapse, inactive, remission, resolved."),
        Column("verification_status", "text", "confirmed, provisional, refuted, entered-in-error …"),
        Column("encounter_key", "text", "The encounter, when given."),
        *date_columns("onset", "the onset"),
        *date_columns("abatement", "the abatement"),
        *date_columns("recorded", "the recording"),
    ),
    key=("resource_key",),
)

OBSERVATION = Table(
    name="observation",
    description="Results, vital signs, answers and findings.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "Observation.status."),
        Column("encounter_key", "text", "The encounter, when given."),
        *date_columns("effective", "the observation"),
        Column("effective_at", "instant", "The instant, when written to the second."),
        Column("issued_at", "instant", "When the version was made available."),
        *VALUE_COLUMNS,
    ),
    key=("resource_key",),
)

OBSERVATION_COMPONENT = Table(
    name="observation_component",
    description="Components (systolic and diastolic pressure, survey items), one row each.",
    columns=(
        *KEY_COLUMNS,
        Column("resource_key", "text", "The Observation that holds the component.", required=True),
        Column("component_index", "integer", "Place in the list, from 0.", required=True),
        Column("code_system", "text", "System of the component's code (first coding)."),
        Column("code", "text", "The component's code (first coding)."),
        *VALUE_COLUMNS,
    ),
    key=("resource_key", "component_index"),
    parent=("observation", ("patient_key", "resource_key")),
)

MEDICATION_REQUEST = Table(
    name="medication_request",
    description="Prescriptions and recorded medications.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "MedicationRequest.status."),
        Column("intent", "text", "MedicationRequest.intent."),
        Column("do_not_perform", "boolean", "True when it says not to give."),
        *date_columns("authored", "the prescribing"),
        *date_columns("dispense_end", "the end of the supply (dispenseRequest.validityPeriod.end)"),
    ),
    key=("resource_key",),
)

IMMUNIZATION = Table(
    name="immunization",
    description="Vaccinations given or recorded.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "Immunization.status (completed, not-done, entered-in-error)."),
        *date_columns("occurrence", "the vaccination"),
    ),
    key=("resource_key",),
)

PROCEDURE = Table(
    name="procedure",
    description="Procedures done, under way or not done.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "Procedure.status."),
        *date_columns("performed", "the procedure (its end where a period was given)"),
    ),
    key=("resource_key",),
)

SERVICE_REQUEST = Table(
    name="service_request",
    description="Orders and referrals. Never evidence that care was given.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "ServiceRequest.status."),
        Column("intent", "text", "ServiceRequest.intent."),
        Column("do_not_perform", "boolean", "True when it says not to do."),
        *date_columns("authored", "the ordering"),
    ),
    key=("resource_key",),
)

DIAGNOSTIC_REPORT = Table(
    name="diagnostic_report",
    description="Reports of laboratory panels, imaging and pathology.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "DiagnosticReport.status."),
        *date_columns("effective", "the study"),
        Column("issued_at", "instant", "When the version was made available."),
    ),
    key=("resource_key",),
)

ALLERGY = Table(
    name="allergy",
    description="Allergies and intolerances.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("clinical_status", "text", "active, inactive, resolved."),
        Column("verification_status", "text", "confirmed, refuted, entered-in-error …"),
        Column("type", "text", "allergy or intolerance."),
        Column("criticality", "text", "low, high, unable-to-assess."),
        *date_columns("recorded", "the recording"),
    ),
    key=("resource_key",),
)

COVERAGE = Table(
    name="coverage",
    description="Insurance coverage.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "Coverage.status."),
        Column(
            "payer_type", "text", "Coverage.type: first code (Medicare, Medicaid, commercial, self-pay …)."
        ),
        Column("coverage_order", "integer", "Coverage.order: 1 pays first. Null when not recorded."),
        *date_columns("start", "the start of coverage"),
        *date_columns("end", "the end of coverage"),
    ),
    key=("resource_key",),
)

APPOINTMENT = Table(
    name="appointment",
    description="Booked visits.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "Appointment.status."),
        *date_columns("start", "the appointment"),
    ),
    key=("resource_key",),
)

FLAG = Table(
    name="flag",
    description="Alerts and panel statuses: opted out of outreach, transferred out.",
    columns=(
        *RESOURCE_COLUMNS,
        Column("status", "text", "Flag.status (active, inactive, entered-in-error)."),
        *date_columns("start", "the start"),
        *date_columns("end", "the end"),
    ),
    key=("resource_key",),
)

ENCOUNTER_CODING = coding_table("encounter", ("type", "reason", "discharge"))
CONDITION_CODING = coding_table("condition", ("code", "category"))
OBSERVATION_CODING = coding_table("observation", ("code", "category", "interpretation", "value"))
MEDICATION_REQUEST_CODING = coding_table("medication_request", ("medication",))
IMMUNIZATION_CODING = coding_table("immunization", ("vaccine",))
PROCEDURE_CODING = coding_table("procedure", ("code", "body_site"))
SERVICE_REQUEST_CODING = coding_table("service_request", ("code", "reason"))
DIAGNOSTIC_REPORT_CODING = coding_table("diagnostic_report", ("code", "category", "conclusion"))
ALLERGY_CODING = coding_table("allergy", ("code", "reaction"))
FLAG_CODING = coding_table("flag", ("code",))

FLAT_TABLES: tuple[Table, ...] = (
    PATIENT,
    ENCOUNTER,
    ENCOUNTER_CODING,
    CONDITION,
    CONDITION_CODING,
    OBSERVATION,
    OBSERVATION_CODING,
    OBSERVATION_COMPONENT,
    MEDICATION_REQUEST,
    MEDICATION_REQUEST_CODING,
    IMMUNIZATION,
    IMMUNIZATION_CODING,
    PROCEDURE,
    PROCEDURE_CODING,
    SERVICE_REQUEST,
    SERVICE_REQUEST_CODING,
    DIAGNOSTIC_REPORT,
    DIAGNOSTIC_REPORT_CODING,
    ALLERGY,
    ALLERGY_CODING,
    COVERAGE,
    APPOINTMENT,
    FLAG,
    FLAG_CODING,
)
