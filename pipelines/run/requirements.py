"""What a change can touch: the definitions to run again, and as much of a record as they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from data_contracts.api.pipeline import ChangedPatient
from data_contracts.guidelines.requirements import Requirements
from pipelines import measures, recommendations, risk
from pipelines.measures.official.kept import Chosen, Ready

ANY_CHANGE_COUNTS = frozenset({"Patient", "Flag", "Coverage", "Encounter"})
"""Types that may alter any answer or stratum: age, sex, death, merge, panel status, payer, whom a person sees."""


@cache
def requirements() -> Mapping[str, tuple[Requirements, ...]]:
    """What each definition reads, as a recommendation and as a measure."""
    sides = (recommendations.data_requirements(), measures.data_requirements())
    topics = sides[0].keys() | sides[1].keys()
    return {topic: tuple(side[topic] for side in sides if topic in side) for topic in topics}


@cache
def deciding_types() -> frozenset[str]:
    """The resource types that any answer rests on. A person with an unreadable line of these cannot be judged."""
    return ANY_CHANGE_COUNTS.union(
        risk.TYPES, *(need.resource_types for needs in requirements().values() for need in needs)
    )


def touched_definitions(patients: Sequence[ChangedPatient]) -> frozenset[str] | None:
    """The definitions whose data these changes touch; None when it is all of them."""
    touched: set[str] = set()
    for patient in patients:
        if patient.definitions_all or ANY_CHANGE_COUNTS.intersection(patient.changed_types):
            return None
        touched |= {topic for topic in requirements() if _touches(topic, patient)}
    return frozenset(touched)


def touched_official(
    patients: Sequence[ChangedPatient], ready: Sequence[Ready], only: frozenset[str] | None
) -> list[Ready]:
    """The official measures whose types these changes touch, and those that ask like a guideline that is touched."""
    if only is None:
        return list(ready)
    changed = {kind for who in patients for kind in who.changed_types}

    def is_touched(one: Chosen) -> bool:
        return bool(one.types & changed) or any(group.asks_like in only for group in one.active)

    found = (package.only(filter(is_touched, package.measures)) for package in ready)
    return [package for package in found if package.measures]


def touched_risk(patients: Sequence[ChangedPatient]) -> bool:
    """Whether these changes can alter a score or the care tier of anybody."""
    return any(
        who.definitions_all or risk.touched_by(who.changed_types, who.uncoded_types, who.code_tokens)
        for who in patients
    )


def asked_alike(ready: Sequence[Ready]) -> frozenset[str]:
    """Our own guidelines that ask for the same care as these measures: whose gap is shown is decided together."""
    asked = {one.asks_like for package in ready for one in package.described}
    return frozenset(topic for topic in asked if topic in requirements())


def types_read(
    patients: Sequence[ChangedPatient],
    only: frozenset[str] | None,
    official: Sequence[Ready] = (),
    *,
    scored: bool = False,
) -> list[str]:
    """The deciding types that these definitions, official measures and (if `scored`) scores read, and all that changed.

    What changed is read even when no definition wants its code: a line that de-identification refuses is found out
    when it comes, not only at night. So the rest of a record that never failed is known to be readable.
    """
    more = frozenset().union(risk.TYPES if scored else (), *(package.types for package in official))
    if only is None:
        return sorted(deciding_types() | more)
    changed = deciding_types().intersection(kind for who in patients for kind in who.changed_types)
    read = {kind for topic in only for need in requirements()[topic] for kind in need.resource_types}
    return sorted(read | changed | more | (ANY_CHANGE_COUNTS if only or official else frozenset()))


def _touches(topic: str, patient: ChangedPatient) -> bool:
    return any(
        need.touched_by(kind, () if kind in patient.uncoded_types else patient.code_tokens)
        for need in requirements()[topic]
        for kind in patient.changed_types
    )
