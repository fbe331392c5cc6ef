"""FHIR MeasureReports of an evaluation: of a whole population from what was counted, and of each person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from data_contracts.measure_scores import not_evaluable_extension, score_quantity
from pipelines.measures.elm.columns import Column
from pipelines.measures.elm.counted import Counted, group_score
from pipelines.measures.elm.engine import Result, deep_enough
from pipelines.measures.elm.measure import Group, Measure
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.populations import GroupResult
from pipelines.measures.elm.results import Period, members_flag

USAGE = "http://terminology.hl7.org/CodeSystem/measure-data-usage"
CRITERION = "http://hl7.org/fhir/us/davinci-deqm/StructureDefinition/extension-criteriaReference"
SYSTEM = "http://terminology.hl7.org/CodeSystem/measure-population"


def summary_report(measure: Measure, counts: Mapping[str, Counted], period: Period) -> dict[str, Any]:
    """A MeasureReport of the whole population from what was counted per group; who could not be judged is told."""
    groups = [
        {**not_evaluable_extension(counts[one.id].not_evaluable), **_group_json(one, counts[one.id])}
        for one in measure.groups
    ]
    return {**_report(measure, period, "summary"), "group": groups}


def supplemental(result: Result) -> dict[str, Column]:
    """The measure's supplemental data and risk factors by id, a row per patient."""
    compiled = result.compiled
    with deep_enough():
        return {
            one.id: result.run.patient_column(compiled.program.definition(compiled.library, one.expression))
            for one in compiled.measure.supplemental
            if one.expression in compiled.library.expressions
        }


def individual_reports(result: Result, keys: list[str], period: Period) -> Iterator[dict[str, Any]]:
    """A MeasureReport of each patient of an initial population, and of those who could not be judged, in error.

    Supplemental data goes with it as contained observations, each naming its criterion.
    """
    beside, failed = supplemental(result), result.failed()
    measure, rows = result.compiled.measure, len(keys)
    counts = [
        {name: members.counts(rows) for name, members in group.members.items()} for group in result.groups
    ]
    inside = failed.copy()
    for group in result.groups:
        inside |= members_flag(group, ("initial-population",), rows)
    for row in map(int, np.flatnonzero(inside)):
        report = {
            **_report(measure, period, "individual"),
            "subject": {"reference": f"Patient/{keys[row]}"},
        }
        if failed[row]:
            yield {**report, "status": "error"}
            continue
        groups = [
            _group_json(group.group, _of_person(group, of_group, row))
            for group, of_group in zip(result.groups, counts, strict=True)
        ]
        yield {**report, **_supplements(result, beside, row), "group": groups}


def _of_person(group: GroupResult, counts: Mapping[str, np.ndarray], row: int) -> Counted:
    return Counted(
        Counter({name: int(each[row]) for name, each in counts.items()}),
        {
            name: [value for value in group.observed(name, row) if value == value]
            for name in group.observations
        },
    )


def _supplements(result: Result, columns: Mapping[str, Column], row: int) -> dict[str, Any]:
    contained, evaluated = [], []
    for one in result.compiled.measure.supplemental:
        value = plain(columns[one.id], row, result.run.texts) if one.id in columns else None
        if value is None or value == []:
            continue
        usage = "risk-adjustment-factor" if one.adjusts_risk else "supplemental-data"
        contained.append(
            {
                "resourceType": "Observation",
                "id": one.id,
                "status": "final",
                "code": {"coding": [{"system": USAGE, "code": usage}], "text": one.expression},
                "valueString": value if isinstance(value, str) else orjson.dumps(value).decode(),
            }
        )
        named = {"url": CRITERION, "valueString": one.id}
        evaluated.append({"extension": [named], "reference": f"#{one.id}"})
    return {"contained": contained, "evaluatedResource": evaluated} if contained else {}


def _report(measure: Measure, period: Period, kind: str) -> dict[str, Any]:
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": kind,
        "measure": f"{measure.url}|{measure.version}",
        "period": {"start": period.begin.isoformat(), "end": period.end.isoformat()},
    }


def _group_json(group: Group, counts: Counted) -> dict[str, Any]:
    strata = [
        {
            "id": one.id,
            "code": [{"text": one.expression or ", ".join(name for _, name in one.components)}],
            "stratum": [
                {"value": {"text": value}, **_counted(group, counts, f"{name}/")} for name, value in found
            ],
        }
        for one in group.stratifiers
        if (found := _strata(one.id, f"/{group.populations[0].id}", counts.members))
    ]
    return {"id": group.id, **_counted(group, counts), **({"stratifier": strata} if strata else {})}


def _strata(stratifier: str, population: str, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(name, value) of each stratum that is counted."""
    named = sorted(key.removesuffix(population) for key in counts if key.endswith(population))
    by_value = [(name, name.partition("=")[2]) for name in named if name.startswith(f"{stratifier}=")]
    return by_value or [(name, "true") for name in named if name == stratifier]


def _counted(group: Group, counts: Counted, prefix: str = "") -> dict[str, Any]:
    populations = [
        {
            "id": one.id,
            "code": {"coding": [{"system": SYSTEM, "code": one.code}]},
            "count": counts.members[prefix + one.id],
        }
        for one in group.populations
        if prefix + one.id in counts.members
    ]
    score = group_score(group, counts.members, counts.observed, prefix)
    return {"population": populations, **score_quantity(score, group.unit)}
