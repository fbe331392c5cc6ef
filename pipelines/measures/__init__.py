"""Measures: accountability over a period. Flat tables in, measure_results out: one row per person and measure.

Everybody who is not merged away has a row. The inactive, and those who died before the period, are outside the
initial population; those who died in it (or on an unknown day) are excluded, never counted as missed care.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import duckdb

from data_contracts.guidelines import definition
from data_contracts.guidelines.explain import explain_measure
from data_contracts.guidelines.facts import Facts, gather_facts
from data_contracts.guidelines.requirements import Requirements, requirements_of
from data_contracts.guidelines.rules import Spans, measure_rules
from data_contracts.guidelines.sql import dated
from data_contracts.tables.results import MEASURE_RESULTS
from data_contracts.workbench import Workbench, workbench
from pipelines.measures.period import Period, periods
from pipelines.measures.statements import MEASURES

__all__ = ["Period", "data_requirements", "evaluate", "explain"]


def evaluate(
    place: duckdb.DuckDBPyConnection | Workbench,
    *,
    as_of: date,
    period: Period | None = None,
    only: Collection[str] | None = None,
    facts: Facts | None = None,
) -> None:
    """Makes measure_results there, for the period of `as_of` or the one that is asked for.

    `only` limits the measures; `facts` are those already gathered there. Raises NotFound for an unknown
    measure and BadRequest for a period that has not begun.
    """
    topics = None if only is None else frozenset(definition(topic).id for topic in only)
    chosen = periods(as_of, period)
    if facts is None:
        facts = gather_facts(place, topics)
    facts.must_cover(topics)
    tables = workbench(place)
    for name, table in measure_rules(topics).tables(_spans(chosen, as_of)).items():
        tables.lay(name, table)
    tables.make(MEASURE_RESULTS.name, dated(_turning(period is None), as_of), MEASURE_RESULTS)


def _turning(turns: bool) -> str:
    """The measures of a period that the next one follows by itself, or of the one that was asked for."""
    return MEASURES.replace("$turns", str(turns).upper())


def _spans(chosen: Mapping[str, Period], as_of: date) -> Spans:
    return tuple(
        (name, period.begin, period.end, min(period.end, as_of)) for name, period in sorted(chosen.items())
    )


def data_requirements() -> Mapping[str, Requirements]:
    """Per measure: the resource types and codes that can change its answer."""
    return requirements_of(measure_rules)


def explain(topic: str, as_of: date) -> str:
    """The measure in words and as the SQL that runs for the period of that day, rules written out."""
    rules = measure_rules(frozenset((definition(topic).id,)))
    return explain_measure(topic, rules, _turning(True), _spans(periods(as_of, None), as_of), as_of)
