"""The checks of a table, as data: derived from its contract, and the ones that only data can tell.

Each check is an SQL condition that a good row meets, so that the same list runs as counts over any number of rows and
as a Great Expectations suite over a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from data_contracts.contract import Column, Table

Kind = Literal["not_null", "in_set", "between", "unique", "parent", "row"]

EARLIEST_YEAR = 1880
"""No living person's record has an event before: an earlier year is a typing error or a sentinel."""

LATEST_YEAR = 2200
"""Plans reach ahead by decades at most; a later year is a sentinel such as 9999."""


@dataclass(frozen=True)
class Check:
    """`good` is the condition of a good row (null for `unique` and `parent`, which look at the whole table)."""

    table: str
    column: str
    kind: Kind
    rule: str
    good: str | None = None
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    columns: tuple[str, ...] = ()


def checks_of(table: Table) -> list[Check]:
    """Every check of the table, the cheap ones first."""
    checks = [check for column in table.columns for check in _of_column(table, column)]
    if table.key:
        rule = f"is not unique with {', '.join(table.key[:-1])}" if len(table.key) > 1 else "is not unique"
        checks.append(Check(table.name, table.key[-1], "unique", rule, columns=table.key))
    if table.parent:
        parent, shared = table.parent
        rule = f"names a row of '{parent}' that is not there"
        checks.append(Check(table.name, shared[-1], "parent", rule, columns=shared, values=(parent,)))
    return checks + [
        Check(table.name, column, "row", rule, good)
        for column, rule, good in ONLY_DATA_TELLS.get(table.name, ())
    ]


def _of_column(table: Table, column: Column) -> Iterator[Check]:
    name = f'"{column.name}"'
    if column.required:
        yield Check(table.name, column.name, "not_null", "is missing", f"{name} IS NOT NULL")
    if column.values:
        listed = ", ".join("'" + value.replace("'", "''") + "'" for value in column.values)
        good = f"{name} IS NULL OR {name} IN ({listed})"
        yield Check(table.name, column.name, "in_set", "holds an unlisted word", good, values=column.values)
    if column.low is not None or column.high is not None:
        bounds = [
            f"{name} >= {column.low}" if column.low is not None else "true",
            f"{name} <= {column.high}" if column.high is not None else "true",
        ]
        good = f"{name} IS NULL OR ({' AND '.join(bounds)})"
        yield Check(
            table.name, column.name, "between", "is out of its range", good, low=column.low, high=column.high
        )
    if column.name.endswith("_low") and column.type == "date":
        yield from _of_date(table, column.name.removesuffix("_low"))


def _of_date(table: Table, stem: str) -> Iterator[Check]:
    low, high = f'"{stem}_low"', f'"{stem}_high"'
    yield Check(
        table.name,
        f"{stem}_low",
        "row",
        f"lies before {EARLIEST_YEAR} or after {LATEST_YEAR}",
        f"{low} IS NULL OR year({low}) BETWEEN {EARLIEST_YEAR} AND {LATEST_YEAR}",
    )
    if f"{stem}_high" in table.by_name:
        yield Check(
            table.name,
            f"{stem}_low",
            "row",
            "lies after its upper bound",
            f"{low} IS NULL OR {high} IS NULL OR {low} <= {high}",
        )


_EVIDENCE_WHOLE = (
    "evidence_key",
    "has a type without a key or a key without a type",
    "(evidence_type IS NULL) = (evidence_key IS NULL)",
)
_EVIDENCE_NOT_AHEAD = (
    "evidence_on",
    "lies after the as-of day",
    "evidence_on IS NULL OR evidence_on <= as_of",
)
_CHANGE_AHEAD = (
    "next_change_on",
    "does not lie after the as-of day",
    "next_change_on IS NULL OR next_change_on > as_of",
)

ONLY_DATA_TELLS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "recommendation_results": (
        _EVIDENCE_WHOLE,
        _EVIDENCE_NOT_AHEAD,
        _CHANGE_AHEAD,
        (
            "evidence_on",
            "is missing for an answer that rests on evidence",
            "status NOT IN ('above_goal', 'follow_up_due') OR evidence_on IS NOT NULL",
        ),
    ),
    "measure_results": (
        _EVIDENCE_WHOLE,
        _EVIDENCE_NOT_AHEAD,
        _CHANGE_AHEAD,
        ("period_begin", "does not lie before its end", "period_begin < period_end"),
        (
            "numerator",
            "is true for somebody who is excluded, excepted or not in the denominator",
            "NOT numerator OR (denominator AND NOT denominator_exclusion AND NOT denominator_exception)",
        ),
        (
            "denominator",
            "is true for somebody outside the initial population",
            "NOT denominator OR initial_population",
        ),
        (
            "not_evaluable_reason",
            "does not go with evaluable",
            "evaluable = (not_evaluable_reason IS NULL)",
        ),
    ),
    "care_gaps": (
        _EVIDENCE_WHOLE,
        _EVIDENCE_NOT_AHEAD,
        _CHANGE_AHEAD,
        (
            "evidence_key",
            "is missing for a closed gap",
            "computed_status <> 'closed' OR evidence_key IS NOT NULL",
        ),
        (
            "gap_kind",
            "does not go with the status",
            "(computed_status = 'open') = (gap_kind <> 'none')",
        ),
    ),
    "patient_strata": (_CHANGE_AHEAD,),
}
"""(column, rule, condition of a good row) that no contract can state."""
