"""Lists that changed under somebody who was reconciling them: what is new, and which decisions still stand. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_contracts.api.reconciliation import DECISION_WORDS, ReconciliationRow


@dataclass(frozen=True)
class CarriedOver:
    """`decided` are the decisions on lines that are as they were; `words` tells the difference."""

    decided: dict[str, str]
    words: str


def carried_over(
    before: Sequence[ReconciliationRow], now: Sequence[ReconciliationRow], decided: Mapping[str, str]
) -> CarriedOver:
    """A line that is not exactly as it was is decided again; what had been decided of it is told."""
    old, new = {row.key: row for row in before}, {row.key: row for row in now}
    stand = {key: decision for key, decision in decided.items() if key in new and new[key] == old.get(key)}
    fresh = [name_of(row) for key, row in new.items() if key not in old]
    gone = [_with_decision(row, decided) for key, row in old.items() if key not in new]
    other = [_with_decision(old[key], decided) for key, row in new.items() if key in old and row != old[key]]
    parts = [
        f"{label}: {'; '.join(names)}."
        for label, names in (("New", fresh), ("Gone", gone), ("Changed", other))
        if names
    ]
    kept = f"Your decisions on {len(stand)} other lines stand." if stand else ""
    return CarriedOver(stand, " ".join([*parts, kept]).strip())


def name_of(row: ReconciliationRow) -> str:
    entry = row.chart or row.home
    return entry.name if entry else row.key


def _with_decision(row: ReconciliationRow, decided: Mapping[str, str]) -> str:
    had = decided.get(row.key)
    return f"{name_of(row)} (you had decided: {DECISION_WORDS[had].lower()})" if had else name_of(row)
