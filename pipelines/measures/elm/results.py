"""Results of official measures: a table of the `measure_results` contract, and FHIR MeasureReports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from data_contracts.tables.results import MEASURE_RESULTS
from pipelines.measures.elm.columns import Column
from pipelines.measures.elm.engine import Result, deep_enough
from pipelines.measures.elm.logic import truth
from pipelines.measures.elm.measure import Group, Measure
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.populations import GroupResult
from pipelines.measures.elm.scores import proportion, score_of

FLAGS = {
    "initial_population": ("initial-population",),
    "denominator": ("denominator", "measure-population"),
    "denominator_exclusion": ("denominator-exclusion", "measure-population-exclusion"),
    "denominator_exception": ("denominator-exception",),
    "numerator": ("numerator",),
}
"""Columns of the contract, and the populations that each one says."""
USAGE = "http://terminology.hl7.org/CodeSystem/measure-data-usage"
CRITERION = "http://hl7.org/fhir/us/davinci-deqm/StructureDefinition/extension-criteriaReference"
SYSTEM = "http://terminology.hl7.org/CodeSystem/measure-population"


@dataclass(frozen=True)
class Period:
    begin: date
    end: date


ARROW_TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "instant": pa.timestamp("us", "UTC"),
}
SCHEMA = pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in MEASURE_RESULTS.columns])


def measure_table(result: Result, keys: list[str], key_id: str, period: Period, as_of: date) -> pa.Table:
    """One row per patient and group, in the columns of `measure_results`. Evidence is left null.

    A measure with several groups has one id per group (`CMS137…#Group_2`). Of an encounter measure a flag says whether
    any encounter is counted. `exclusion_reason` names the definition that excluded or excepted.
    """
    measure = result.compiled.measure
    rows = len(keys)
    failed = np.zeros(rows, bool)
    for error in result.errors:
        failed[error.patients] = True
    tables = []
    for group in result.groups:
        flags = {name: _flag(group, codes, rows) & ~failed for name, codes in FLAGS.items()}
        name = measure.name if len(result.groups) == 1 else f"{measure.name}#{group.group.id}"
        same = {
            "key_id": key_id,
            "measure_id": name,
            "measure_version": measure.version,
            "period_begin": period.begin,
            "period_end": period.end,
            "as_of": as_of,
        }
        columns = {
            "patient_key": keys,
            "evaluable": ~failed,
            "not_evaluable_reason": np.where(failed, "run_time_error", None),
            "exclusion_reason": _reasons(result, group, rows),
            **flags,
        }
        tables.append(pa.table([_array(field, same, columns, rows) for field in SCHEMA], schema=SCHEMA))
    return pa.concat_tables(tables)


def _array(field: pa.Field, same: dict[str, Any], columns: dict[str, Any], rows: int) -> pa.Array:
    if field.name in same:
        return pa.repeat(pa.scalar(same[field.name], field.type), rows)
    if field.name in columns:
        return pa.array(columns[field.name], field.type)
    return pa.nulls(rows, field.type)


def _flag(group: GroupResult, codes: tuple[str, ...], rows: int) -> np.ndarray:
    values = np.zeros(rows, bool)
    for code in codes:
        for population in group.group.of(code):
            values[group.members[population.id].patients] = True
    return values


def _reasons(result: Result, group: GroupResult, rows: int) -> list[str | None]:
    """The definition that is true for those who are excluded or excepted: the first named part of the criterion."""
    reasons: list[str | None] = [None] * rows
    for code in ("denominator-exclusion", "denominator-exception", "measure-population-exclusion"):
        for population in group.group.of(code):
            members = group.members[population.id].patients
            for row in members:
                reasons[row] = reasons[row] or population.expression
            for name, values in _parts(result, result.compiled.criteria[group.group.id][population.id]):
                for row in members[values[members]]:
                    if reasons[row] == population.expression:
                        reasons[row] = name
    return reasons


def _parts(result: Result, node: Node) -> Iterator[tuple[str, np.ndarray]]:
    """The named definitions that are joined by `or` in a criterion, and for whom each is true."""
    named = result.compiled.program.named
    for part in _disjuncts(node):
        inner = part.args[0] if part.op == "Exists" else part
        name = named.get(part.number) or named.get(inner.number)
        if name:
            yield name.partition(".")[2], truth(result.run.patient_column(part)).values == 1


def _disjuncts(node: Node) -> list[Node]:
    return [part for arg in node.args for part in _disjuncts(arg)] if node.op == "Or" else [node]


Counts = Mapping[str, int]
"""By population id, and by `stratifier id/population id` within a stratum."""


def counts_of(group: GroupResult) -> dict[str, int]:
    """The members of a group's populations, and of each within each stratum."""
    counts = {name: len(one.patients) for name, one in group.members.items()}
    for stratifier in group.strata:
        for name in group.members:
            counts[f"{stratifier}/{name}"] = len(group.stratum(stratifier, name).patients)
    return counts


