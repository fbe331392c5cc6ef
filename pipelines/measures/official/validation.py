"""Judges a package before it is kept: which measures can be run here, what is missing, and where it is named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from data_contracts.api.official_measures import MEASURE_ID, OfficialMeasure
from data_contracts.measure_scores import is_known
from data_contracts.official import known_of
from ehr_core.kernel.errors import BadRequest
from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import other_versions, package_of
from pipelines.measures.elm.survey import MeasureSurvey, survey
from pipelines.measures.official.about import about
from pipelines.measures.official.archives import opened
from pipelines.measures.official.contents import gathered, packed

RUN_BY_SCORING = ("proportion", "ratio", "cohort", "continuous-variable")


@dataclass
class Judged:
    """A package: what stands against keeping it (`problems`), what is only to be known (`notes`), its measures."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    surveys: list[MeasureSurvey] = field(default_factory=list)
    libraries: int = 0
    value_sets: int = 0
    measures: list[OfficialMeasure] = field(default_factory=list)
    content: bytes = b""


def judge(
    folder: Path,
    *,
    value_sets: Path | None = None,
    libraries: Path | None = None,
    only: Collection[str] = (),
    done: Callable[[int, int, str], None] = lambda *_: None,
) -> Judged:
    """Everything of the folder or archive, or the measures named (or whose name begins so).

    `done` is told which measure of how many is next. Raises BadRequest for bad JSON or a bad archive.
    """
    places = dict.fromkeys(place for place in (folder, libraries, value_sets) if place is not None)
    with ExitStack() as stack:
        found, not_expanded = gathered(*(stack.enter_context(opened(place)) for place in places))
    found, problems = _chosen(found, only)
    engine = Engine(package_of(found))
    surveyed = survey(engine, done)
    judged = Judged(problems, [], surveyed.measures, surveyed.libraries, surveyed.value_sets)
    if not surveyed.measures:
        judged.problems.append("the package holds no Measure")
    needed = {url for one in surveyed.measures for url in one.missing_value_sets}
    judged.notes += [problem for problem in not_expanded if not any(url in problem for url in needed)]
    judged.notes += [f"{name}: {why}" for name, why in engine.package.unreadable.items()]
    judged.notes += other_versions(engine.package)
    for one in surveyed.measures:
        _judge_measure(judged, one, not_expanded)
    judged.problems += _odd_scoring(engine, [one.measure for one in surveyed.measures if one.runs])
    if not judged.problems:
        for name in sorted(engine.package.measures):
            judged.measures += about(engine, engine.compile(name))
        judged.problems += _of_groups(judged.measures)
        judged.notes += _without_score(judged.measures)
        judged.content = packed(found)
    return judged


def _judge_measure(judged: Judged, one: MeasureSurvey, not_expanded: Collection[str]) -> None:
    problems = [one.problem] if one.problem else []
    problems += [f"not supported: {what} at {place}" for what, place in one.unsupported.items()]
    for url, place in one.missing_value_sets.items():
        why = next((reason for reason in not_expanded if f" {url} " in reason), f"no value set {url}")
        problems.append(f"{why}, named at {place}")
    judged.problems += [f"{one.measure}: {problem}" for problem in problems]
    judged.notes += [f"{one.measure}: not evaluable: {name}" for name in one.not_evaluable]
    judged.notes += [
        f"{one.measure}: value set {url} holds {what}" for url, what in one.cut_value_sets.items()
    ]
    if known_of(one.measure).why:
        judged.notes.append(f"{one.measure}: lower is taken for better. {known_of(one.measure).why}")


def _chosen(found: list[dict], only: Collection[str]) -> tuple[list[dict], list[str]]:
    """The contents without the measures that were not asked for; and measures that are there twice."""
    measures = [one for one in found if one.get("resourceType") == "Measure"]
    names = [str(one.get("name") or one.get("id") or "") for one in measures]
    wanted = (
        set(names) if not only else {name for name in names if any(_begins(name, asked) for asked in only)}
    )
    for asked in only:
        if not any(_begins(name, asked) for name in names):
            raise BadRequest(f"No measure of the package is called '{asked}'.")
    different = Counter(names)
    problems = [f"{name}: is in the package {times} times" for name, times in different.items() if times > 1]
    problems += [
        f"'{name}' is no name for a measure: letters, digits, '.', '_' and '-', at most 60"
        for name in different
        if not re.match(MEASURE_ID, name) or len(name) > 60
    ]
    left_out = {id(one) for one, name in zip(measures, names, strict=True) if name not in wanted}
    return [one for one in found if id(one) not in left_out], problems


def _begins(name: str, asked: str) -> bool:
    rest = name[len(asked) :]
    return name.lower().startswith(asked.lower()) and not rest[:1].isdigit()


def _of_groups(measures: list[OfficialMeasure]) -> list[str]:
    return [f"{one.measure_id}: has no version" for one in measures if not one.version]


def _odd_scoring(engine: Engine, names: Collection[str]) -> list[str]:
    groups = [(name, group) for name in names for group in engine.compile(name).measure.groups]
    return [
        f"{name}: is scored as '{group.scoring}', which is not known: {', '.join(RUN_BY_SCORING)}"
        for name, group in groups
        if group.scoring not in RUN_BY_SCORING
    ]


def _without_score(measures: list[OfficialMeasure]) -> list[str]:
    """Observations that nobody says how to put together: the measure is counted, and has no score."""
    return [
        f"{one.measure_id}: has no score: the observation '{observation.id}' names "
        + (
            f"the aggregate method '{observation.aggregate}', which is not known"
            if observation.aggregate
            else "no aggregate method"
        )
        for one in measures
        for observation in one.populations
        if observation.code == "measure-observation" and not is_known(observation.aggregate)
    ]
