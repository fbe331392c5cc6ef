"""The same checks as a Great Expectations suite over a pandas batch. Imported only when a suite is run (3 s)."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pandas as pd

from data_contracts.contract import Table
from data_contracts.expectations.breach import SAMPLE_KEYS, Breach
from data_contracts.expectations.checks import Check, checks_of

WORDS = {
    "expect_column_values_to_not_be_null": "is missing",
    "expect_column_values_to_be_in_set": "holds an unlisted word",
    "expect_column_values_to_be_between": "is out of its range",
    "expect_compound_columns_to_be_unique": "is not unique",
    "expect_column_values_to_be_unique": "is not unique",
    "expect_table_columns_to_match_set": "does not have the contract's columns",
}


def suite_of(table: Table) -> Any:
    """The contract's suite (an ExpectationSuite): columns, required values, closed lists, ranges, the key."""
    gx, expectations = _library()
    made = [expectations.ExpectTableColumnsToMatchSet(column_set=table.column_names, exact_match=True)]
    made += [found for check in checks_of(table) if (found := _expectation(expectations, check))]
    return gx.ExpectationSuite(name=table.name, expectations=made)


def validate_batch(frame: pd.DataFrame, table: Table) -> list[Breach]:
    """Runs the suite over one batch; the breaches name column, rule, count and sample keys, never a value."""
    gx, _ = _library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("batch").add_dataframe_asset(table.name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    keys = list(table.key or ("patient_key",))
    result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": keys}
    validated = batch.validate(suite_of(table), result_format=result_format)
    return [_breach(table, result, keys) for result in validated.results if not result.success]


def _expectation(expectations: Any, check: Check) -> Any:
    if check.kind == "not_null":
        return expectations.ExpectColumnValuesToNotBeNull(column=check.column)
    if check.kind == "in_set":
        return expectations.ExpectColumnValuesToBeInSet(column=check.column, value_set=list(check.values))
    if check.kind == "between":
        return expectations.ExpectColumnValuesToBeBetween(
            column=check.column, min_value=check.low, max_value=check.high
        )
    if check.kind == "unique" and len(check.columns) > 1:
        return expectations.ExpectCompoundColumnsToBeUnique(column_list=list(check.columns))
    if check.kind == "unique":
        return expectations.ExpectColumnValuesToBeUnique(column=check.column)
    return None


def _breach(table: Table, result: Any, keys: list[str]) -> Breach:
    config = result.expectation_config
    column = config.kwargs.get("column") or ", ".join(config.kwargs.get("column_list", ())) or "*"
    rows = result.result.get("unexpected_index_list") or []
    samples = tuple("/".join(str(row.get(key)) for key in keys) for row in rows[:SAMPLE_KEYS])
    rule = WORDS.get(config.type, config.type.replace("_", " "))
    return Breach(table.name, column, rule, int(result.result.get("unexpected_count") or 0), samples)


@cache
def _library() -> tuple[Any, Any]:
    """The library with its telemetry off: nothing leaves the machine."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.expectations as expectations

    return gx, expectations
