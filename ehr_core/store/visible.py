"""Which rows an actor sees: the one condition that read, search, include, chain, _has and history all carry.

What it says is the chart policy's; row-level security in the database is the second wall behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from ehr_core.access.actor import Actor
from ehr_core.access.chart_policy import rows_open_to

NOBODY = Actor("nobody", "service", "Nobody", (), frozenset())
"""For who describes searches and runs none."""


@dataclass(frozen=True)
class Sight:
    """An actor at a door."""

    actor: Actor

    def rows(self, columns: Any) -> list[ColumnElement[bool]]:
        """The conditions on rows of a current or history table, or an alias of it; none for who sees all."""
        condition = rows_open_to(self.actor, columns.id.table)
        return [] if condition is None else [condition]
