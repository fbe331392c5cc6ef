"""Tells the contracts as a page of the docs: a section a table, with the checks that it must pass."""

from __future__ import annotations

from collections.abc import Iterator

from data_contracts.contract import Column, Table
from data_contracts.expectations.catalog import queries_of, row_checks_of
from data_contracts.expectations.check import DIRT_ROWS, DIRT_SHARE
from data_contracts.expectations.rules import ruled_queries, ruled_row_checks
from data_contracts.tables import TABLES

HEAD = f"""# The tables that cross a door

Every table of the pipeline has a contract in `data_contracts/tables`. From it come the tables themselves, the checks
that each run makes before anything downstream is touched, and this page. "Required" means never null; everywhere else
null means *not known*, never zero and never no. Keys are pseudonyms. Days are in the site's time zone.

Each required column, listed value, bound, key and parent is checked over all rows; so are the rules under "Only the
data can tell" (`data_contracts/expectations/rules.toml`). Great Expectations reads a batch of each table by the same
checks. Rules marked *recorded* look at what people and outside systems wrote: up to {DIRT_ROWS} rows, or
{DIRT_SHARE:.0%} of the table when that is more, may fail and are logged. One row that fails another rule stops the run.

This page is written by `almoner reference tables`; a test holds it to the contracts.
"""
ZONES = {
    "limited": "`limited` zone (protected health information)",
    "safe_harbor": "`safe_harbor` zone",
    "results": "`results` zone (protected health information)",
}


def table_page() -> str:
    return "\n".join([HEAD, *(_section(table) for table in TABLES.values())])


def _section(table: Table) -> str:
    lines = [f"## {table.name}", "", table.description, "", f"- {ZONES[table.zone]}"]
    if table.key:
        lines.append(f"- one row for each {_code(table.key)}")
    if table.parent:
        parent, shared = table.parent
        lines.append(f"- each row belongs to a row of `{parent}` with the same {_code(shared)}")
    lines += ["", "| column | type | required | meaning |", "| --- | --- | --- | --- |"]
    lines += [_row(column) for column in table.columns]
    lines += _rules(table)
    return "\n".join(lines) + "\n"


def _row(column: Column) -> str:
    kind = f"{column.type}, {column.unit}" if column.unit else column.type
    meaning = column.description.replace("|", "\\|") + "".join(f" {limit}." for limit in _limits(column))
    return f"| `{column.name}` | {kind} | {'yes' if column.required else ''} | {meaning} |"


def _limits(column: Column) -> Iterator[str]:
    if column.values:
        yield f"One of {_code(column.values)}"
    if column.low is not None:
        yield f"At least {column.low:g}"
    if column.high is not None:
        yield f"At most {column.high:g}"


def _rules(table: Table) -> list[str]:
    own = {(check.column, check.should) for check in ruled_row_checks(table.name)}
    own |= {(query.column, query.should) for query in ruled_queries(table.name)}
    told = [
        f"- `{check.column}` should {check.should}{' (*recorded*)' if check.dirt else ''}"
        for check in row_checks_of(table.name)
        if (check.column, check.should) in own
    ]
    told += [
        f"- `{query.column}` should {query.should}"
        for query in queries_of(table.name)
        if (query.column, query.should) in own
    ]
    return ["", "Only the data can tell:", "", *told] if told else []


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
