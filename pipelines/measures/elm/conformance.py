"""Conformance: every case of a folder against what the measures say, all cases of a measure in one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from time import process_time

import numpy as np

from ehr_core.kernel.errors import AlmonerError
from pipelines.measures.elm.cases import Case, Unjudged, read_cases
from pipelines.measures.elm.compared import CaseReport, compare, expected_of
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.measure import period_now
from pipelines.measures.elm.packages import Package, cut_value_sets, measure_name, read_package
from pipelines.measures.elm.profiles import guide_of
from pipelines.measures.elm.program import not_evaluable
from pipelines.measures.elm.records import Records

OFFICIAL = frozenset(f"http://hl7.org/fhir/us/{guide}/StructureDefinition" for guide in ("core", "qicore"))
"""The guides that the official cases are written by."""


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
        records = Records(engine.texts, declared_only=_declared_guides(of_measure))
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


def _declared_guides(cases: list[Case]) -> frozenset[str]:
    """The guides of which the resources of a measure's cases say that they follow profiles.

    For these they are believed alone, and for QI-Core and US Core as soon as they name any guide; for another guide
    that none of them names, the content decides.
    """
    found: set[str] = set()
    for resource in chain.from_iterable(case.resources for case in cases):
        profiles = (resource.get("meta") or {}).get("profile") or []
        found.update(guide_of(str(one)) for one in profiles)
    return frozenset(found | OFFICIAL) if found else frozenset()


def _measure(
    engine: Engine, package: Package, name: str, cases: list[tuple[int, Case]], records: Records
) -> MeasureReport:
    begin = process_time()
    try:
        compiled = engine.compile(name)
    except AlmonerError as error:
        return MeasureReport(
            name, [CaseReport(case.name, expected_of(case), {}, [str(error)]) for _, case in cases]
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
        compared = [compare(case, result, at) for at, (_, case) in enumerate(cases.values())]
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
            number: CaseReport(case.name, expected_of(case), {}, [why]) for number, (_, case) in cases.items()
        }
