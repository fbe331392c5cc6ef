"""Recommendations: is this care due for this person today? Flat tables in, recommendation_results out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import duckdb

from data_contracts.guidelines import definition
from data_contracts.guidelines.explain import explain_recommendation
from data_contracts.guidelines.facts import Facts, gather_facts
from data_contracts.guidelines.requirements import Requirements, requirements_of
from data_contracts.guidelines.rules import recommendation_rules
from data_contracts.guidelines.sql import dated
from data_contracts.tables.results import RECOMMENDATION_RESULTS
from data_contracts.workbench import Workbench, workbench
from pipelines.recommendations.statements import RECOMMENDATIONS


def evaluate(
    place: duckdb.DuckDBPyConnection | Workbench,
    *,
    as_of: date,
    only: Collection[str] | None = None,
    facts: Facts | None = None,
) -> None:
    """Makes recommendation_results there: one row per living, active patient and topic.

    `only` limits the topics. `facts` are those already gathered there (data_contracts.guidelines.facts);
    without them they are gathered here. Raises NotFound for an unknown topic.
    """
    topics = None if only is None else frozenset(definition(topic).id for topic in only)
    if facts is None:
        facts = gather_facts(place, topics)
    facts.must_cover(topics)
    tables = workbench(place)
    for name, table in recommendation_rules(topics).tables().items():
        tables.lay(name, table)
    tables.make(RECOMMENDATION_RESULTS.name, dated(RECOMMENDATIONS, as_of), RECOMMENDATION_RESULTS)


def data_requirements() -> Mapping[str, Requirements]:
    """Per topic: the resource types and codes that can change its answer."""
    return requirements_of(recommendation_rules)


def explain(topic: str, as_of: date | None = None) -> str:
    """The recommendation in words and as the SQL that runs, rules written out. With a day it runs as it stands."""
    rules = recommendation_rules(frozenset((definition(topic).id,)))
    return explain_recommendation(topic, rules, RECOMMENDATIONS, as_of)
