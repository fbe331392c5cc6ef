"""Finds charts that reach a numerator which no case of the package reaches: known charts and some more, tried at once.

What is added is drawn from what the numerator's logic retrieves, on days of the period or within a stay of the chart.
Whether it is reached, the engine says, of all attempts in one evaluation.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from pipelines.measures.elm.engine import Compiled, Engine, Result
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.survey import reachable
from tests.lib.official_chart import chart_resource

ATTEMPTS = 3_000
KEPT = 12
MOST_ADDED = 4
Chart = list[dict]


def completed(
    engine: Engine, compiled: Compiled, charts: Sequence[Chart], period: tuple[str, str], draw: random.Random
) -> list[Chart]:
    """More charts, of persons numbered 1, for each group whose numerator none of the charts reaches."""
    result = _evaluated(engine, compiled, charts, period)
    found: list[Chart] = []
    for place, group in enumerate(compiled.measure.groups):
        for population in group.of("numerator"):
            if _patients(result, place, population.id).size or group.scoring == "cohort":
                continue
            inside = np.unique(
                np.concatenate([_patients(result, place, one.id) for one in group.of("denominator")])
            )
            bases = [charts[row] for row in inside] or list(charts)
            codes = _Codes(engine, compiled.criteria[group.id][population.id], draw)
            tried = [[*(base := draw.choice(bases)), *codes.additions(base)] for _ in range(ATTEMPTS)]
            reached = _patients(_evaluated(engine, compiled, tried, period), place, population.id)
            found += [tried[row] for row in np.unique(reached)[:KEPT]]
    return found


def _evaluated(
    engine: Engine, compiled: Compiled, charts: Sequence[Chart], period: tuple[str, str]
) -> Result:
    records = Records(engine.texts)
    for chart in charts:
        records.add_patient(chart)
    return engine.evaluate(compiled, engine.run(records, period))


def _patients(result: Result, place: int, population: str) -> np.ndarray:
    return result.groups[place].members[population].patients


class _Codes:
    """What a criterion retrieves, and the codes that its logic names."""

    def __init__(self, engine: Engine, criterion: Node, draw: random.Random):
        self.engine, self.draw = engine, draw
        nodes = reachable([criterion])
        self.retrieves = [
            node for node in nodes if node.op == "Retrieve" and node.args and self._codes(node.args[0])
        ]
        named = [node for node in nodes if node.op in ("ValueSet", "Code")]
        self.values = [codes for codes in map(self._codes, named) if codes]

    def _codes(self, node: Node) -> list[tuple[str, str]]:
        if node.op == "ValueSet":
            found = self.engine.package.value_set(node["url"])
            return list(found.codes) if found else []
        if node.op == "Code":
            return [(node["system"], node["code"])]
        return [code for arg in node.args for code in self._codes(arg)]

    def additions(self, chart: Chart) -> Iterator[dict]:
        patient = next(one["id"] for one in chart if one["resourceType"] == "Patient")
        for number in range(self.draw.randint(1, MOST_ADDED)):
            node = self.draw.choice(self.retrieves)
            value = self.draw.choice(self.draw.choice(self.values))
            code = self.draw.choice(self._codes(node.args[0]))
            at = self._moment(chart)
            made = chart_resource(node["resource"], node.get("profile") or "", code, at, self.draw, value)
            if made is not None:
                made = {name: _owned(one, patient) for name, one in made.items()}
                yield {**made, "id": f"added{number}-1"}

    def _moment(self, chart: Chart) -> datetime:
        stays = [
            one["period"]
            for one in chart
            if one["resourceType"] == "Encounter" and "start" in one.get("period", {})
        ]
        if stays and self.draw.random() < 0.7:
            begin = datetime.fromisoformat(self.draw.choice(stays)["start"][:19])
            return begin + timedelta(hours=self.draw.randrange(120))
        return datetime(2026, 1, 1, 8) + timedelta(hours=self.draw.randrange(364 * 24))


def _owned(value, patient: str):
    return {"reference": f"Patient/{patient}"} if value == {"reference": "Patient/@P@"} else value
