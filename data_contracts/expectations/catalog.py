"""All checks of a table: those of its contract, then those of rules.toml."""

from __future__ import annotations

from functools import cache

from data_contracts.contract import Table
from data_contracts.expectations.check import Check, Query
from data_contracts.expectations.derived import row_checks, whole_table_checks
from data_contracts.expectations.rules import recorded_columns, ruled_queries, ruled_row_checks
from data_contracts.tables import TABLES
from ehr_core.kernel.errors import NotFound


def contract(table_name: str) -> Table:
    """Raises NotFound naming the tables that there are."""
    if table_name not in TABLES:
        raise NotFound(f"There is no contract for a table '{table_name}'. Known: {', '.join(TABLES)}.")
    return TABLES[table_name]


@cache
def row_checks_of(table_name: str) -> tuple[Check, ...]:
    table = contract(table_name)
    return (*row_checks(table, recorded_columns(table_name)), *ruled_row_checks(table_name))


@cache
def queries_of(table_name: str) -> tuple[Query, ...]:
    return (*whole_table_checks(contract(table_name)), *ruled_queries(table_name))
