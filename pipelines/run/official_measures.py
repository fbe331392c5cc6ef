"""Official measures from a package folder: conformance, explanation, and a population's results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow.parquet as pq

from ehr_core.kernel.errors import NotFound
from pipelines.measures.elm.conformance import ConformanceReport, MeasureReport, run_conformance
from pipelines.measures.elm.counted import Counted, group_score
from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.explain import explain_measure
from pipelines.measures.elm.kept import engine_of
from pipelines.measures.elm.measure import Measure
from pipelines.measures.elm.packages import read_package
from pipelines.measures.elm.population import laid_by_batch, needed_types
from pipelines.measures.elm.reports import summary_report
from pipelines.measures.elm.results import SCHEMA, Period
from pipelines.measures.elm.supported import operators_page
from pipelines.run.judged_batches import Asked, judged_batches

__all__ = [
    "ConformanceReport",
    "Evaluated",
    "MeasureReport",
    "Period",
    "conformance",
    "evaluate",
    "explain",
    "operators_page",
]


def conformance(
    folder: Path,
    *,
    value_sets: Path | None = None,
    libraries: Path | None = None,
    only: Iterable[str] = (),
    report: Path | None = None,
    done: Callable[[MeasureReport], None] = lambda _: None,
) -> ConformanceReport:
    """Runs the folder's cases and writes the JSON report where one is asked for."""
    found = run_conformance(folder, value_sets=value_sets, libraries=libraries, only=only, done=done)
    if report is not None:
        report.write_bytes(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2))
    return found


def explain(folder: Path, measure: str, definition: str | None, *, libraries: Path | None = None) -> str:
    """A definition of the measure in the engine's own form, or the list of its populations."""
    return explain_measure(Engine(read_package(folder, libraries=libraries)), measure, definition)


@dataclass
class Evaluated:
    """One measure over a population: what was counted per group, and people who could not be judged."""

    measure: Measure
    counts: dict[str, Counted]

    @property
    def not_evaluable(self) -> int:
        return max((one.not_evaluable for one in self.counts.values()), default=0)

    def add(self, counts: Mapping[str, Counted]) -> None:
        """Adds what was counted in another batch of people."""
        for group, of_group in counts.items():
            self.counts[group].add(of_group)

    def scores(self) -> dict[str, float | None]:
        """By group; None where there is no score."""
        return {
            group.id: group_score(group, self.counts[group.id].members, self.counts[group.id].observed)
            for group in self.measure.groups
        }


def evaluate(
    package: Path,
    resources: Path,
    period: Period,
    out: Path,
    *,
    only: Iterable[str] = (),
    key_id: str = "none",
    individual: bool = False,
    workers: int = 1,
    done: Callable[[int, int], None] = lambda *_: None,
) -> list[Evaluated]:
    """Evaluates measures over a folder of NDJSON files, one per resource type, batch by batch, in so many processes.

    Writes `measure_results.parquet` (columns of `official_results`) and a summary MeasureReport per measure into `out`,
    and with `individual` a `MeasureReport.ndjson` with a report of each person of an initial population. `done` is told
    how many people of how many have been measured. Raises NotFound when the folder holds no Patient file.
    """
    engine = engine_of(package)
    names = [engine.package.measure(name)["name"] for name in only] or sorted(engine.package.measures)
    compiled = [engine.compile(name) for name in names]
    found = [
        Evaluated(one.measure, {group.id: Counted() for group in one.measure.groups}) for one in compiled
    ]
    out.mkdir(parents=True, exist_ok=True)
    people = 0
    with (
        pq.ParquetWriter(out / "measure_results.parquet", SCHEMA, compression="zstd") as writer,
        (out / "MeasureReport.ndjson").open("wb") if individual else nullcontext() as reports,
        laid_by_batch(_files(resources), needed_types(compiled), beside=out) as laid,
    ):
        asked = Asked(package, tuple(names), period, key_id, individual)
        for judged in judged_batches(asked, laid, workers):
            writer.write_table(judged.rows)
            for total, counts in zip(found, judged.counts, strict=True):
                total.add(counts)
            if reports is not None:
                reports.writelines(one + b"\n" for one in judged.reports)
            people += judged.people
            done(people, laid.people)
    for total in found:
        report = summary_report(total.measure, total.counts, period)
        content = orjson.dumps(report, option=orjson.OPT_INDENT_2)
        (out / f"{total.measure.name}.MeasureReport.json").write_bytes(content)
    return found


def _files(folder: Path) -> dict[str, list[Path]]:
    """The NDJSON files of a folder by resource type: `Patient.ndjson`, `Patient-2.ndjson.zst` …"""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.ndjson*")):
        kind = path.name.partition(".")[0].partition("-")[0]
        files.setdefault(kind, []).append(path)
    if "Patient" not in files:
        raise NotFound(
            f"'{folder}' has no Patient.ndjson. Name a folder with one NDJSON file per resource type."
        )
    return files
