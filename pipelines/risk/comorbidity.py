"""Charlson and Elixhauser scores in ICD-10 by Quan's mapping, as `pycomorb` counts them, for all people at once."""

from __future__ import annotations

from importlib.metadata import version

import polars as pl
from pycomorb import comorbidity

from data_contracts.workbench import Workbench
from pipelines.risk.scored import Scored, as_drivers, as_evidence, as_scores, frame

WEIGHTS = {"charlson": "charlson", "elixhauser": "van_walraven"}
TITLES = {"charlson": "Quan 2005, Charlson 1987", "elixhauser": "Quan 2005, van Walraven 2009"}
OF_AGE = ("Age Score", "Charlson Age-Comorbidity Score")
"""What the Charlson index adds for age, which is not counted here."""
SCORE = {"charlson": "Charlson Comorbidity Index", "elixhauser": "Elixhauser Comorbidity Index"}


def comorbidity_scores(tables: Workbench) -> list[Scored]:
    """Somebody without any diagnosis in ICD-10 is unknown: that nothing is coded does not say that nothing is there."""
    people = frame(tables, "risk_person").select("patient_key", "has_diagnosis")
    diagnoses = frame(tables, "risk_diagnosis").join(people, on="patient_key", how="semi")
    return [_scored(score, people, diagnoses) for score in WEIGHTS]


def _scored(score: str, people: pl.DataFrame, diagnoses: pl.DataFrame) -> Scored:
    counted = _counted(score, diagnoses.select(id="patient_key", code="code").unique())
    named = counted.rename({"id": "patient_key"})
    parts = _categories(score, counted)
    words = parts.group_by("id", maintain_order=True).agg(pl.col("part").str.join(", ").alias("parts"))
    rows = (
        people.join(named.select("patient_key", value=SCORE[score]), on="patient_key", how="left")
        .join(words.rename({"id": "patient_key"}), on="patient_key", how="left")
        .with_columns(
            unknown_reason=pl.when(~pl.col("has_diagnosis")).then(pl.lit("no_coded_diagnosis")),
        )
    )
    origin = f"{TITLES[score]}, pycomorb {version('pycomorb')}"
    return Scored(
        as_scores(rows, score, origin, "comorbidity"),
        as_drivers(_drivers(score, diagnoses, parts), score),
    )


def _counted(score: str, coded: pl.DataFrame) -> pl.DataFrame:
    """The library's table of (id, code): the score and a column a category. Age adds nothing."""
    table = coded.with_columns(age=pl.lit(0, dtype=pl.Int64))
    if table.is_empty():
        return pl.DataFrame(schema={"id": pl.String, SCORE[score]: pl.Int64})
    return comorbidity(score, table, implementation="quan", weights=WEIGHTS[score], return_categories=True)


def _categories(score: str, counted: pl.DataFrame) -> pl.DataFrame:
    """(id, part): the categories that count, in the library's order."""
    names = [name for name in counted.columns if name not in ("id", "Age", SCORE[score], *OF_AGE)]
    return (
        counted.unpivot(on=names, index="id", variable_name="part", value_name="counts")
        .filter(pl.col("counts").cast(pl.Int64, strict=False).fill_null(0) > 0)
        .select("id", "part")
    )


def _drivers(score: str, diagnoses: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Each diagnosis under the categories that count for its person. What a code belongs to is asked code by code."""
    codes = diagnoses.select(id="code", code="code").unique()
    belongs = _categories(score, _counted(score, codes)).rename({"id": "code"})
    return (
        diagnoses.join(belongs, on="code")
        .join(parts.rename({"id": "patient_key"}), on=["patient_key", "part"], how="semi")
        .unique(["patient_key", "part", "resource_key"])
        .pipe(as_evidence)
    )
