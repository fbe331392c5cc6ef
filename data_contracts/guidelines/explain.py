"""Says what an engine does for one topic: the pack in words, then the very SQL that runs, rules written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import pyarrow as pa

from data_contracts.guidelines import definition, guidelines
from data_contracts.guidelines.fact_sql import GATHER
from data_contracts.guidelines.pack import Pack
from data_contracts.guidelines.rules import Rules, Spans
from data_contracts.guidelines.sql import dated

_SQL_TYPES = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int32(): "INTEGER", pa.bool_(): "BOOLEAN"}


def explain_recommendation(topic: str, rules: Rules, statement: str, as_of: date | None) -> str:
    """The recommendation of a topic as a script. With `as_of` it runs as it stands; without, $as_of is left open."""
    pack = definition(topic)
    return "\n".join(
        (*_heading(pack), *_gathering(rules.tables()), _dated(statement.strip() + ";", as_of), "")
    )


def explain_measure(topic: str, rules: Rules, statement: str, spans: Spans, as_of: date | None) -> str:
    """The measure of a topic as a script, for the days of the periods that are handed in."""
    pack = definition(topic)
    lines = [
        *_heading(pack),
        f"-- Measure: {pack.measure.title}",
        f"-- Denominator: {pack.measure.denominator}",
        f"-- Numerator: {pack.measure.numerator}",
        *_gathering(rules.tables(spans)),
        _dated(statement.strip() + ";", as_of),
        "",
    ]
    return "\n".join(lines)


def _heading(pack: Pack) -> Iterator[str]:
    yield f"-- {pack.title} ({pack.id}, version {pack.version}, reviewed {pack.reviewed_on})"
    for line in pack.purpose.strip().splitlines():
        yield f"-- {line}"
    for population in pack.population:
        yield f"-- For: {population.words}"
    for name in pack.exclusions:
        yield f"-- Unless: {guidelines().exclusions[name].title}"
    for evidence in pack.evidence:
        yield f"-- Evidence: {evidence.title}, counts for {evidence.counts_for.words}"
    for abnormal in pack.abnormal:
        yield f"-- {abnormal.words}: follow-up within {abnormal.deadline_days} days"
    if pack.goal:
        yield f"-- Goal: {pack.goal.words}"


def _gathering(tables: Mapping[str, pa.Table]) -> Iterator[str]:
    yield "\n-- The rules of this topic, compiled from its pack."
    for name, table in tables.items():
        yield _written(name, table)
    yield "\n-- The facts they speak of."
    for name, select in GATHER.items():
        yield f"CREATE OR REPLACE TEMP TABLE {name} AS\n{select.strip()};"
    yield "\n-- The answer."


def _written(name: str, table: pa.Table) -> str:
    columns = ", ".join(table.column_names)
    nulls = ", ".join(f"CAST(NULL AS {_SQL_TYPES.get(field.type, 'DATE')})" for field in table.schema)
    rows = [f"  ({', '.join(_literal(value) for value in row.values())})" for row in table.to_pylist()]
    values = ",\n".join([*rows, f"  ({nulls})"])
    keep = f"WHERE {table.column_names[0]} IS NOT NULL"
    return (
        f"CREATE OR REPLACE TEMP TABLE {name} AS\n"
        f"SELECT * FROM (VALUES\n{values}\n) AS rule ({columns}) {keep};"
    )


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, date):
        return f"DATE '{value}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def _dated(statement: str, as_of: date | None) -> str:
    return statement if as_of is None else dated(statement, as_of)
