"""What the pipeline says: recommendations, measures and care gaps, one row per person and definition.

Every answer carries its evidence: which fact, of which day, with which value.
"""

from __future__ import annotations

from data_contracts.contract import KEY_COLUMNS, Column, Table

EVIDENCE_COLUMNS = (
    Column("evidence_type", "text", "FHIR type of the deciding fact; null when there is none."),
    Column(
        "evidence_key", "text", "Pseudonym of the deciding resource; resolved to an id only inside the core."
    ),
    Column(
        "evidence_on",
        "date",
        "Day of the deciding fact (site time zone); null when it was recorded without one.",
    ),
    Column("evidence_code_system", "text", "Code system of the deciding fact."),
    Column("evidence_code", "text", "Code of the deciding fact."),
    Column("evidence_value", "text", "Value with unit as words ('10.2 %', '152/94 mm[Hg]', 'positive')."),
    Column(
        "evidence_sensitivity", "text", "Strictest sensitivity label of any fact that the answer rests on."
    ),
)

RESTS_ALSO_ON = Column(
    "rests_also_on",
    "text",
    "Other facts that the answer rests on (docs/adr/0039): type/pseudonym/day, comma-separated; null when none.",
)

TIMING_COLUMNS = (
    Column("as_of", "date", "The day (site time zone) that the answer is for.", required=True),
    Column(
        "next_change_on", "date", "First day on which time alone would change this answer; null when never."
    ),
)

RECOMMENDATION_RESULTS = Table(
    name="recommendation_results",
    description="Is this care due for this person? Rolling interval, whole panel.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        Column("recommendation_id", "text", "Which recommendation.", required=True),
        Column("recommendation_version", "text", "Which version of it.", required=True),
        Column(
            "status",
            "text",
            "`due`, `follow_up_due`, `above_goal` want action; `not_applicable` is outside the population or season.",
            required=True,
            values=(
                "due",
                "above_goal",
                "follow_up_due",
                "up_to_date",
                "excluded",
                "not_applicable",
                "not_evaluable",
            ),
        ),
        Column(
            "reason_code",
            "text",
            "Why, as a code that the guideline pack puts into words: never_done, interval_lapsed, above_goal, "
            "abnormal_result, missing_part, no_therapy, done_in_interval, at_goal, on_therapy, followed_up, "
            "an exclusion's name, outside_age, out_of_season, no_condition, missing_birth_date, missing_sex …",
            required=True,
        ),
        Column("due_on", "date", "When it is or was due; null when it has never been done or is not due."),
        *EVIDENCE_COLUMNS,
        RESTS_ALSO_ON,
        *TIMING_COLUMNS,
    ),
    key=("patient_key", "recommendation_id"),
)

MEASURE_RESULTS = Table(
    name="measure_results",
    description="Accountability over a period: one row per person and measure, flags and evidence.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        Column("measure_id", "text", "Which measure.", required=True),
        Column("measure_version", "text", "Which version of it.", required=True),
        Column("period_begin", "date", "First day of the performance period.", required=True),
        Column("period_end", "date", "Last day of the performance period.", required=True),
        Column("evaluable", "boolean", "False: could not be judged; counted beside the rate.", required=True),
        Column(
            "not_evaluable_reason", "text", "Why not: missing_birth_date, imprecise_birth_date, missing_sex."
        ),
        Column("initial_population", "boolean", "In the initial population.", required=True),
        Column("denominator", "boolean", "In the denominator before exclusions.", required=True),
        Column("denominator_exclusion", "boolean", "Excluded from the denominator.", required=True),
        Column("denominator_exception", "boolean", "Excepted from the denominator.", required=True),
        Column("numerator", "boolean", "In the numerator (false when excluded or excepted).", required=True),
        Column("exclusion_reason", "text", "Which exclusion or exception applied."),
        *EVIDENCE_COLUMNS,
        RESTS_ALSO_ON,
        *TIMING_COLUMNS,
    ),
    key=("patient_key", "measure_id", "period_begin"),
)

CARE_GAPS = Table(
    name="care_gaps",
    description="Computed gaps, ready to be written back. Human and workflow state is added by the core, never here.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        Column(
            "source_kind", "text", "Where it comes from.", required=True, values=("recommendation", "measure")
        ),
        Column("source_id", "text", "Which recommendation or measure.", required=True),
        Column("source_version", "text", "Which version of it.", required=True),
        Column(
            "computed_status",
            "text",
            "open: care is due · closed: evidence meets it · excluded: a recorded exclusion applies · "
            "not_evaluable: could not be judged. People outside the population have no row.",
            required=True,
            values=("open", "closed", "excluded", "not_evaluable"),
        ),
        Column(
            "gap_kind",
            "text",
            "What kind of action it wants.",
            required=True,
            values=("due", "above_goal", "follow_up_due", "none"),
        ),
        Column("reason_code", "text", "As in recommendation_results.", required=True),
        Column("due_on", "date", "When it is or was due."),
        Column(
            "priority", "integer", "1 (first) to 5: follow-up of an abnormal result first.", low=1, high=5
        ),
        *EVIDENCE_COLUMNS,
        RESTS_ALSO_ON,
        *TIMING_COLUMNS,
    ),
    key=("patient_key", "source_kind", "source_id"),
)

PATIENT_STRATA = Table(
    name="patient_strata",
    description="By what a person is counted: one row per person. A value that is not recorded is null, never a guess.",
    zone="results",
    columns=(
        *KEY_COLUMNS,
        Column(
            "clinic_key", "text", "Managing organization; where none is recorded, the clinic of most visits."
        ),
        Column(
            "clinician_key",
            "text",
            "General practitioner; where none is recorded, the clinician of most visits.",
        ),
        Column("sex", "text", "Administrative gender."),
        Column(
            "age_band",
            "text",
            "Age on the as-of day.",
            values=("0-17", "18-44", "45-64", "65-74", "75+"),
            unit="years",
        ),
        Column("race", "text", "US Core race: OMB category code."),
        Column("ethnicity", "text", "US Core ethnicity: OMB category code."),
        Column(
            "payer",
            "text",
            "Type of the coverage that pays first on the as-of day: lowest order, then the one that began last.",
        ),
        Column("language", "text", "Preferred language (BCP 47)."),
        Column("as_of", "date", "The day (site time zone) that the answer is for.", required=True),
        Column(
            "next_change_on",
            "date",
            "First day on which time alone would change any answer about this person; null when never.",
        ),
    ),
    key=("patient_key",),
)

RESULT_TABLES: tuple[Table, ...] = (RECOMMENDATION_RESULTS, MEASURE_RESULTS, CARE_GAPS, PATIENT_STRATA)
