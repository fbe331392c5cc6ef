"""Conformance: every case of a folder against what the measures say, all cases of a measure in one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import numpy as np

from ehr_core.kernel.errors import AlmonerError
from pipelines.measures.elm.cases import Case, expected_counts, matching_group, read_cases
from pipelines.measures.elm.engine import Engine, Result
from pipelines.measures.elm.packages import Package, read_package
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.populations import GroupResult
from pipelines.measures.elm.records import Records


@dataclass
class CaseReport:
    case: str
    expected: dict
    actual: dict
    why: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.why


@dataclass
class MeasureReport:
    measure: str
    cases: list[CaseReport]
    seconds: float = 0.0
    unsupported: dict[str, str] = field(default_factory=dict)
    missing_value_sets: list[str] = field(default_factory=list)

    @property
    def agreeing(self) -> int:
        return sum(case.agrees for case in self.cases)


@dataclass
class ConformanceReport:
    measures: list[MeasureReport]

    @property
    def cases(self) -> int:
        return sum(len(measure.cases) for measure in self.measures)

    @property
    def agreeing(self) -> int:
        return sum(measure.agreeing for measure in self.measures)

    def as_json(self) -> dict:
        return {
            "totals": {
                "measures": len(self.measures),
                "cases": self.cases,
                "agreeing": self.agreeing,
                "cpu_seconds": round(sum(one.seconds for one in self.measures), 3),
            },
            "measures": [_measure_json(measure) for measure in self.measures],
        }


def _measure_json(measure: MeasureReport) -> dict:
    return {
        "measure": measure.measure,
        "cases_total": len(measure.cases),
        "agreeing": measure.agreeing,
        "cpu_seconds": round(measure.seconds, 3),
        "unsupported": measure.unsupported,
        "missing_value_sets": measure.missing_value_sets,
        "cases": [
            {
                "case": case.case,
                "agrees": case.agrees,
                "expected": case.expected,
                "actual": case.actual,
                "why": case.why,
            }
            for case in measure.cases
        ],
    }


def run_conformance(
    folder: Path,
    *,
    value_sets: Path | None = None,
    libraries: Path | None = None,
    only: Iterable[str] = (),
    done: Callable[[MeasureReport], None] = lambda _: None,
    cases: Callable[[Path], Iterable[Case]] = read_cases,
) -> ConformanceReport:
    """Runs the folder's cases, of all measures or those named; `done` is told of each measure as it is finished.

    `cases` reads them, for those who change them on the way.

    A measure that cannot be compiled has all its cases disagree, with the reason. Raises NotFound and BadRequest for
    a folder or file that cannot be read.
    """
    package = read_package(folder, value_sets=value_sets, libraries=libraries)
    engine = Engine(package)
    records = Records(engine.texts, declared_only=True)
    wanted = {package.measure(name)["name"] for name in only}
    by_measure: dict[str, list[tuple[int, Case]]] = {}
    for case in cases(folder):
        if not wanted or case.measure in wanted:
            by_measure.setdefault(case.measure, []).append((records.add_patient(case.resources), case))
    reports = []
    for name, of_measure in by_measure.items():
        report = _measure(engine, package, records, name, of_measure)
        done(report)
        reports.append(report)
    return ConformanceReport(reports)


def _measure(
    engine: Engine, package: Package, records: Records, name: str, cases: list[tuple[int, Case]]
) -> MeasureReport:
    begin = process_time()
    try:
        compiled = engine.compile(name)
    except AlmonerError as error:
        return MeasureReport(
            name, [CaseReport(case.name, _expected(case), {}, [str(error)]) for _, case in cases]
        )
    periods: dict[tuple[str, str], list[int]] = {}
    for number, (_, case) in enumerate(cases):
        periods.setdefault(case.period, []).append(number)
    found: dict[int, CaseReport] = {}
    for period, numbers in periods.items():
        run = engine.run(records, period, np.array([cases[number][0] for number in numbers]))
        result = engine.evaluate(compiled, run)
        for position, number in enumerate(numbers):
            found[number] = _compare(cases[number][1], result, position)
    urls = compiled.program.value_sets
    return MeasureReport(
        name,
        [found[number] for number in range(len(cases))],
        process_time() - begin,
        {what: str(place) for what, place in compiled.program.unsupported.items()},
        sorted(url for url in urls if package.value_set(url) is None),
    )


def _expected(case: Case) -> dict:
    return {one.group: one.populations for one in case.expected}


def _compare(case: Case, result: Result, position: int) -> CaseReport:
    groups = {one.group.id: one for one in result.groups}
    measure = result.compiled.measure
    report = CaseReport(case.name, _expected(case), {})
    for place, expected in enumerate(case.expected):
        group = matching_group(measure.groups, expected, place)
        if group is None:
            report.why.append(f"The case expects a group '{expected.group}' that the measure does not have.")
            continue
        found = groups[group.id]
        counts, observed = expected_counts(group, expected)
        actual = {one: found.count(one, position) for one in found.members}
        values = {one: found.observed(one, position) for one in found.observations}
        report.actual[expected.group] = {**actual, **values}
        for name, wanted in counts.items():
            if actual.get(name) != wanted:
                report.why.append(_why(result, found, name, wanted, actual.get(name), position))
        for name, wanted_values in observed.items():
            if values.get(name, []) != wanted_values:
                report.why.append(f"{name}: expected values {wanted_values}, found {values.get(name, [])}.")
    if report.why:
        report.why += [
            f"Run-time error: {error.message} at {error.place}"
            for error in result.errors
            if position in error.patients
        ]
    return report


def _why(result: Result, group: GroupResult, name: str, wanted: int, count: int | None, position: int) -> str:
    population = next((one for one in group.group.populations if one.id == name), None)
    if population is None or count is None:
        return f"{name}: expected {wanted}, but the measure has no such population."
    column = result.run.patient_column(result.compiled.criteria[group.group.id][name])
    value = plain(column, position, result.run.texts)
    return f'{name}: expected {wanted}, found {count}; "{population.expression}" is {value}.'
