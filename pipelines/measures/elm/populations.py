"""Populations: from the columns of a group's criteria to who is counted where, by the rules of its scoring.

A member is a pair of patient and subject: the patient (boolean basis) or one of the patient's encounters, procedures …
(any other basis). All rules are set operations on these pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.measures.elm.columns import Column, Listing, concat
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
        """Which are members of the others; by patient, where one of both counts patients and the other their items."""
        if (self.items is None) != (others.items is None):
            return np.isin(self.patients, others.patients)
        size = max(int(self.keys.max(initial=0)), int(others.keys.max(initial=0))) + 1
        return np.isin(self.patients * size + self.keys, others.patients * size + others.keys)

    def counts(self, rows: int) -> np.ndarray:
        return np.bincount(self.patients, minlength=rows)


def members(run: Run, columns: Mapping[str, Column], *, per_patient: bool) -> dict[str, Members]:
    """By name, those for whom the criterion is true, or the items that it lists.

    The criteria are numbered together, so that equal items have equal keys whatever they are: resources of several
    types, dates, tuples. `per_patient`: a list counts its patient once, as the measure says that it counts patients.
    """
    lists = {name: as_list(column) for name, column in columns.items() if isinstance(column, Listing)}
    keys = _keys(run, list(lists.values()))
    found = {}
    for name, column in columns.items():
        if name not in lists:
            rows = np.flatnonzero(truth(column).values == 1)
            found[name] = Members(rows, np.zeros(len(rows), np.int64))
            continue
        owners = lists[name].owners()
        kept = first_of_each(owners, keys[0])
        kept = kept[keys[0][kept] >= 0]
        found[name] = Members(owners[kept], keys.pop(0)[kept], lists[name].items.take(kept))
        if per_patient:
            rows = np.unique(found[name].patients)
            found[name] = Members(rows, np.zeros(len(rows), np.int64))
    return found


def _keys(run: Run, lists: list[Listing]) -> list[np.ndarray]:
    if not lists:
        return []
    together = run.equality.identity(concat([one.items for one in lists]))
    return np.split(together, np.cumsum([len(one.items) for one in lists])[:-1])


def together(several: Sequence[Members]) -> Members:
    """The members of all of them; those with items alone, where some have items."""
    kept = [one for one in several if one.items is not None] or list(several)
    patients = np.concatenate([np.zeros(0, np.int64), *(one.patients for one in kept)])
    keys = np.concatenate([np.zeros(0, np.int64), *(one.keys for one in kept)])
    items = [one.items for one in kept if one.items is not None]
    rows = np.sort(np.unique(np.stack([patients, keys]), axis=1, return_index=True)[1])
    return Members(patients[rows], keys[rows], concat(items).take(rows) if items else None)


@dataclass
class GroupResult:
    """Members per population id after the rules of the scoring, and per observation id its values."""

    group: Group
    members: dict[str, Members] = field(default_factory=dict)
    raw: dict[str, Members] = field(default_factory=dict)
    observations: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    seen: dict[str, Members] = field(default_factory=dict)
    """Per observation id whom its values are of, one after the other"""
    strata: dict[str, Members] = field(default_factory=dict)
    """By stratifier id; where it gives values, by `id=value`"""

    def count(self, population: str, patient: int) -> int:
        """How many members of one patient row."""
        return int((self.members[population].patients == patient).sum())

    def stratum(self, stratifier: str, population: str) -> Members:
        """The members of a population for whom the stratifier is true, or whom it lists."""
        members_ = self.members[population]
        return members_.only(self._inside(stratifier, members_))

    def observed_in(self, observation: str, stratifier: str) -> tuple[np.ndarray, np.ndarray]:
        """(patient row, value) of an observation within a stratum; within everybody where none is named."""
        patients, values = self.observations[observation]
        if not stratifier:
            return patients, values
        kept = self._inside(stratifier, self.seen[observation])
        return patients[kept], values[kept]

    def _inside(self, stratifier: str, members_: Members) -> np.ndarray:
        chosen = self.strata[stratifier]
        if chosen.items is None or members_.items is None:
            return np.isin(members_.patients, chosen.patients)
        return members_.among(chosen)

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
    """Those who are in the outer population. Of a patient whose items are counted there, all of these items."""
    for population in outer[:1]:
        inside = result[population.id]
        if members_.items is None and inside.items is not None:
            return inside.only(inside.among(members_))
        members_ = members_.only(members_.among(result[population.id]))
    return members_


def _without(members_: Members, others: tuple[Population, ...], result: dict[str, Members]) -> Members:
    for population in others:
        members_ = members_.only(~members_.among(result[population.id]))
    return members_
