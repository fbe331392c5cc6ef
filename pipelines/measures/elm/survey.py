"""Surveys a package: does every measure compile, what is missing, cut or not supported, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ehr_core.kernel.errors import AlmonerError
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.nodes import Node, reachable
from pipelines.measures.elm.packages import Package, cut_value_sets
from pipelines.measures.elm.program import not_evaluable


@dataclass
class MeasureSurvey:
    """One measure: `needs` is (resource type, profile, value set or codes) of every retrieve."""

    measure: str
    version: str
    title: str = ""
    problem: str | None = None
    unsupported: dict[str, str] = field(default_factory=dict)
    not_evaluable: list[str] = field(default_factory=list)
    missing_value_sets: dict[str, str] = field(default_factory=dict)
    cut_value_sets: dict[str, str] = field(default_factory=dict)
    needs: list[tuple[str, str, str]] = field(default_factory=list)
    nodes: int = 0

    @property
    def runs(self) -> bool:
        return self.problem is None and not self.unsupported


@dataclass
class Survey:
    measures: list[MeasureSurvey]
    libraries: int
    value_sets: int


def survey(engine: Engine, done: Callable[[int, int, str], None] = lambda *_: None) -> Survey:
    """Compiles every measure of the engine's package. `done` is told which of how many is next."""
    package = engine.package
    measures = []
    for number, name in enumerate(sorted(package.measures), 1):
        done(number, len(package.measures), name)
        measures.append(_measure(engine, name))
    urls = {one.url for one in package.value_sets.values()}
    return Survey(measures, len(package.libraries), len(urls))


def _measure(engine: Engine, name: str) -> MeasureSurvey:
    version = str(engine.package.measures[name].get("version", ""))
    try:
        compiled = engine.compile(name)
    except AlmonerError as error:
        return MeasureSurvey(name, version, problem=str(error))
    found = MeasureSurvey(name, version, compiled.measure.title)
    reached = reachable(node for nodes in compiled.criteria.values() for node in nodes.values())
    found.nodes = len(reached)
    found.unsupported = {what: str(place) for what, place in compiled.program.unsupported.items()}
    found.not_evaluable = not_evaluable(compiled.program)
    _value_sets(found, compiled, engine.package)
    found.needs = data_requirements(reached)
    return found


def _value_sets(found: MeasureSurvey, compiled: Compiled, package: Package) -> None:
    for url, place in compiled.program.value_sets.items():
        if package.value_set(url) is None:
            found.missing_value_sets[url] = str(place)
    found.cut_value_sets = cut_value_sets(package, compiled.program.value_sets)


def data_requirements(nodes: list[Node]) -> list[tuple[str, str, str]]:
    """(resource type, profile, value set URL or codes) of every retrieve among the nodes."""
    needs = set()
    for node in nodes:
        if node.op == "Retrieve":
            codes = asked_codes(node)
            text = codes.get("url") or ", ".join(_codes(codes)) if codes is not None else ""
            needs.add((node["resource"], node.get("profile") or "", text))
    return sorted(needs)


def asked_codes(retrieve: Node) -> Node | None:
    """The value set or codes that a retrieve asks for, if any."""
    arguments = dict(zip(retrieve["roles"], retrieve.args, strict=True))
    return arguments.get("codes") if retrieve.get("code_path") else None


def _codes(node: Node) -> list[str]:
    if node.op == "Code":
        return [f"{node.get('system')}|{node['code']}"]
    return [code for arg in node.args for code in _codes(arg)]
