"""One score of one person."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.risk.people import Person


@dataclass(frozen=True)
class Scored:
    """`reason` says why there is no value; `parts` which categories count."""

    person: Person
    score: str
    version: str
    purpose: str
    value: float | None
    reason: str | None = None
    parts: str = ""
