"""Audit rows as FHIR asks for them: by patient, person, day, action, outcome, act and entity, the newest first.

A page ends where the next begins, by time and id: the log grows at its other end, so pages hold together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from ehr_core.access.audit_fhir import ACTION_OF, OUTCOMES, READ_ENDINGS
from ehr_core.access.unit_of_work import UnitOfWork

COLUMNS = """
SELECT e.id, e.at, e.actor_id, e.actor_kind, a.display_name AS actor_name, a.practitioner_id, e.act, e.outcome,
  e.resource_type, e.resource_id, e.patient_id, e.patient_ids, e.patient_ids_sealed, e.detail
FROM audit.event e LEFT JOIN access.account a ON a.id = e.actor_id
"""
READ_LIKE = " OR ".join(f"e.act LIKE '%{ending.replace('_', chr(92) + '_')}'" for ending in READ_ENDINGS)
Position = tuple[datetime, str]


@dataclass
class Criteria:
    """Conditions as SQL and their values; each part narrows further."""

    parts: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def add(self, part: str, **values: Any) -> None:
        """`part` names its values as `{name}`; they are bound under a name of their own."""
        names = {name: f":v{len(self.values) + place}" for place, name in enumerate(values)}
        self.parts.append(f"({part.format(**names)})")
        self.values |= {names[name][1:]: value for name, value in values.items()}

    def patients(self, ids: Sequence[str]) -> None:
        self.add("e.patient_id = ANY({ids}) OR e.patient_ids && CAST({ids} AS text[])", ids=list(ids))

    def outcomes(self, codes: Sequence[str]) -> None:
        words = [word for word, code in OUTCOMES.items() if code in codes]
        self.add("e.outcome = ANY({words})", words=words)

    def actions(self, codes: Sequence[str]) -> None:
        """By the acts that the action stands for; what no list names is executed."""
        named = [act for act, action in ACTION_OF.items() if action in codes]
        parts = ["e.act = ANY({named})"]
        if "R" in codes:
            parts.append(READ_LIKE)
        if "E" in codes:
            parts.append(f"NOT (e.act = ANY({{all}}) OR {READ_LIKE})")
        if "E" in codes:
            self.add(" OR ".join(parts), named=named, all=list(ACTION_OF))
        else:
            self.add(" OR ".join(parts), named=named)


def find_events(
    work: UnitOfWork, wanted: Criteria, *, size: int, behind: Position | None = None
) -> tuple[list[Row], Position | None]:
    """A page, and where the next one begins. Whoever calls has asked for the permission, and audits."""
    where, values = list(wanted.parts), dict(wanted.values)
    if behind is not None:
        where.append("(e.at, e.id) < (:behind_at, :behind_id)")
        values |= {"behind_at": behind[0], "behind_id": behind[1]}
    condition = " AND ".join(where) or "true"
    rows = list(
        work.connection.execute(
            text(f"{COLUMNS} WHERE {condition} ORDER BY e.at DESC, e.id DESC LIMIT :size"),
            values | {"size": size + 1},
        )
    )
    page = rows[:size]
    return page, (page[-1].at, page[-1].id) if len(rows) > size and page else None
