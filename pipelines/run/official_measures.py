"""Official measures from a package folder: conformance with its cases, explanation of a definition, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import orjson

from pipelines.measures.elm.conformance import ConformanceReport, MeasureReport, run_conformance
from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.explain import explain_measure
from pipelines.measures.elm.packages import read_package
from pipelines.measures.elm.survey import Survey, survey

__all__ = ["ConformanceReport", "MeasureReport", "Survey", "conformance", "explain", "inspect"]


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


def inspect(folder: Path, *, value_sets: Path | None = None, libraries: Path | None = None) -> Survey:
    """What the package holds and what it lacks."""
    return survey(Engine(read_package(folder, value_sets=value_sets, libraries=libraries)))
