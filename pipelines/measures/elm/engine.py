"""The engine: measures of a package, compiled once, evaluated for many patients at a time."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np

from ehr_core.kernel.errors import BadRequest
from pipelines.measures.elm import (  # noqa: F401 - they register operations
    convertible,
    dates,
    fhir_functions,
    membership,
    queries,
    retrieves,
    spelling,
    spreading,
    subsumption,
    text,
    trees,
    values,
)
from pipelines.measures.elm.arithmetic import numbers
from pipelines.measures.elm.collector import records_aside
from pipelines.measures.elm.columns import Column, Interval, Quantity
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.criteria import OBSERVATION, OBSERVED, criteria_of
from pipelines.measures.elm.library import Library
from pipelines.measures.elm.measure import Group, Measure, Population, read_measure
from pipelines.measures.elm.moments import moments
from pipelines.measures.elm.nodes import Node, Nodes
from pipelines.measures.elm.packages import Package
from pipelines.measures.elm.populations import GroupResult, Members, apply_scoring, members, together
from pipelines.measures.elm.program import Program
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.run import Frame, Run, RunError
from pipelines.measures.elm.strata import is_valued, strata_by_value, strata_of_subjects
from pipelines.measures.elm.terminology import Terminology
from pipelines.measures.elm.texts import Texts

T = TypeVar("T")
DEEP = 20_000
"""Nodes may be nested deeper than Python's usual thousand calls."""


@contextmanager
def deep_enough() -> Iterator[None]:
    """Lets Python call as deep as logic is nested, and no longer than needed."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@dataclass
class Compiled:
    """A measure with a node per criterion, by population or stratifier id."""

    measure: Measure
    library: Library
    program: Program
    criteria: dict[str, dict[str, Node]]


@dataclass
class Result:
    """What a run of a measure says: per group its members, and the run-time errors."""

    compiled: Compiled
    groups: list[GroupResult]
    errors: list[RunError]
    run: Run

    def failed(self) -> np.ndarray:
        """Masks the people for whom the logic ended in a run-time error: they are not evaluable."""
        found = np.zeros(self.run.root.rows, bool)
        for error in self.errors:
            found[error.patients] = True
        return found


class Engine:
    """Holds what runs share: texts, value sets and the nodes of all measures."""

    def __init__(self, package: Package):
        self.package, self.texts, self.nodes = package, Texts(), Nodes()
        self.terminology = Terminology(package, self.texts)
        self._compiled: dict[str, Compiled] = {}

    def compile(self, name: str) -> Compiled:
        """Raises NotFound when a library or a definition that the measure names is not in the package."""
        if name not in self._compiled:
            measure = read_measure(self.package.measure(name))
            program = Program(self.package, self.nodes)
            library = program.library(measure.library, measure.library_version)
            with deep_enough():
                criteria = {group.id: criteria_of(program, library, group) for group in measure.groups}
            self._compiled[name] = Compiled(measure, library, program, criteria)
        return self._compiled[name]

    def in_batches(self, measures: Collection[Compiled], batches: Iterator[T]) -> Iterator[T]:
        """The batches, of which each one's texts are forgotten when the next is asked for."""
        for one in measures:
            self.terminology.load(one.program.value_sets)
        kept = len(self.texts)
        for batch in batches:
            try:
                with records_aside():
                    yield batch
                    del batch
            finally:
                self.texts.forget(kept)
                self.terminology.forget(kept)

    def run(
        self,
        records: Records,
        period: tuple[str, str],
        patients: np.ndarray | None = None,
        now: datetime | None = None,
        *,
        strict: bool = False,
    ) -> Run:
        """A run over those patients for the period (first and last day). Several measures may share it."""
        return Run(
            records, self.terminology, {"Measurement Period": _period(*period)}, patients, now, strict=strict
        )

    def evaluate(self, compiled: Compiled, run: Run) -> Result:
        with deep_enough():
            groups = [_group(compiled, group, run) for group in compiled.measure.groups]
        criteria = [node for nodes in compiled.criteria.values() for node in nodes.values()]
        return Result(compiled, groups, run.errors_below(*criteria), run)


