"""A second engine, patient by patient, on the same charts: every population of every measure that both run.

Where they disagree, docs/reference/measure-oracle.md says who follows the language and why; nothing else may differ.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import pytest
from rich.console import Console
from rich.table import Table

from pipelines.measures.elm.cases import read_cases
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.packages import read_package
from pipelines.measures.elm.records import Records
from tests.lib.shared_data import shared_data
from tests.oracle.charts import Chart, edge_cases, of_cases, synthea
from tests.oracle.second_oracle import OracleAnswer, ask, oracle_folder

pytestmark = [pytest.mark.long, pytest.mark.timeout(3000)]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "measure-oracle.md"
SYNTHEA_YEARS = ("2017", "2019")
"""The one with members of most measures, and the one with most members."""
EDGES = int(os.environ.get("ALMONER_ORACLE_EDGES", "8"))
"""Edge cases per measure."""
SYNTHEA_EVERY = int(os.environ.get("ALMONER_ORACLE_EVERY", "4"))
"""Of Synthea's patients each fourth: the second engine takes some ten minutes for all of them in a year."""


@dataclass
class Compared:
    """One measure on some charts, by both engines: (chart, group, population, ours, theirs) where they differ.

    Charts on which either ends in a run-time error are left out: `errors` are theirs.
    """

    measure: str
    charts: int
    ours_seconds: float
    theirs_seconds: float
    members: int
    differences: list[tuple[str, str, str, int, int | None]]
    errors: list[str]


@pytest.fixture(scope="module")
def oracle() -> Path:
    folder = oracle_folder()
    if folder is None:
        pytest.skip(
            "fqm-execution is not in .oracle or ALMONER_FQM (`make oracle` puts it there; it needs Node.js)"
        )
    return folder


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(read_package(shared_data("ecqm")))


def compared(
    engine: Engine, compiled: Compiled, charts: Sequence[Chart], answer: OracleAnswer, period: tuple[str, str]
) -> Compared:
    records = Records(engine.texts, declared_only=True)
    for chart in charts:
        records.add_patient(chart.resources)
    begun = process_time()
    result = engine.evaluate(compiled, engine.run(records, period))
    spent = process_time() - begun
    found = Compared(compiled.measure.name, len(charts), spent, answer.cpu_seconds, 0, [], answer.errors)
    failed = {int(row) for error in result.errors for row in error.patients}
    for row, chart in enumerate(charts):
        theirs = answer.patients.get(chart.patient)
        for group in result.groups:
            for name in group.members:
                ours = group.count(name, row)
                found.members += ours
                if theirs is None or row in failed:
                    continue
                other = theirs.get(group.group.id, {}).get(name)
                if ours != other:
                    found.differences.append((chart.what, group.group.id, name, ours, other))
    return found


def report(title: str, found: Sequence[Compared]) -> None:
    table = Table(
        "measure", "charts", "members", "ours, ms", "fqm, ms", "times", "differ", "fqm errors", title=title
    )
    for one in found:
        ours, theirs = 1e3 * one.ours_seconds / one.charts, 1e3 * one.theirs_seconds / one.charts
        numbers = (f"{ours:.3f}", f"{theirs:.1f}", f"{theirs / ours:.0f}")
        differ = str(len({chart for chart, *_ in one.differences}))
        table.add_row(
            one.measure, str(one.charts), str(one.members), *numbers, differ, str(len(one.errors) or "")
        )
    table.add_section()
    charts = sum(one.charts for one in found)
    ours = 1e3 * sum(one.ours_seconds for one in found) / charts
    theirs = 1e3 * sum(one.theirs_seconds for one in found) / charts
    table.add_row(
        "all",
        f"{charts:,}",
        f"{sum(one.members for one in found):,}",
        f"{ours:.3f}",
        f"{theirs:.1f}",
        f"{theirs / ours:.0f}",
        str(sum(len({chart for chart, *_ in one.differences}) for one in found)),
        str(sum(len(one.errors) for one in found)),
    )
    Console(width=110).print(table)
    for one in found:
        for error in sorted(set(one.errors)):
            print(one.measure, f"fqm-execution ends with: {error}", sep=" | ")
        for difference in one.differences:
            print(one.measure, *difference, sep=" | ")


def explained() -> Counter[str]:
    """How many charts the page says differ, by measure and kind of chart: `| CMS999 | edge | 2 | …`."""
    rows = re.findall(
        r"^\| (\w+) \| (cases|Synthea|edge) \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return Counter({f"{measure} {kind}": int(count) for measure, kind, count in rows})


def number_of(measure: str) -> str:
    """What the page calls a measure: CMS1154 of CMS1154ScreeningPrediabetesFHIR."""
    numbered = re.match(r"CMS\d+", measure)
    return numbered[0] if numbered else measure


def unexplained(kind: str, found: Sequence[Compared]) -> list[str]:
    known, problems = explained(), []
    for one in found:
        count = len({chart for chart, *_ in one.differences})
        told = known[f"{number_of(one.measure)} {kind}"]
        if count > told:
            problems.append(f"{one.measure}: {count} charts differ, {told} are explained")
    return problems


def test_the_official_cases(oracle, engine, tmp_path):
    by_measure: dict[tuple[str, tuple[str, str]], list] = {}
    for case in read_cases(shared_data("ecqm")):
        by_measure.setdefault((case.measure, case.period), []).append(case)
    found = []
    for place, ((name, period), cases) in enumerate(by_measure.items()):
        compiled, charts = engine.compile(name), of_cases(iter(cases))
        resources = [chart.resources for chart in charts]
        answer = ask(oracle, tmp_path / str(place), engine, [compiled], resources, period)[
            compiled.measure.name
        ]
        found.append(compared(engine, compiled, charts, answer, period))
    report("official cases", found)
    assert sum(not one.errors for one in found) >= 58
    assert unexplained("cases", found) == []


@pytest.mark.parametrize("year", SYNTHEA_YEARS)
def test_synthea_patients(oracle, engine, tmp_path, year):
    period = (f"{year}-01-01", f"{year}-12-31")
    measures = [engine.compile(name) for name in sorted(engine.package.measures)]
    charts = synthea(shared_data("synthea-r4"), engine, measures)[::SYNTHEA_EVERY]
    resources = [chart.resources for chart in charts]
    answers = ask(oracle, tmp_path / "work", engine, measures, resources, period)
    found = [compared(engine, one, charts, answers[one.measure.name], period) for one in measures]
    report(f"Synthea patients, {year}", found)
    assert sum(one.members > 0 for one in found) >= 8
    assert unexplained("Synthea", found) == []


def test_edge_cases(oracle, engine, tmp_path):
    by_measure: dict[tuple[str, tuple[str, str]], list] = {}
    for case in read_cases(shared_data("ecqm")):
        by_measure.setdefault((case.measure, case.period), []).append(case)
    found = []
    for place, ((name, period), cases) in enumerate(by_measure.items()):
        compiled, charts = (
            engine.compile(name),
            edge_cases(of_cases(iter(cases)), EDGES, seed=place),
        )
        resources = [chart.resources for chart in charts]
        answer = ask(oracle, tmp_path / str(place), engine, [compiled], resources, period)[
            compiled.measure.name
        ]
        found.append(compared(engine, compiled, charts, answer, period))
    report("edge cases", found)
    assert sum(one.charts for one in found) == EDGES * len(by_measure)
    assert unexplained("edge", found) == []
