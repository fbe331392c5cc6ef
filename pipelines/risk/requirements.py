"""What the scores read of a record: which types, and which change of a record can make them others."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from pipelines.risk.prevent_inputs import measured_codes

TYPES = frozenset(
    {"Patient", "Coverage", "Condition", "Observation", "MedicationRequest", "Medication", "Procedure"}
)


def touched_by(
    changed_types: Collection[str], uncoded_types: Collection[str], tokens: Collection[str]
) -> bool:
    """Whether such a change may alter a score. Most observations are none that a score asks for; the rest may be."""
    if TYPES.difference({"Observation"}).intersection(changed_types):
        return True
    return "Observation" in changed_types and (
        "Observation" in uncoded_types or not _asked().isdisjoint(tokens)
    )


@cache
def _asked() -> frozenset[str]:
    return measured_codes()
