"""The same checks as a Great Expectations suite. The library takes seconds to import, so only a suite asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from data_contracts.contract import ColumnType, Table
from data_contracts.expectations.catalog import contract, queries_of, row_checks_of
from data_contracts.expectations.check import DIRT_SHARE, Check, When
from data_contracts.expectations.rules import day_offsets, day_parameter, days_from

if TYPE_CHECKING:
    import great_expectations as gx

PANDAS_TYPES: Mapping[ColumnType, list[str]] = {
    "integer": ["int64", "Int64Dtype"],
    "number": ["float64", "Float64Dtype"],
    "boolean": ["bool", "BooleanDtype"],
}
"""What DuckDB makes of a column in a pandas frame. Text, days and instants are left to the SQL reading: the library
does not know pandas' newer text type, and pandas has one type for days and instants."""


def expectation_suite(table_name: str) -> gx.ExpectationSuite:
    """The contract of a table as a suite for a pandas batch; `meta.column` and `meta.should` name each expectation.

    Expectations about days ask for parameters: see `suite_parameters`. Raises NotFound for an unknown table.
    """
    from great_expectations import ExpectationSuite

    table = contract(table_name)
    return ExpectationSuite(name=table_name, expectations=list(_expectations(table)))


def suite_parameters(table_name: str, as_of: date) -> dict[str, date]:
    """The days that the suite's expectations ask for, counted from `as_of`."""
    return {
        day_parameter(years): as_of + timedelta(days=days_from(years)) for years in day_offsets(table_name)
    }


def _expectations(table: Table) -> Iterator[Any]:
    yield _made(
        "ExpectTableColumnsToMatchSet",
        {"column_set": table.column_names, "exact_match": True},
        "*",
        "have the columns of its contract",
    )
    for column in table.columns:
        if column.type in PANDAS_TYPES:
            arguments = {"column": column.name, "type_list": PANDAS_TYPES[column.type]}
            yield _made(
                "ExpectColumnValuesToBeInTypeList",
                arguments,
                column.name,
                "be of the type that its contract says",
            )
    for check in row_checks_of(table.name):
        if check.expectation:
            yield _made(check.expectation, _arguments(check), check.column, check.should)
    for query in queries_of(table.name):
        if query.expectation:
            yield _made(query.expectation, query.arguments, query.column, query.should)


def _made(expectation: str, arguments: Mapping[str, Any], column: str, should: str) -> Any:
    import great_expectations.expectations as library

    return getattr(library, expectation)(**arguments, meta={"column": column, "should": should})


def _arguments(check: Check) -> dict[str, Any]:
    arguments = dict(check.arguments)
    if check.dirt:
        arguments["mostly"] = 1 - DIRT_SHARE
    if check.when:
        arguments["row_condition"] = _condition(check.when)
    return arguments


def _condition(when: When) -> Any:
    from great_expectations.expectations.row_conditions import Column

    column = Column(when.column)
    if not when.values:
        return column.is_not_null()
    return column == when.values[0] if len(when.values) == 1 else column.is_in(list(when.values))
