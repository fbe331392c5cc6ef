"""PREVENT, the ten-year risk of cardiovascular disease, of everybody by the formula that decision support uses.

For people of 30 to 79 years without known cardiovascular disease. What is not known is not guessed: the score is
unknown and says what is missing, too old, or beyond the values that the equation was made for.
"""

from __future__ import annotations

import polars as pl

from data_contracts.equations.arithmetic import Arithmetic
from data_contracts.equations.body_mass_index import kg_per_m2
from data_contracts.equations.coefficients import coefficients, ranges
from data_contracts.equations.kidney import ckd_epi_2021
from data_contracts.equations.prevent import prevent_percent
from data_contracts.workbench import Workbench
from pipelines.risk.prevent_inputs import MEASURED
from pipelines.risk.scored import Scored, as_drivers, as_scores, frame

SCORE = "prevent"
YEARS, OUTCOME = "years_10", "total_cvd"
SEXES = ("female", "male")
COLUMNS = Arithmetic(
    at_least=lambda column, low: column.clip(lower_bound=low),
    at_most=lambda column, high: column.clip(upper_bound=high),
    exp=lambda column: column.exp(),
)
"""The formula over columns of a Polars frame."""

INPUTS = """
SELECT person.patient_key, person.age, person.sex, {measured},
  coalesce(bool_or(p.topic = 'diabetes' AND p.active), FALSE)::DOUBLE AS diabetes,
  coalesce(bool_or(p.topic = 'cardiovascular'), FALSE) AS has_disease,
  coalesce(bool_or(p.topic = 'kidney_failure' AND p.active), FALSE)
    AND NOT coalesce(bool_or(p.topic = 'kidney_transplant' AND p.active), FALSE) AS kidneys_failed,
  coalesce(any_value(m.antihypertensive), FALSE)::DOUBLE AS antihypertensive,
  coalesce(any_value(m.statin), FALSE)::DOUBLE AS statin,
  coalesce(any_value(m.unidentified), FALSE) AS unidentified
FROM risk_person AS person
LEFT JOIN (SELECT patient_key, {pivoted} FROM risk_measured GROUP BY patient_key) AS v USING (patient_key)
LEFT JOIN risk_problem AS p USING (patient_key)
LEFT JOIN (SELECT patient_key, bool_or(topic = 'antihypertensive') AS antihypertensive,
    bool_or(topic = 'statin') AS statin, bool_or(NOT identified) AS unidentified
  FROM risk_medicine GROUP BY patient_key) AS m USING (patient_key)
GROUP BY person.patient_key, person.age, person.sex
"""
"""A value is null where it does not count any more; its day stays, to be told."""

WORDS = {
    "total_cholesterol": "total cholesterol",
    "hdl": "HDL cholesterol",
    "systolic": "systolic blood pressure",
    "body_mass_index": "body mass index",
    "egfr": "eGFR",
    "smoking": "current smoking (yes or no)",
    "antihypertensive": "treatment of blood pressure (yes or no)",
    "statin": "treatment with a statin (yes or no)",
}
RANGED = ("age", "total_cholesterol", "hdl", "systolic", "body_mass_index", "egfr")
"""Inputs with a range, in the order of the equation's file."""


def prevent_scores(tables: Workbench) -> Scored:
    names = (*MEASURED, "smoking")
    pivoted = ", ".join(
        f"max(value) FILTER (topic = '{one}' AND counts) AS {one}, "
        f"max(on_day) FILTER (topic = '{one}') AS {one}_on"
        for one in names
    )
    measured = ", ".join(f"any_value(v.{one}) AS {one}, any_value(v.{one}_on) AS {one}_on" for one in names)
    tables.make("risk_input", INPUTS.format(measured=measured, pivoted=pivoted))
    rows = (
        frame(tables, "risk_input")
        .with_columns(**_derived())
        .with_columns(_treated("antihypertensive"), _treated("statin"))
    )
    rows = rows.with_columns(missing=_missing(), unfit=_unfit())
    rows = rows.with_columns(unknown_reason=_reason())
    known = pl.col("unknown_reason").is_null()
    rows = rows.with_columns(
        value=pl.when(known).then(_percent()),
        unknown_words=_unknown_words(),
        parts=pl.when(known).then(pl.lit(", ".join(["age", "sex", *WORDS.values()]))),
    )
    model = coefficients(SCORE)
    version = f"{model['title']}, 10-year total CVD, {model['version']}"
    return Scored(
        as_scores(rows, SCORE, version, "cardiovascular"), as_drivers(_drivers(tables, rows), SCORE)
    )


