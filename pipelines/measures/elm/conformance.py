"""Conformance: every case of a folder against what the measures say, all cases of a measure in one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import numpy as np

from ehr_core.kernel.errors import AlmonerError
from pipelines.measures.elm.cases import Case, Unjudged, read_cases
from pipelines.measures.elm.engine import Compiled, Engine, Result
from pipelines.measures.elm.expected import ExpectedGroup, expected_counts, matching_group, same_values
from pipelines.measures.elm.measure import period_now
from pipelines.measures.elm.packages import Package, cut_value_sets, measure_name, read_package
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.populations import GroupResult
from pipelines.measures.elm.program import not_evaluable
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.scores import score_apart, strata_apart


@dataclass
class CaseReport:
    case: str
    expected: dict
    actual: dict
    why: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Run-time errors, which make the patient not evaluable."""

    @property
    def agrees(self) -> bool:
        return not self.why


@dataclass
class MeasureReport:
    measure: str
    cases: list[CaseReport]
    seconds: float = 0.0
    unsupported: dict[str, str] = field(default_factory=dict)
    not_evaluable: list[str] = field(default_factory=list)
    missing_value_sets: list[str] = field(default_factory=list)
    cut_value_sets: dict[str, str] = field(default_factory=dict)

    @property
    def agreeing(self) -> int:
        return sum(case.agrees for case in self.cases)


@dataclass
class ConformanceReport:
    measures: list[MeasureReport]
    unjudged: list[Unjudged] = field(default_factory=list)
    """What looks like a case and cannot be judged; it is not among the cases counted."""

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
                "unjudged": len(self.unjudged),
                "cpu_seconds": round(sum(one.seconds for one in self.measures), 3),
            },
            "unjudged": [{"place": one.place, "why": one.why} for one in self.unjudged],
            "measures": [_measure_json(measure) for measure in self.measures],
        }


