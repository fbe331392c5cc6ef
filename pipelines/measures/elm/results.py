"""Results of official measures as a table, in the columns of the `measure_results` contract and two more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from data_contracts.tables.official import OFFICIAL_RESULTS
from pipelines.measures.elm.engine import Result
from pipelines.measures.elm.logic import truth
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.populations import GroupResult

FLAGS = {
    "initial_population": ("initial-population",),
    "denominator": ("denominator", "measure-population"),
    "denominator_exclusion": ("denominator-exclusion", "measure-population-exclusion"),
    "denominator_exception": ("denominator-exception",),
    "numerator": ("numerator",),
}
"""Columns of the contract, and the populations that each one says."""


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
SCHEMA = pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in OFFICIAL_RESULTS.columns])


def measure_table(result: Result, keys: list[str], key_id: str, period: Period, as_of: date) -> pa.Table:
    """One row per patient and group, in the columns of `official_results`. Evidence is left null.

    A measure with several groups has one id per group (`CMS137…#Group_2`). Of an encounter measure a flag says whether
    any encounter is counted. `exclusion_reason` names the definition that excluded or excepted. `population_counts`
    is said only of groups that observe something: it holds the values that the score is made of.
    """
    measure = result.compiled.measure
    rows, failed = len(keys), result.failed()
    tables = []
    for group in result.groups:
        flags = {name: members_flag(group, codes, rows) & ~failed for name, codes in FLAGS.items()}
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
        if group.observations:
            said = detailed_counts(group, rows)
            columns["population_counts"] = [None if failed[row] else said.get(row) for row in range(rows)]
        tables.append(pa.table([_array(field, same, columns, rows) for field in SCHEMA], schema=SCHEMA))
    return pa.concat_tables(tables)


def _array(field: pa.Field, same: dict[str, Any], columns: dict[str, Any], rows: int) -> pa.Array:
    if field.name in same:
        return pa.repeat(pa.scalar(same[field.name], field.type), rows)
    if field.name in columns:
        return pa.array(columns[field.name], field.type)
    return pa.nulls(rows, field.type)


def members_flag(group: GroupResult, codes: Sequence[str], rows: int) -> np.ndarray:
    """Masks the patient rows that are in any of the group's populations with these codes."""
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


def detailed_counts(group: GroupResult, rows: int) -> dict[int, str]:
    """What the flags do not say, as JSON by patient row: members by population id, and of each within a stratum
    (`stratum/population`), and what was observed, sorted (`observed/observation`, `observed/stratum/observation`).
    """
    counts: dict[int, dict[str, Any]] = {}
    members = dict(group.members)
    for stratum in group.strata:
        members |= {f"{stratum}/{name}": group.stratum(stratum, name) for name in group.members}
    for name, one in members.items():
        per_patient = one.counts(rows)
        for row in np.flatnonzero(per_patient).tolist():
            counts.setdefault(row, {})[name] = int(per_patient[row])
    for name in group.observations:
        for stratum in ("", *group.strata):
            key = f"observed/{stratum}/{name}" if stratum else f"observed/{name}"
            patients, values = group.observed_in(name, stratum)
            for row, value in zip(patients.tolist(), values.tolist(), strict=True):
                if value == value:
                    counts.setdefault(row, {}).setdefault(key, []).append(value)
    return {
        row: orjson.dumps(
            {k: sorted(v) if isinstance(v, list) else v for k, v in sorted(one.items())}
        ).decode()
        for row, one in counts.items()
    }