def _period(start: str, end: str) -> Column:
    """From the first moment of the first day to the last of the last one, both included."""
    low, high = (
        moments([_moment(start, "01-01", FIRST)], "DateTime"),
        moments([_moment(end, "12-31", LAST)], "DateTime"),
    )
    if low.nulls().any() or high.nulls().any():
        raise BadRequest(
            f"The period from '{start}' to '{end}' is none. Give its first and last day, as 2026-01-31."
        )
    shut = np.ones(1, bool)
    return Interval.between(low, high, shut, shut, shut)


FIRST, LAST = "00:00:00.000", "23:59:59.999"
MIDNIGHT = re.compile(r"T00:00(:00(\.0+)?)?(?=Z|[+-]\d\d:|$)")


def _moment(written: str, day: str, time: str) -> str:
    """A year or a day as its first or last moment; midnight at the end of a period means its whole last day."""
    if len(written) == len("2026"):
        written = f"{written}-{day}"
    if "T" not in written:
        return f"{written}T{time}Z"
    return MIDNIGHT.sub(f"T{LAST}", written) if time == LAST else written


def _group(compiled: Compiled, group: Group, run: Run) -> GroupResult:
    result = GroupResult(group)
    criteria = compiled.criteria[group.id]
    columns = {
        one.id: run.patient_column(criteria[one.id])
        for one in (*group.populations, *group.stratifiers)
        if getattr(one, "code", None) != OBSERVATION and OBSERVED not in criteria[one.id].free
    }
    stratified = [one.id for one in group.stratifiers if one.id in columns]
    valued = {name: columns.pop(name) for name in stratified if is_valued(columns[name])}
    found = members(run, columns, per_patient=group.basis == "boolean" and group.basis_given)
    result.raw = {one.id: found[one.id] for one in group.populations if one.id in found}
    result.members = apply_scoring(group, result.raw)
    for population in group.of(OBSERVATION):
        observed = _observed(group, population, result.members)
        if observed is not None:
            result.seen[population.id] = observed
            result.observations[population.id] = _observe(run, criteria[population.id], observed)
    for stratifier in group.stratifiers:
        name = stratifier.id
        if name in valued:
            result.strata |= strata_by_value(run, name, valued[name])
        elif name in found:
            result.strata[name] = found[name]
        else:
            subjects = together([result.members[one.id] for one in group.of("initial-population")])
            column = run.value(criteria[name], _frame_of(run, subjects))
            result.strata |= strata_of_subjects(run, name, column, subjects)
    return result


def _observed(group: Group, population: Population, found: dict[str, Members]) -> Members | None:
    """Whom an observation is made for: the population it names, without that one's exclusions."""
    target = population.criteria_of
    if target is None:
        target = next((one.id for one in group.of("measure-population")), None)
    chosen = next((one for one in group.populations if target in (one.id, one.code)), None)
    if chosen is None:
        return None
    kept = found[chosen.id]
    for exclusion in group.of(f"{chosen.code}-exclusion"):
        kept = kept.only(~kept.among(found[exclusion.id]))
    return kept


def _observe(run: Run, node: Node, observed: Members) -> tuple[np.ndarray, np.ndarray]:
    """(patient row, value) of each observation; NaN for null."""
    column = system(run.value(node, _frame_of(run, observed)))
    if isinstance(column, Quantity):
        column = column.part("value")
    return observed.patients, numbers(column)


def _frame_of(run: Run, subjects: Members) -> Frame:
    """A row a member, with its item as what functions of the measure are asked about."""
    names = {} if subjects.items is None else {OBSERVED: subjects.items}
    return Frame(len(subjects.patients), run.root, subjects.patients, names)