def summary_report(measure: Measure, counts: Mapping[str, Counts], period: Period) -> dict[str, Any]:
    """A MeasureReport of the whole population from counts per group."""
    groups = [_group_json(one, counts[one.id]) for one in measure.groups]
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
    """A MeasureReport of each patient of an initial population.

    Supplemental data goes with it as contained observations, each naming its criterion.
    """
    beside = supplemental(result)
    measure, rows = result.compiled.measure, len(keys)
    counts = [
        {name: members.counts(rows) for name, members in group.members.items()} for group in result.groups
    ]
    inside = np.zeros(rows, bool)
    for group in result.groups:
        inside |= _flag(group, FLAGS["initial_population"], rows)
    for row in np.flatnonzero(inside):
        groups = [
            {
                **_group_json(group.group, {name: int(each[row]) for name, each in of_group.items()}),
                **_observed_json(group, int(row)),
            }
            for group, of_group in zip(result.groups, counts, strict=True)
        ]
        subject = {"reference": f"Patient/{keys[row]}"}
        more = _supplements(result, beside, int(row))
        yield {**_report(measure, period, "individual"), **more, "subject": subject, "group": groups}


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


def _group_json(group: Group, counts: Counts) -> dict[str, Any]:
    strata = [
        {
            "id": one.id,
            "code": [{"text": one.expression or ", ".join(name for _, name in one.components)}],
            "stratum": [
                {"value": {"text": value}, **_counted(group, counts, f"{name}/")} for name, value in found
            ],
        }
        for one in group.stratifiers
        if (found := _strata(one.id, f"/{group.populations[0].id}", counts))
    ]
    return {"id": group.id, **_counted(group, counts), **({"stratifier": strata} if strata else {})}


def _strata(stratifier: str, population: str, counts: Counts) -> list[tuple[str, str]]:
    """(name, value) of each stratum that is counted."""
    named = sorted(key.removesuffix(population) for key in counts if key.endswith(population))
    by_value = [(name, name.partition("=")[2]) for name in named if name.startswith(f"{stratifier}=")]
    return by_value or [(name, "true") for name in named if name == stratifier]


def _observed_json(group: GroupResult, row: int) -> dict[str, Any]:
    """The score of one patient by what is observed of them; nothing where there is none."""
    score = score_of(group.group, {name: group.observed(name, row) for name in group.observations})
    return {} if score is None else {"measureScore": {"value": round(score, 6)}}


def _counted(group: Group, counts: Counts, prefix: str = "") -> dict[str, Any]:
    populations = [
        {
            "id": one.id,
            "code": {"coding": [{"system": SYSTEM, "code": one.code}]},
            "count": counts[prefix + one.id],
        }
        for one in group.populations
        if prefix + one.id in counts
    ]
    score = proportion(group, counts, prefix)
    return {
        "population": populations,
        **({} if score is None else {"measureScore": {"value": round(score, 6)}}),
    }
