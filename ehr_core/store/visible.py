"""Which rows an actor sees: the one condition that read, search, include, chain, _has and history all carry.

Row-level security in the database is the second wall behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false

from ehr_core.access.actor import Actor
from ehr_core.access.sensitivity import STAFF_KINDS
from ehr_core.store.resource_types import resource_type

NOBODY = Actor("nobody", "service", "Nobody", (), frozenset())
"""For who describes searches and runs none."""


@dataclass(frozen=True)
class Sight:
    """An actor at a door. `holds_back_labelled`: what carries a restricting label is not there for patients; rooms
    that count what is held back, and say so, look without it."""

    actor: Actor
    holds_back_labelled: bool = False

    @property
    def is_whole(self) -> bool:
        """True when no condition is needed."""
        return self.actor.reach == "all" and self.actor.kind in STAFF_KINDS

    def rows(self, type_name: str, columns: Any) -> list[ColumnElement[bool]]:
        """The conditions on rows of this type; none for who sees them all.

        A history row has no labels of its own, so that nobody who is held back anything sees one.
        """
        if self.is_whole:
            return []
        found: list[ColumnElement[bool]] = []
        if not resource_type(type_name).shared:
            owner = columns.id if type_name == "Patient" else columns.patient_id
            found.append(owner == self.actor.patient_id)
        if self.holds_back_labelled:
            found.append(columns.restricted_labels.is_(None) if "restricted_labels" in columns else false())
        return found
