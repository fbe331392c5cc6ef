"""The answer key: what the recommendations must say, known because it was decided before the facts were written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from ehr_core.population.panel import plan_patient

SILENT_STANDINGS = ("deceased", "inactive", "merged", "opted_out", "transferred_out")


class ExpectedStatus(NamedTuple):
    """One line of the key; statuses as in `recommendation_results`."""

    patient_id: str
    recommendation_id: str
    status: str


class WithoutGaps(NamedTuple):
    """Somebody who gets no gap row, nudge or call, and why."""

    patient_id: str
    standing: str


def answer_key(patients: int, *, seed: int, as_of: date) -> list[ExpectedStatus]:
    """Every answer that is certain. Nothing is said where guidelines may be read either way, nor about people
    who get no gap at all (see `people_without_gaps`)."""
    return list(iterate_answers(patients, seed=seed, as_of=as_of))


def iterate_answers(patients: int, *, seed: int, as_of: date) -> Iterator[ExpectedStatus]:
    for index in range(patients):
        person, decisions = plan_patient(index, seed, as_of)
        if person.standing in SILENT_STANDINGS:
            continue
        for decision in decisions.values():
            if decision.known:
                yield ExpectedStatus(person.patient_id, decision.recommendation_id, decision.status)


def people_without_gaps(patients: int, *, seed: int, as_of: date) -> list[WithoutGaps]:
    """The deceased, merged away, inactive, opted out and transferred out."""
    planned = (plan_patient(index, seed, as_of)[0] for index in range(patients))
    return [
        WithoutGaps(person.patient_id, person.standing)
        for person in planned
        if person.standing in SILENT_STANDINGS
    ]
