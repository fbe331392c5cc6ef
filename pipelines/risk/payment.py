"""CMS-HCC scores, V24 and V28, as `hccinfhir` counts them: what a Medicare Advantage plan is paid for a person.

An estimate from the chart: it takes the diagnoses that stand on the day. CMS counts those that visits of the year
before have documented, and adjusts for coding and for the plans' average.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

import polars as pl
import pyarrow as pa
from hccinfhir import Demographics, HCCInFHIR

from data_contracts.workbench import Workbench
from pipelines.risk.scored import Scored, as_drivers, as_evidence, as_scores, frame

MODELS = {"hcc_v24": "CMS-HCC Model V24", "hcc_v28": "CMS-HCC Model V28"}
SEX = {"female": "F", "male": "M"}

REASON = """CASE WHEN NOT in_medicare THEN 'not_in_medicare' WHEN age IS NULL THEN 'no_birth_date'
  WHEN coalesce(sex, '') NOT IN ('female', 'male') THEN 'no_sex' WHEN NOT has_diagnosis THEN 'no_coded_diagnosis' END"""
"""Why there is no score. Without any diagnosis it is the one of age and sex, which is no care need at all."""

PROFILES = f"""
SELECT age, sex, codes, row_number() OVER () AS profile, list(patient_key) AS people FROM (
  SELECT p.patient_key, p.age, p.sex, list(DISTINCT d.code ORDER BY d.code) FILTER (d.code IS NOT NULL) AS codes
  FROM risk_person p LEFT JOIN (
    SELECT patient_key, code FROM risk_diagnosis SEMI JOIN risk_payment_code USING (code)) AS d USING (patient_key)
  WHERE ({REASON}) IS NULL GROUP BY ALL
) GROUP BY age, sex, codes
"""
"""The library counts one person at a time: people alike in age, sex and diagnoses with a category are counted once."""
TABLES = {
    "risk_insured": f"SELECT patient_key, {REASON} AS unknown_reason FROM risk_person",
    "risk_profile": PROFILES,
}


@cache
def _model(name: str) -> HCCInFHIR:
    return HCCInFHIR(model_name=name)


def hcc_scores(tables: Workbench) -> list[Scored]:
    tables.lay("risk_payment_code", _code_table())
    for name, select in TABLES.items():
        tables.make(name, select)
    people, profiles, diagnoses = (
        frame(tables, name) for name in ("risk_insured", "risk_profile", "risk_diagnosis")
    )
    return [_scored(score, name, people, profiles, diagnoses) for score, name in MODELS.items()]


def _scored(
    score: str, name: str, people: pl.DataFrame, profiles: pl.DataFrame, diagnoses: pl.DataFrame
) -> Scored:
    counted, belongs = [], []
    for one in profiles.iter_rows(named=True):
        about = Demographics(age=one["age"], sex=SEX[one["sex"]])
        found = _model(name).calculate_from_diagnosis(one["codes"] or [], about)
        kept = sorted(found.hcc_list, key=int)
        parts = ", ".join(f"HCC {category}" for category in kept)
        counted.append((one["profile"], round(found.risk_score, 3), parts))
        belongs += [
            (one["profile"], f"HCC {category}", code)
            for category in kept
            for code in found.cc_to_dx.get(category, ())
        ]
    whose = profiles.select("profile", patient_key="people").explode("patient_key")
    values = whose.join(_frame(counted, ("profile", "value", "parts")), on="profile")
    behind = whose.join(_frame(belongs, ("profile", "part", "code")), on="profile")
    rows = people.join(values, on="patient_key", how="left")
    return Scored(
        as_scores(rows, score, f"{name}, hccinfhir {version('hccinfhir')}", "payment"),
        as_drivers(_drivers(diagnoses, behind), score),
    )


def _frame(rows: list[tuple], names: tuple[str, ...]) -> pl.DataFrame:
    kinds = {"profile": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema={name: kinds.get(name, pl.String) for name in names}, orient="row")


def _drivers(diagnoses: pl.DataFrame, behind: pl.DataFrame) -> pl.DataFrame:
    return (
        diagnoses.join(behind, on=["patient_key", "code"])
        .unique(["patient_key", "part", "resource_key"])
        .pipe(as_evidence)
    )


@cache
def codes_that_count() -> frozenset[str]:
    """Every diagnosis that either model maps to a category, written without a dot."""
    return frozenset(
        code for name in MODELS.values() for code, model in _model(name).dx_to_cc_mapping if model == name
    )


@cache
def _code_table() -> pa.Table:
    return pa.table({"code": sorted(codes_that_count())})
