"""Gathers the facts that guidelines speak of into one table: one row a fact and value set, whatever its resource.

Only what happened counts: final, amended or corrected results, completed procedures and vaccinations, confirmed
problems, encounters that took place. Orders, preliminary, not-done, entered-in-error and refuted facts never do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import duckdb
import pyarrow as pa

from data_contracts.guidelines.fact_sql import GATHER
from data_contracts.guidelines.rules import Rules, measure_rules, recommendation_rules
from data_contracts.workbench import Workbench, workbench
from ehr_core.kernel.errors import BadRequest

CODE_TABLES = ("rule_code", "rule_prefix", "rule_outcome")


@dataclass(frozen=True)
class Facts:
    """Says that the guideline_… tables stand there, for these topics (null: all)."""

    only: frozenset[str] | None

    def must_cover(self, only: frozenset[str] | None) -> None:
        """Raises BadRequest when facts were gathered for fewer topics than are asked for."""
        if self.only is not None and (only is None or not only <= self.only):
            raise BadRequest("The facts were gathered for other topics. Gather them again for these.")


@lru_cache(maxsize=64)
def code_tables(only: frozenset[str] | None) -> dict[str, pa.Table]:
    """The codes that the topics' recommendations and measures name, as Arrow tables."""
    rules = Rules()
    for name in CODE_TABLES:
        found = {
            **dict.fromkeys(recommendation_rules(only).rows[name]),
            **dict.fromkeys(measure_rules(only).rows[name]),
        }
        rules.rows[name] = list(found)
    tables = rules.tables()
    return {name: tables[name] for name in CODE_TABLES}


def gather_facts(place: duckdb.DuckDBPyConnection | Workbench, only: frozenset[str] | None = None) -> Facts:
    """Makes the tables of facts from the flat tables that stand there.

    Does not look at any as-of day: facts of the future are kept, because time will reach them.
    """
    tables = workbench(place)
    for name, table in code_tables(only).items():
        tables.lay(name, table)
    for name, select in GATHER.items():
        tables.make(name, select)
    return Facts(only)
