"""A bounded batch of a table through Great Expectations: a second reading of the contract by another engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb
import pandas as pd

from data_contracts.contract import Table
from data_contracts.expectations.breach import SAMPLE_KEYS, Breach
from data_contracts.expectations.catalog import row_checks_of
from data_contracts.expectations.derived import PSEUDONYM, sample_key
from data_contracts.expectations.suites import expectation_suite, suite_parameters

RESULT_ROWS = 5_000
FLAT_ROWS = 500
"""Rows of a batch. The SQL reading looks at every row; the batch is whole for small panels and a sample for large."""


def batch_of(connection: duckdb.DuckDBPyConnection, table: Table) -> pd.DataFrame:
    """The table's rows, or as many of them as a batch holds, taken at random with a fixed seed."""
    rows = RESULT_ROWS if table.zone == "results" else FLAT_ROWS
    return connection.execute(
        f'SELECT * FROM "{table.name}" USING SAMPLE reservoir({rows} ROWS) REPEATABLE (1)'
    ).df()


def batch_breaches(frame: pd.DataFrame, table: Table, *, as_of: date) -> list[Breach]:
    """What the suite finds in a batch. An expectation that cannot be evaluated is a breach, not a pass."""
    result = _batch(frame, table).validate(
        expectation_suite(table.name),
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": [sample_key(table)],
            "partial_unexpected_count": SAMPLE_KEYS,
        },
        expectation_parameters=_timestamps(suite_parameters(table.name, as_of)),
    )
    tolerated = {
        (check.column, check.should): check.tolerated(len(frame)) for check in row_checks_of(table.name)
    }
    found = [_breach(table, one, len(frame)) for one in result.results if not one.success]
    return [one for one in found if one.rows_failing > tolerated.get((one.column, one.expectation), -1)]


def _batch(frame: pd.DataFrame, table: Table) -> Any:
    """In a context of its own that lives in memory; the library has nothing to send, and is told so too."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("batch").add_dataframe_asset(table.name)
    return asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})


def _timestamps(days: Mapping[str, date]) -> dict[str, pd.Timestamp]:
    return {name: pd.Timestamp(day) for name, day in days.items()}


def _breach(table: Table, result: Any, rows: int) -> Breach:
    about = result.expectation_config.meta
    key = sample_key(table)
    failing = result.result.get("partial_unexpected_index_list") or []
    keys = pd.Series([str(row.get(key)) for row in failing], dtype="str")
    samples = tuple(sorted(set(keys[keys.str.match(PSEUDONYM)])))
    count = int(result.result.get("unexpected_count") or rows)
    return Breach(table.name, about["column"], about["should"], count, samples)
