"""Populations: from the columns of a group's criteria to who is counted where, by the rules of its scoring.

A member is a pair of patient and subject: the patient (boolean basis) or one of the patient's encounters, procedures …
(any other basis). All rules are set operations on these pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipelines.measures.elm.columns import Column, Listing
from pipelines.measures.elm.lists import as_list, first_of_each
from pipelines.measures.elm.logic import truth
from pipelines.measures.elm.measure import Group, Population
from pipelines.measures.elm.run import Run

WITHIN = {
    "denominator": "initial-population",
    "numerator": "denominator",
    "denominator-exclusion": "denominator",
    "denominator-exception": "denominator",
    "numerator-exclusion": "numerator",
    "measure-population": "initial-population",
    "measure-population-exclusion": "measure-population",
}
"""Of which population each one is a part; for a ratio, the numerator is part of the initial population."""


@dataclass
class Members:
    """Pairs of patient row and subject key, each once; `items` holds the subjects where there are any."""

    patients: np.ndarray
    keys: np.ndarray
    items: Column | None = None

    def only(self, kept: np.ndarray) -> Members:
        items = None if self.items is None else self.items.take(np.flatnonzero(kept))
        return Members(self.patients[kept], self.keys[kept], items)

    def among(self, others: Members) -> np.ndarray:
        size = max(int(self.keys.max(initial=0)), int(others.keys.max(initial=0))) + 1
        return np.isin(self.patients * size + self.keys, others.patients * size + others.keys)

    def counts(self, rows: int) -> np.ndarray:
        return np.bincount(self.patients, minlength=rows)


def members(run: Run, column: Column) -> Members:
    """Those for whom the criterion is true, or the items that it lists."""
    if isinstance(column, Listing):
        listing = as_list(column)
        owners, keys = listing.owners(), run.equality.identity(listing.items)
        kept = first_of_each(owners, keys)
        kept = kept[keys[kept] >= 0]
        return Members(owners[kept], keys[kept], listing.items.take(kept))
    rows = np.flatnonzero(truth(column).values == 1)
    return Members(rows, np.zeros(len(rows), np.int64))


@dataclass
class GroupResult:
    """Members per population id after the rules of the scoring, and per observation id its values."""

    group: Group
    members: dict[str, Members] = field(default_factory=dict)
    raw: dict[str, Members] = field(default_factory=dict)
    observations: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    strata: dict[str, Column] = field(default_factory=dict)

    def count(self, population: str, patient: int) -> int:
        """How many members of one patient row."""
        return int((self.members[population].patients == patient).sum())

    def observed(self, observation: str, patient: int) -> list[float]:
        """The values of one patient row, sorted."""
        patients, values = self.observations[observation]
        return sorted(values[patients == patient].tolist())


ORDER = (
    "initial-population",
    "denominator",
    "denominator-exclusion",
    "numerator",
    "numerator-exclusion",
    "denominator-exception",
    "measure-population",
    "measure-population-exclusion",
)


def apply_scoring(group: Group, raw: dict[str, Members]) -> dict[str, Members]:
    """Members of each population, in the order in which the populations restrict one another."""
    result: dict[str, Members] = {}
    ratio = group.scoring == "ratio"
    for code in ORDER:
        for population in group.of(code):
            kept = raw[population.id]
            outer = "initial-population" if ratio and code == "numerator" else WITHIN.get(code)
            if outer:
                kept = _restricted(kept, _outer(group, population, outer), result)
            if code in ("numerator", "denominator-exception") and not ratio:
                kept = _without(kept, group.of("denominator-exclusion"), result)
            if code == "denominator-exception":
                kept = _without(kept, group.of("numerator"), result)
            result[population.id] = kept
    return result


def _outer(group: Group, population: Population, code: str) -> tuple[Population, ...]:
    """The population that this one is part of: the one that it names, where a ratio has two initial populations."""
    candidates = group.of(code)
    named = tuple(one for one in candidates if one.id == population.criteria_of)
    return named or candidates


def _restricted(members_: Members, outer: tuple[Population, ...], result: dict[str, Members]) -> Members:
    for population in outer[:1]:
        members_ = members_.only(members_.among(result[population.id]))
    return members_


def _without(members_: Members, others: tuple[Population, ...], result: dict[str, Members]) -> Members:
    for population in others:
        members_ = members_.only(~members_.among(result[population.id]))
    return members_
