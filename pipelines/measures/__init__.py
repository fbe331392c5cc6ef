"""Measures: accountability over a period. Flat tables in, measure_results out: one row per person and measure.

Everybody who is not merged away has a row. The inactive, and those who died before the period, are outside the
initial population; those who died in it (or on an unknown day) are excluded, never counted as missed care.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import duckdb
import pyarrow as pa

from data_contracts.guidelines import definition
from data_contracts.guidelines.explain import explain_measure
from data_contracts.guidelines.facts import Facts, gather_facts
from data_contracts.guidelines.requirements import Requirements, requirements_of
from data_contracts.guidelines.rules import measure_rules
from data_contracts.guidelines.sql import empty_table, parsed
from data_contracts.tables.results import MEASURE_RESULTS
from pipelines.measures.period import Period, periods
from pipelines.measures.statements import MEASURES

__all__ = ["Period", "data_requirements", "evaluate", "explain"]

_INSERT = parsed(f"INSERT INTO {MEASURE_RESULTS.name} {MEASURES}")


def evaluate(
    connection: duckdb.DuckDBPyConnection,
    *,
    as_of: date,
    period: Period | None = None,
    only: Collection[str] | None = None,
    facts: Facts | None = None,
) -> None:
    """Creates measure_results in the connection, for the period of `as_of` or the one that is asked for.

    `only` limits the measures; `facts` are those already gathered in this connection. Raises NotFound for an unknown
    measure and BadRequest for a period that has not begun.
    """
    topics = None if only is None else frozenset(definition(topic).id for topic in only)
    chosen = periods(as_of, period)
    if facts is None:
        facts = gather_facts(connection, topics)
    facts.must_cover(topics)
    for name, table in measure_rules(topics).tables().items():
        connection.register(name, table)
    connection.register("measure_period", _period_table(chosen, as_of))
    empty_table(connection, MEASURE_RESULTS)
    connection.execute(_INSERT, {"as_of": as_of, "turns": period is None})


def _period_table(chosen: Mapping[str, Period], as_of: date) -> pa.Table:
    return pa.table(
        {
            "period": list(chosen),
            "begins": [period.begin for period in chosen.values()],
            "ends": [period.end for period in chosen.values()],
            "anchor": [min(period.end, as_of) for period in chosen.values()],
        }
    )


def data_requirements() -> Mapping[str, Requirements]:
    """Per measure: the resource types and codes that can change its answer."""
    return requirements_of(measure_rules)


def explain(topic: str, as_of: date) -> str:
    """The measure in words and as the SQL that runs for the period of that day, rules written out."""
    rules = measure_rules(frozenset((definition(topic).id,)))
    statement = MEASURES.replace("$turns", "TRUE")
    return explain_measure(topic, rules, statement, _period_table(periods(as_of, None), as_of), as_of)