def _derived() -> dict[str, pl.Expr]:
    """Inputs under the formula's names; body mass index and eGFR are made of what they are made of."""
    weight, height = (
        pl.when(pl.col(name).is_between(allowed.low, allowed.high)).then(pl.col(name))
        for name, allowed in zip(
            ("body_weight", "body_height"), ranges("body_mass_index", "index").values(), strict=True
        )
    )
    return {
        "hdl": pl.col("hdl_cholesterol"),
        "systolic": pl.col("systolic_blood_pressure"),
        "body_mass_index": kg_per_m2(weight, height),
        "by_creatinine": _creatinine_is_newer(),
        "egfr": pl.when("kidneys_failed")
        .then(0.0)
        .when(_creatinine_is_newer())
        .then(_egfr_of_creatinine())
        .otherwise(pl.col("egfr")),
    }


def _creatinine_is_newer() -> pl.Expr:
    return (pl.col("creatinine_on") >= pl.col("egfr_on")).fill_null(pl.col("egfr_on").is_null())


def _egfr_of_creatinine() -> pl.Expr:
    allowed = ranges("kidney", "ckd_epi_2021")
    creatinine = pl.col("creatinine")
    usable = creatinine.is_between(
        allowed["serum creatinine"].low, allowed["serum creatinine"].high
    ) & pl.col("age").is_between(allowed["age"].low, allowed["age"].high)
    return pl.when(usable).then(_by_sex(lambda sex: ckd_epi_2021(pl.col("age"), creatinine, sex, COLUMNS)))


def _by_sex(expression) -> pl.Expr:
    first, second = SEXES
    return (
        pl.when(pl.col("sex") == first)
        .then(expression(first))
        .when(pl.col("sex") == second)
        .then(expression(second))
    )


def _treated(name: str) -> pl.Expr:
    """Not known where a medicine could be one and is not identified."""
    return pl.when((pl.col(name) == 1) | ~pl.col("unidentified")).then(pl.col(name)).alias(name)


def _percent() -> pl.Expr:
    weights = coefficients(SCORE)[YEARS][OUTCOME]
    given = {
        name: pl.col(name).cast(pl.Float64)
        for name in (*RANGED, "diabetes", "smoking", "antihypertensive", "statin")
    }
    return _by_sex(lambda sex: prevent_percent(weights[sex], given, COLUMNS))


def _reason() -> pl.Expr:
    age = ranges(SCORE, YEARS)["age"]
    return (
        pl.when(pl.col("age").is_null())
        .then(pl.lit("no_birth_date"))
        .when(~pl.col("sex").is_in(SEXES).fill_null(value=False))
        .then(pl.lit("no_sex"))
        .when("has_disease")
        .then(pl.lit("known_cardiovascular_disease"))
        .when(~pl.col("age").is_between(age.low, age.high))
        .then(pl.lit("outside_age"))
        .when(pl.col("missing") != "")
        .then(pl.lit("missing_input"))
        .when(pl.col("unfit").is_not_null())
        .then(pl.lit("out_of_range"))
    )


def _unknown_words() -> pl.Expr:
    return (
        pl.when(pl.col("unknown_reason") == "missing_input")
        .then(pl.format("Not known: {}.", "missing"))
        .when(pl.col("unknown_reason").is_in(["out_of_range", "outside_age"]))
        .then(pl.col("unfit"))
    )


def _missing() -> pl.Expr:
    """What is not known, comma-separated; a value that is there and too old says of which day it is."""
    days = {
        "total_cholesterol": "total_cholesterol_on",
        "hdl": "hdl_cholesterol_on",
        "systolic": "systolic_blood_pressure_on",
        "egfr": pl.max_horizontal("egfr_on", "creatinine_on"),
        "smoking": "smoking_on",
    }
    return pl.concat_str(
        *(
            pl.when(pl.col(name).is_null()).then(
                pl.format("{} (of {} it does not count)", pl.lit(words), days[name]).fill_null(words)
                if name in days
                else pl.lit(words)
            )
            for name, words in WORDS.items()
        ),
        separator=", ",
        ignore_nulls=True,
    )


