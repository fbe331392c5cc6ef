"""One check of one table, as data: the SQL of a failing row, and the expectation that says the same of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DIRT_SHARE = 0.01
"""Of what people and outside systems record, this share may be wrong without stopping everybody's results."""

DIRT_ROWS = 25
"""And so many rows in any case: one mistyped date in a small clinic is not a broken pipeline."""


@dataclass(frozen=True)
class When:
    """The rows that an expectation is about: those whose column holds one of these values, or (none given) any."""

    column: str
    values: tuple[str | bool, ...] = ()

    @property
    def sql(self) -> str:
        if not self.values:
            return f'"{self.column}" IS NOT NULL'
        return f'"{self.column}" IN ({", ".join(map(literal, self.values))})'


@dataclass(frozen=True)
class Check:
    """`should` completes "the column should …". `fails` is true (not null) for a failing row; `$as_of` is the day.

    `uses` are the columns that `fails` reads. `expectation` is a Great Expectations class by name with its
    arguments; none when it cannot say the same. `dirt` checks what was recorded rather than what we made: some rows
    may fail (DIRT_SHARE, DIRT_ROWS).
    """

    table: str
    column: str
    should: str
    fails: str
    uses: tuple[str, ...]
    expectation: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    when: When | None = None
    dirt: bool = False

    def tolerated(self, rows: int) -> int:
        """How many of so many rows may fail."""
        return max(DIRT_ROWS, int(rows * DIRT_SHARE)) if self.dirt else 0


@dataclass(frozen=True)
class Query:
    """A check over more than one row or table: `failing` selects `key` and how many `rows` fail with it.

    `tables` are those it reads; where one of them is not in the connection the check is not run.
    """

    table: str
    column: str
    should: str
    failing: str
    tables: tuple[str, ...]
    expectation: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


def literal(value: str | bool | float) -> str:
    """A value of ours as SQL."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
