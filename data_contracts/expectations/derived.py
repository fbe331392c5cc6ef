"""The checks that follow from a table's contract: nothing here knows which table it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from data_contracts.contract import Column, Table
from data_contracts.expectations.check import Check, Query, literal

EARLIEST_DAY = datetime(1880, 1, 1)  # noqa: DTZ001 — a day, as pandas and DuckDB hold one
"""Nobody alive has an earlier event: such a date is a typing error or a sentinel."""

PSEUDONYM = "^[0-9a-f]{32}$"
"""The form of ehr_core.kernel.pseudonym. A key in another form could be an identifier that was never replaced."""


def row_checks(table: Table, recorded: frozenset[str]) -> Iterator[Check]:
    """One row at a time: required, listed, bounded, pseudonymous, plausible days.

    `recorded` are the columns whose words come from the record itself, so that some may be wrong. Keys that a child
    shares with its parent are looked at there.
    """
    for column in table.columns:
        yield from _of_column(table, column, column.name in recorded)
        if column.type == "date" and column.name.endswith("_low"):
            yield from _of_bounds(table, column.name.removesuffix("_low"))


def whole_table_checks(table: Table) -> Iterator[Query]:
    """Many rows at a time: the key is unique and the parent's row is there."""
    if table.key:
        yield unique_key(table)
    if table.parent:
        yield parent_exists(table.name, *table.parent)


def sample_key(table: Table) -> str:
    """The pseudonym that names a row in a breach; of a table about no person, what comes first in its key."""
    named = [name for name in ("resource_key", "patient_key", *table.key) if name in table.by_name]
    return named[0]


def parent_exists(child: str, parent: str, shared: tuple[str, ...]) -> Query:
    """Compared by 64-bit hash of the shared columns, which is several times faster over millions of rows.

    That an orphan hides behind a collision is less likely than one in a hundred million million.
    """
    of_child, of_parent = (
        f"hash({', '.join(f'{name}.{column}' for column in shared)})" for name in ("child", "parent")
    )
    failing = (
        f'SELECT child.{shared[-1]} AS key, 1 AS rows FROM "{child}" AS child '
        f'ANTI JOIN (SELECT {of_parent} AS found FROM "{parent}" AS parent) AS known ON {of_child} = known.found'
    )
    should = f"name a row of {parent} that is there"
    return Query(child, shared[-1], should, failing, (child, parent))


def unique_key(table: Table) -> Query:
    """Only rows whose hash is not alone are compared: several times faster where, as always, none is."""
    columns = ", ".join(f'"{name}"' for name in table.key)
    hashed = f"hash({columns})"
    failing = (
        f'SELECT any_value("{sample_key(table)}") AS key, count(*) AS rows FROM "{table.name}" '
        f'WHERE {hashed} IN (SELECT {hashed} FROM "{table.name}" GROUP BY {hashed} HAVING count(*) > 1) '
        f"GROUP BY {columns} HAVING count(*) > 1"
    )
    with_others = f" together with {', '.join(table.key[:-1])}" if len(table.key) > 1 else ""
    one = len(table.key) == 1
    return Query(
        table.name,
        table.key[-1],
        f"be unique{with_others}",
        failing,
        (table.name,),
        "ExpectColumnValuesToBeUnique" if one else "ExpectCompoundColumnsToBeUnique",
        {"column": table.key[0]} if one else {"column_list": list(table.key)},
    )


def _of_column(table: Table, column: Column, recorded: bool) -> Iterator[Check]:
    name = f'"{column.name}"'
    place = (table.name, column.name)
    uses = (column.name,)
    about = {"column": column.name}
    if column.required:
        yield Check(*place, "be present", f"{name} IS NULL", uses, "ExpectColumnValuesToNotBeNull", about)
    if column.values:
        listed = ", ".join(map(literal, column.values))
        yield Check(
            *place,
            "be one of its listed values",
            f"{name} NOT IN ({listed})",
            uses,
            "ExpectColumnValuesToBeInSet",
            about | {"value_set": list(column.values)},
            dirt=recorded,
        )
    if column.low is not None or column.high is not None:
        yield _bounded(table, column)
    if column.name.endswith("_key") and not (table.parent and column.name in table.parent[1]):
        yield Check(
            *place,
            "be a pseudonym",
            f"NOT regexp_matches({name}, {literal(PSEUDONYM)})",
            uses,
            "ExpectColumnValuesToMatchRegex",
            about | {"regex": PSEUDONYM},
        )


def _bounded(table: Table, column: Column) -> Check:
    low, high = column.low, column.high
    outside = [f'"{column.name}" < {low!r}'] if low is not None else []
    outside += [f'"{column.name}" > {high!r}'] if high is not None else []
    words = [f"at least {low:g}"] if low is not None else []
    words += [f"at most {high:g}"] if high is not None else []
    return Check(
        table.name,
        column.name,
        f"be {' and '.join(words)}",
        " OR ".join(outside),
        (column.name,),
        "ExpectColumnValuesToBeBetween",
        {"column": column.name, "min_value": low, "max_value": high},
    )


def _of_bounds(table: Table, stem: str) -> Iterator[Check]:
    low, high = f"{stem}_low", f"{stem}_high"
    yield Check(
        table.name,
        low,
        f"not lie before {EARLIEST_DAY.year}",
        f"\"{low}\" < DATE '{EARLIEST_DAY:%Y-%m-%d}'",
        (low,),
        "ExpectColumnValuesToBeBetween",
        {"column": low, "min_value": EARLIEST_DAY},
        dirt=True,
    )
    if high in table.by_name:
        yield Check(
            table.name,
            low,
            f"not lie after {high}",
            f'"{low}" > "{high}"',
            (low, high),
            "ExpectColumnPairValuesAToBeGreaterThanB",
            {
                "column_A": high,
                "column_B": low,
                "or_equal": True,
                "ignore_row_if": "either_value_is_missing",
            },
        )