def _measure_json(measure: MeasureReport) -> dict:
    return {
        "measure": measure.measure,
        "cases_total": len(measure.cases),
        "agreeing": measure.agreeing,
        "cpu_seconds": round(measure.seconds, 3),
        "unsupported": measure.unsupported,
        "not_evaluable": measure.not_evaluable,
        "missing_value_sets": measure.missing_value_sets,
        "cut_value_sets": measure.cut_value_sets,
        "cases": [
            {
                "case": case.case,
                "agrees": case.agrees,
                "expected": case.expected,
                "actual": case.actual,
                "why": case.why,
                "errors": case.errors,
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
    cases: Callable[[Path], Iterable[Case]] | None = None,
) -> ConformanceReport:
    """Runs the folder's cases, of all measures or those named; `done` is told of each measure as it is finished.

    `cases` reads them, for those who change them on the way.

    A measure that cannot be compiled has all its cases disagree, with the reason. Raises NotFound and BadRequest for
    a folder or file of the package that cannot be read; a case that cannot is named in the report.
    """
    package = read_package(folder, value_sets=value_sets, libraries=libraries)
    engine = Engine(package)
    wanted = {measure_name(package.measure(name)) for name in only}
    by_measure: dict[str, list[Case]] = {}
    unjudged = [Unjudged(name, why) for name, why in package.unreadable.items()]
    for case in cases(folder) if cases else read_cases(folder, unjudged.append):
        name = _measure_of(package, case)
        if not wanted or name in wanted:
            by_measure.setdefault(name, []).append(case)
    reports = []
    for name, of_measure in by_measure.items():
        records = Records(engine.texts, declared_only=any(map(_declares, of_measure)))
        report = _measure(
            engine, package, name, [(records.add_patient(one.resources), one) for one in of_measure], records
        )
        done(report)
        reports.append(report)
    return ConformanceReport(reports, unjudged)


def _measure_of(package: Package, case: Case) -> str:
    """The measure's name, whether the case gives that, its id or its address."""
    try:
        return measure_name(package.measure(case.measure))
    except AlmonerError:
        return case.measure.partition("|")[0].rsplit("/", 1)[-1]


def _declares(case: Case) -> bool:
    """Do its resources say which profiles they follow? A measure's cases that never do are judged by content."""
    return any((one.get("meta") or {}).get("profile") for one in case.resources)


def _measure(
    engine: Engine, package: Package, name: str, cases: list[tuple[int, Case]], records: Records
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
        periods.setdefault(case.period or compiled.measure.period or period_now(), []).append(number)
    found: dict[int, CaseReport] = {}
    for period, numbers in periods.items():
        found |= _judged(engine, compiled, records, period, {number: cases[number] for number in numbers})
    urls = compiled.program.value_sets
    return MeasureReport(
        name,
        [found[number] for number in range(len(cases))],
        process_time() - begin,
        {what: str(place) for what, place in compiled.program.unsupported.items()},
        not_evaluable(compiled.program),
        sorted(url for url in urls if package.value_set(url) is None),
        cut_value_sets(package, urls),
    )


def _judged(
    engine: Engine,
    compiled: Compiled,
    records: Records,
    period: tuple[str, str],
    cases: Mapping[int, tuple[int, Case]],
) -> dict[int, CaseReport]:
    """The cases of one period, together. What stops them all is looked for case by case, and said of that one."""
    try:
        run = engine.run(records, period, np.array([row for row, _ in cases.values()]))
        result = engine.evaluate(compiled, run)
        compared = [_compare(case, result, at) for at, (_, case) in enumerate(cases.values())]
        return dict(zip(cases, compared, strict=True))
    except Exception as error:
        if len(cases) > 1:
            return {
                number: _judged(engine, compiled, records, period, {number: case})[number]
                for number, case in cases.items()
            }
        why = (
            str(error)
            if isinstance(error, AlmonerError)
            else f"It cannot be judged ({type(error).__name__})."
        )
        return {
            number: CaseReport(case.name, _expected(case), {}, [why]) for number, (_, case) in cases.items()
        }


def _expected(case: Case) -> dict:
    return {one.group: one.populations for one in case.expected}


def _compare(case: Case, result: Result, position: int) -> CaseReport:
    groups = {one.group.id: one for one in result.groups}
    measure = result.compiled.measure
    report = CaseReport(case.name, _expected(case), {})
    if not case.expected:
        report.why.append("The case expects nothing of any group.")
    for place, expected in enumerate(case.expected):
        group = matching_group(measure.groups, expected, place)
        if group is None:
            report.why.append(f"The case expects a group '{expected.group}' that the measure does not have.")
            continue
        found = groups[group.id]
        report.actual[expected.group] = _actual(found, position)
        report.why += _counts_apart(result, found, expected, position)
        report.why += strata_apart(found, expected, position)
        report.why += score_apart(found, expected, position)
    errors = [error for error in result.errors if position in error.patients]
    report.errors = [f"{error.message} at {error.place}" for error in errors]
    if report.why or any(error.unsupported for error in errors):
        report.why += [f"Run-time error: {error}" for error in report.errors]
    return report


def _actual(found: GroupResult, position: int) -> dict:
    counts = {one: found.count(one, position) for one in found.members}
    values = {one: found.observed(one, position) for one in found.observations}
    return {**counts, **values}


def _counts_apart(result: Result, found: GroupResult, expected: ExpectedGroup, position: int) -> list[str]:
    counts, observed = expected_counts(found.group, expected)
    actual, why = _actual(found, position), []
    for name, wanted in counts.items():
        if actual.get(name) != wanted:
            why.append(_why(result, found, name, wanted, actual.get(name), position))
    for name, wanted_values in observed.items():
        if not same_values(wanted_values, actual.get(name, [])):
            why.append(f"{name}: expected values {wanted_values}, found {actual.get(name, [])}.")
    return why


def _why(result: Result, group: GroupResult, name: str, wanted: int, count: int | None, position: int) -> str:
    population = next((one for one in group.group.populations if one.id == name), None)
    if population is None or count is None:
        return f"{name}: expected {wanted}, but the measure has no such population."
    column = result.run.patient_column(result.compiled.criteria[group.group.id][name])
    value = plain(column, position, result.run.texts)
    return f'{name}: expected {wanted}, found {count}; "{population.expression}" is {value}.'