def _unfit() -> pl.Expr:
    """The first input beyond its range."""
    allowed = ranges(SCORE, YEARS)
    return pl.coalesce(
        *(
            pl.when(~pl.col(name).is_between(allowed[words].low, allowed[words].high)).then(
                pl.format(
                    "Made for {} of {}; here it is {} {}.",
                    pl.lit(words),
                    pl.lit(str(allowed[words])),
                    pl.col(name).cast(pl.Float64).round(1).cast(pl.String).str.strip_suffix(".0"),
                    pl.lit(allowed[words].unit),
                )
            )
            for name in RANGED
            for words in (WORDS.get(name, name),)
        )
    )


PARTS = {
    "total_cholesterol": "total cholesterol",
    "hdl_cholesterol": "HDL cholesterol",
    "systolic_blood_pressure": "systolic blood pressure",
    "body_weight": "body mass index",
    "body_height": "body mass index",
    "egfr": "eGFR",
    "creatinine": "eGFR",
    "smoking": "current smoking",
}
PROBLEM_PARTS = {
    "diabetes": "diabetes",
    "kidney_failure": "eGFR",
    "cardiovascular": "cardiovascular disease",
}
MEDICINE_PARTS = {"antihypertensive": "treatment of blood pressure", "statin": "treatment with a statin"}
EVIDENCE = {
    "resource_key": "evidence_key",
    "on_day": "evidence_on",
    "system": "evidence_code_system",
    "code": "evidence_code",
    "sensitivity": "evidence_sensitivity",
}


TOLD = pl.col("unknown_reason").is_null()
IN_VAIN = pl.col("unknown_reason").is_in(["missing_input", "out_of_range"])
"""Where the reason tells of a value or its day: what it tells of is a fact behind it, too."""
DISEASE = pl.col("unknown_reason") == "known_cardiovascular_disease"


def _drivers(tables: Workbench, rows: pl.DataFrame) -> pl.DataFrame:
    """The facts behind a risk that could be computed, and those by which it could not be: its reason tells of them."""
    about = rows.select("patient_key", "by_creatinine", "unknown_reason")
    measured, problems, medicines = (
        frame(tables, f"risk_{name}").join(about, on="patient_key")
        for name in ("measured", "problem", "medicine")
    )
    unused = pl.when("by_creatinine").then(pl.lit("egfr")).otherwise(pl.lit("creatinine"))
    topic = pl.col("topic")
    found = (
        measured.filter((TOLD & pl.col("counts") & (topic != unused)) | IN_VAIN).with_columns(
            part=topic.replace_strict(PARTS), evidence_type=pl.lit("Observation"), evidence_value=_figure()
        ),
        problems.filter(
            (TOLD & (topic == "diabetes") & pl.col("active"))
            | (IN_VAIN & (topic == "kidney_failure") & pl.col("active"))
            | (DISEASE & (topic == "cardiovascular"))
        ).with_columns(part=topic.replace_strict(PROBLEM_PARTS, default=None)),
        medicines.filter((TOLD & topic.is_not_null()) | (IN_VAIN & ~pl.col("identified"))).with_columns(
            part=topic.replace_strict(MEDICINE_PARTS, default="treatment (medicine not identified)"),
            evidence_type=pl.lit("MedicationRequest"),
        ),
    )
    return pl.concat([one.rename(EVIDENCE) for one in found], how="diagonal_relaxed").unique(
        ["patient_key", "part", "evidence_type", "evidence_key"]
    )


def _figure() -> pl.Expr:
    """The value as words, with the digits that its analyte has."""
    number = pl.col("value").round(2).cast(pl.String).str.strip_suffix(".0")
    return (
        pl.when(pl.col("topic") == "smoking")
        .then(pl.when(pl.col("value") == 1).then(pl.lit("yes")).otherwise(pl.lit("no")))
        .otherwise(pl.concat_str(number, pl.col("unit"), separator=" ", ignore_nulls=True))
    )
