"""A group counted: members of its populations and strata, and what is observed, of those who could be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data_contracts.measure_scores import Observing, measure_score
from pipelines.measures.elm.expected import OBSERVATION
from pipelines.measures.elm.measure import Group
from pipelines.measures.elm.populations import GroupResult, Members


@dataclass
class Counted:
    """Both by population id, and by `stratum/population id` within a stratum. `observed` holds no nulls."""

    members: Counter[str] = field(default_factory=Counter)
    observed: dict[str, list[float]] = field(default_factory=dict)
    not_evaluable: int = 0

    def add(self, other: Counted) -> None:
        """Adds what was counted of other people."""
        self.members.update(other.members)
        for name, values in other.observed.items():
            self.observed.setdefault(name, []).extend(values)
        self.not_evaluable += other.not_evaluable


def counted(group: GroupResult, failed: np.ndarray) -> Counted:
    """`failed` masks the people who could not be judged: they are told, and counted nowhere else."""
    found = Counted(not_evaluable=int(failed.sum()))
    for stratum in ("", *group.strata):
        prefix = f"{stratum}/" if stratum else ""
        for name in group.members:
            of_stratum: Members = group.stratum(stratum, name) if stratum else group.members[name]
            found.members[f"{prefix}{name}"] = int((~failed[of_stratum.patients]).sum())
        for name in group.observations:
            patients, values = group.observed_in(name, stratum)
            found.observed[f"{prefix}{name}"] = values[~failed[patients] & ~np.isnan(values)].tolist()
    return found


def group_score(
    group: Group,
    members: Mapping[str, int],
    observed: Mapping[str, Sequence[float]],
    prefix: str = "",
) -> float | None:
    """The score of a group, or of the stratum that the prefix names; None where there is none."""
    totals: Counter[str] = Counter()
    for one in group.populations:
        totals[one.code] += members.get(f"{prefix}{one.id}", 0)
    of_part = {
        one.id: observed[f"{prefix}{one.id}"] for one in group.of(OBSERVATION) if prefix + one.id in observed
    }
    return measure_score(group.scoring, observing(group), totals, of_part)


def observing(group: Group) -> list[Observing]:
    """The group's observations, each with the code of the population that it is made for."""
    return [
        Observing(one.id, one.aggregate, _code_of(group, one.criteria_of)) for one in group.of(OBSERVATION)
    ]


def _code_of(group: Group, name: str | None) -> str | None:
    """The code of the population that an observation names by id or by code."""
    return next((one.code for one in group.populations if name in (one.id, one.code)), None)
