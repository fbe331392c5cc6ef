"""One batch of people under one measure as rows: official_results with the deciding fact, and official_evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.api.official_measures import OfficialMeasure
from data_contracts.contract import Table
from data_contracts.tables.official import OFFICIAL_EVIDENCE, OFFICIAL_RESULTS
from pipelines.measures.elm.engine import Result
from pipelines.measures.elm.populations import GroupResult
from pipelines.measures.elm.results import ARROW_TYPES, FLAGS, detailed_counts, members_flag
from pipelines.measures.official.evidence import Found, deciding_conditions, facts_of
from pipelines.measures.official.facts import Fact, Facts

FACTS_KEPT = 3
"""Of one definition the newest facts have rows; how many there were is said beside them, and the answer names them."""
FAILED = "run_time_error"
DECIDING = (
    "denominator-exclusion",
    "measure-population-exclusion",
    "denominator-exception",
    "numerator",
    "measure-population",
    "initial-population",
)
"""Whose newest fact decides an answer: the first of these populations that somebody is in."""


@dataclass(frozen=True)
class Answered:
    """What every row says alike: the key, the measurement period, the day of the answers and of the next ones."""

    key_id: str
    begin: date
    end: date
    as_of: date
    next_change_on: date


@dataclass
class Rows:
    """Rows of the two tables, as columns by name."""

    results: dict[str, list] = field(default_factory=dict)
    evidence: dict[str, list] = field(default_factory=dict)

    def tables(self) -> tuple[pa.Table, pa.Table]:
        return arrow(OFFICIAL_RESULTS, self.results), arrow(OFFICIAL_EVIDENCE, self.evidence)


def arrow(contract: Table, columns: Mapping[str, Sequence]) -> pa.Table:
    """Columns by name as the contract has them; a column that nothing was said of is null."""
    length = len(next(iter(columns.values()), ()))
    arrays = [
        pa.array(columns.get(column.name, [None] * length), ARROW_TYPES[column.type])
        for column in contract.columns
    ]
    schema = pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in contract.columns])
    return pa.Table.from_arrays(arrays, schema=schema)


def rows_of(
    result: Result,
    about: Sequence[OfficialMeasure | None],
    keys: Sequence[str],
    counted: np.ndarray,
    facts: Facts,
    said: Answered,
    *,
    everybody: bool = False,
) -> Rows:
    """`about` is what each group is called, in their order (None: not asked for); `counted` masks who has rows.

    Rows are of who is in an initial population or could not be judged; of `everybody` where any day may bring them in.
    """
    rows = Rows(
        {c.name: [] for c in OFFICIAL_RESULTS.columns}, {c.name: [] for c in OFFICIAL_EVIDENCE.columns}
    )
    failed = result.failed()
    for group, measure in zip(result.groups, about, strict=True):
        if measure is not None:
            one = _Group(result, group, measure, keys, failed, counted, facts, said)
            one.add_to(rows, everybody=everybody)
    return rows


class _Group:
    """One group of one measure over the batch."""

    def __init__(
        self, result, group: GroupResult, measure: OfficialMeasure, keys, failed, counted, facts, said
    ):
        self.result, self.group, self.measure = result, group, measure
        self.keys, self.failed, self.counted, self.facts, self.said = keys, failed, counted, facts, said
        self.inside = {name: self._members(codes) & ~failed for name, codes in FLAGS.items()}
        self.criteria = result.compiled.criteria[group.group.id]

    def add_to(self, rows: Rows, *, everybody: bool) -> None:
        shown = np.flatnonzero(self.counted & (everybody | self.inside["initial_population"] | self.failed))
        found = self._evidence()
        deciding = self._add_evidence(rows.evidence, found)
        reasons = self._reasons()
        conditions = self._conditions()
        counts = detailed_counts(self.group, len(self.keys)) if self._counts_needed() else {}
        for row in map(int, shown):
            self._add_result(rows.results, row, deciding.get(row), reasons, conditions, counts)

    def _add_result(self, into, row: int, fact: Fact | None, reasons, conditions, counts) -> None:
        failed, said = bool(self.failed[row]), self.said
        label = self.labels.get(row, "")
        values: dict[str, Any] = {
            "key_id": said.key_id,
            "patient_key": self.keys[row],
            "measure_id": self.measure.measure_id,
            "measure_version": self.measure.version,
            "period_begin": said.begin,
            "period_end": said.end,
            "evaluable": not failed,
            "not_evaluable_reason": FAILED if failed else None,
            **{name: bool(mask[row]) for name, mask in self.inside.items()},
            "exclusion_reason": None if failed else reasons.get(row),
            "unmet_condition": None if failed else conditions.get(row),
            "population_counts": None if failed else counts.get(row),
            "as_of": said.as_of,
            "next_change_on": said.next_change_on,
        }
        if fact is not None and not failed:
            values |= _fact_columns(fact)
            values |= {"evidence_sensitivity": label[1:] or None, "rests_also_on": self.without_row.get(row)}
        for name, column in into.items():
            column.append(values.get(name))

    def _members(self, codes: Sequence[str]) -> np.ndarray:
        return members_flag(self.group, codes, len(self.keys))

    def _of(self, code: str) -> np.ndarray:
        return self._members([code]) & self.counted & ~self.failed

    def _evidence(self) -> Iterator[tuple[str, bool, Found]]:
        """(population, whether it holds by it, what was found), population by population."""
        for population in self.group.group.populations:
            if population.code == "measure-observation":
                continue
            node, inside = self.criteria[population.id], self._of(population.code)
            if inside.any():
                for one in facts_of(self.result, node, population.expression, inside, all_parts=False):
                    yield population.code, True, one
            if population.code == "numerator" and (outside := self._left_over()).any():
                for one in facts_of(self.result, node, population.expression, outside, all_parts=True):
                    yield population.code, False, one

    def _left_over(self) -> np.ndarray:
        """In the denominator, and neither excluded, excepted nor in the numerator."""
        mask = self.inside["denominator"] & self.counted & ~self.failed
        for code in ("denominator-exclusion", "denominator-exception", "numerator"):
            mask = mask & ~self._members([code])
        return mask

    def _add_evidence(
        self, into: dict[str, list], found: Iterator[tuple[str, bool, Found]]
    ) -> dict[int, Fact]:
        """Adds the newest facts of each definition; returns by patient row the fact that decides.

        What has no row is named in the answer, so that it inherits a label of any fact that made it.
        """
        gathered: dict[tuple[int, str, str, bool], dict[tuple[str, str], Fact]] = {}
        self.labels: dict[int, str] = {}
        for population, holds, one in found:
            for patient, row in zip(one.patients.tolist(), one.rows.tolist(), strict=True):
                fact = self.facts.of(one.table, row)
                if fact is not None:
                    place = gathered.setdefault((patient, population, one.definition, holds), {})
                    place[fact.resource_type, fact.key] = fact
                    self.labels[patient] = max(self.labels.get(patient, ""), fact.label)
        deciding: dict[int, tuple[tuple, Fact]] = {}
        kept: dict[int, set[str]] = {}
        older: dict[int, set[str]] = {}
        for (patient, population, definition, holds), facts in gathered.items():
            newest = sorted(facts.values(), key=_age, reverse=True)
            self._note_deciding(deciding, patient, population, newest[0])
            kept.setdefault(patient, set()).update(map(_named, newest[:FACTS_KEPT]))
            for fact in newest[:FACTS_KEPT]:
                self._add_fact(into, patient, population, definition, holds, fact, len(newest))
            if len(newest) > FACTS_KEPT:
                older.setdefault(patient, set()).update(map(_named, newest[FACTS_KEPT:]))
        self.without_row = {
            patient: ",".join(sorted(named - kept[patient])) or None for patient, named in older.items()
        }
        return {patient: fact for patient, (_, fact) in deciding.items()}

    def _note_deciding(self, deciding, patient: int, population: str, fact: Fact) -> None:
        if population not in DECIDING:
            return
        weight = (-DECIDING.index(population), *_age(fact))
        if patient not in deciding or deciding[patient][0] < weight:
            deciding[patient] = (weight, fact)

    def _add_fact(
        self, into, patient: int, population: str, definition: str, holds: bool, fact: Fact, of: int
    ):
        values = {
            "key_id": self.said.key_id,
            "patient_key": self.keys[patient],
            "measure_id": self.measure.measure_id,
            "period_begin": self.said.begin,
            "population": population,
            "definition": definition,
            "holds": holds,
            "facts_found": of,
            "as_of": self.said.as_of,
            **_fact_columns(fact),
        }
        for name, column in into.items():
            column.append(values.get(name))

    def _reasons(self) -> dict[int, str]:
        """Which definition excluded or excepted somebody."""
        reasons: dict[int, str] = {}
        for code in ("denominator-exclusion", "measure-population-exclusion", "denominator-exception"):
            for population in self.group.group.of(code):
                node, people = self.criteria[population.id], self._of(code)
                found = deciding_conditions(self.result, node, population.expression, people, met=True)
                reasons = {**found, **reasons}
        return reasons

    def _conditions(self) -> dict[int, str]:
        """What keeps somebody out of the numerator; where lower is better, what puts them there."""
        inverse = self.measure.improvement == "decrease"
        conditions: dict[int, str] = {}
        if self.measure.scoring != "proportion":
            return conditions
        for population in self.group.group.of("numerator"):
            people = self._of("numerator") if inverse else self._left_over()
            node = self.criteria[population.id]
            conditions |= deciding_conditions(self.result, node, population.expression, people, met=inverse)
        return conditions

    def _counts_needed(self) -> bool:
        group = self.group.group
        plain = {code for codes in FLAGS.values() for code in codes}
        return (
            group.basis != "boolean"
            or bool(group.stratifiers)
            or any(one.code not in plain for one in group.populations)
        )


def _age(fact: Fact) -> tuple:
    """Sorts by day, the latest last; what it says decides between facts of one day, then the key."""
    return fact.on or date.min, fact.value or "", fact.resource_type, fact.code or "", fact.key


def _named(fact: Fact) -> str:
    """As `rests_also_on` names a fact."""
    return f"{fact.resource_type}/{fact.key}/{fact.on or ''}"


def _fact_columns(fact: Fact) -> dict[str, Any]:
    return {
        "evidence_type": fact.resource_type,
        "evidence_key": fact.key,
        "evidence_on": fact.on,
        "evidence_code_system": fact.system,
        "evidence_code": fact.code,
        "evidence_value": fact.value,
        "evidence_sensitivity": fact.label[1:] or None,
    }
