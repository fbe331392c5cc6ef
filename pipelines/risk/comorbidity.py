"""Charlson and Elixhauser scores in ICD-10 by Quan's mapping, as `pycomorb` counts them, for all people at once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import polars as pl
from pycomorb import comorbidity

from pipelines.risk.people import Person
from pipelines.risk.scored import Scored

WEIGHTS = {"charlson": "charlson", "elixhauser": "van_walraven"}
TITLES = {"charlson": "Quan 2005, Charlson 1987", "elixhauser": "Quan 2005, van Walraven 2009"}
OF_AGE = ("Age Score", "Charlson Age-Comorbidity Score")
"""What the Charlson index adds for age, which is not counted here."""
SCORE = {"charlson": "Charlson Comorbidity Index", "elixhauser": "Elixhauser Comorbidity Index"}


def comorbidity_scores(people: Sequence[Person]) -> list[Scored]:
    """Somebody without any diagnosis in ICD-10 is unknown: that nothing is coded does not say that nothing is there."""
    coded = [one for one in people if one.codes]
    scores = [
        Scored(one, score, _version(score), "comorbidity", None, "no_coded_diagnosis")
        for one in people
        if not one.codes
        for score in WEIGHTS
    ]
    for score in WEIGHTS if coded else ():
        scores += _counted(score, coded)
    return scores


def _version(score: str) -> str:
    return f"{TITLES[score]}, pycomorb {version('pycomorb')}"


def _counted(score: str, people: Sequence[Person]) -> list[Scored]:
    rows = [(at, code, one.age or 0) for at, one in enumerate(people) for code in one.codes]
    table = pl.DataFrame(rows, schema={"id": pl.Int64, "code": pl.String, "age": pl.Int64}, orient="row")
    found = comorbidity(score, table, implementation="quan", weights=WEIGHTS[score], return_categories=True)
    categories = [name for name in found.columns if name not in ("id", "Age", SCORE[score], *OF_AGE)]
    version_ = _version(score)
    return [
        Scored(
            people[row["id"]],
            score,
            version_,
            "comorbidity",
            float(row[SCORE[score]]),
            None,
            ", ".join(name for name in categories if row[name]),
        )
        for row in found.iter_rows(named=True)
    ]
