"""Which rows an actor sees: the one condition that read, search, include, chain, _has and history all carry.

What it says is the chart policy's; row-level security in the database is the second wall behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_

from ehr_core.access.actor import Actor
from ehr_core.access.chart_policy import rows_open_to
from ehr_core.access.field_sets import FieldSet, require_field_search, require_type

NOBODY = Actor("nobody", "service", "Nobody", (), frozenset())
"""For who describes searches and runs none."""


@dataclass(frozen=True)
class Sight:
    """An actor at a door. `fields` is what the role leaves of each type there; None: whole resources."""

    actor: Actor
    fields: FieldSet | None = None

    def rows(
        self, type_name: str, columns: Any, *, of_patient: str | None = None
    ) -> list[ColumnElement[bool]]:
        """The conditions on rows of this type's current or history table, or an alias of it; none for who sees all.

        `of_patient`: on the rows of this patient, who is named elsewhere in the query too.
        """
        if self.fields is not None and type_name not in self.fields:
            return [false()]
        condition = rows_open_to(self.actor, columns.id.table, of_patient=of_patient)
        found = [] if condition is None else [condition]
        if self.fields is not None and "context" in columns:
            belongs_to = func.split_part(columns.context, "/", 1)
            found.append(or_(columns.context.is_(None), belongs_to.in_(sorted(self.fields))))
        return found

    def require_type(self, type_name: str) -> None:
        """Raises Forbidden for a type that the role does not read."""
        require_type(self.fields, type_name)

    def require_search(self, type_name: str, parameter: str) -> None:
        """Raises Forbidden for a parameter that looks at what the role does not read."""
        require_field_search(self.fields, type_name, parameter)
