"""People for official measures, made at run time: every chart is a story of the package's cases and a background.

A story gives the chart its shape (who counts where); each of its codes is drawn anew from the codes that stand in
exactly the same imported value sets, so no measure can tell the difference. The background is drawn from the value
sets that the measures retrieve, each the rarer the more measures name it: a hospice stay is not everybody's.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import orjson

from pipelines.measures.elm.cases import Case, read_cases
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.survey import reachable
from tests.lib.official_chart import SHARES, chart_resource
from tests.lib.official_search import completed

PERIOD = ("2026-01-01", "2026-12-31")
BACKGROUND = 40
"""Resources of a chart that belong to no story: with it, a chart has some 46."""
DRAWS = 3
"""How often the codes of a story are drawn; people of the same draw differ in their ids only."""
BACKGROUNDS = 30_000
FLUSHED_AFTER = 2_000
NUMBER = "@@"
DAY = re.compile(r'"(\d{4}-\d{2}-\d{2})(?=["T])')

Code = tuple[str, str]
Template = tuple[str, list[bytes]]
"""Resource type, and the parts of its JSON between which a person's number stands."""


class OfficialPeople:
    """Draws people for the measures of an engine; the same seed gives the same people."""

    def __init__(
        self, engine: Engine, folder: Path, only: Sequence[str] = (), *, background: int = BACKGROUND
    ):
        self.compiled = [engine.compile(name) for name in sorted(engine.package.measures)]
        names = {engine.package.measure(name)["name"] for name in only} or set(engine.package.measures)
        self.engine, self.package, self.background = engine, engine.package, background
        self.cases = [case for case in read_cases(folder) if case.measure in names]
        self._draw = random.Random(7)

    def write(self, size: int, folder: Path, first: int = 0) -> int:
        """Writes that many people as one NDJSON file per resource type; returns the number of resources."""
        written = 0
        with ExitStack() as open_files:
            files: dict[str, object] = {}
            lines: dict[str, list[bytes]] = defaultdict(list)
            for number in range(first, first + size):
                for kind, body in self.person(number):
                    lines[kind].append(body)
                    written += 1
                if (number + 1) % FLUSHED_AFTER == 0 or number + 1 == first + size:
                    for kind, bodies in lines.items():
                        if kind not in files:
                            files[kind] = open_files.enter_context((folder / f"{kind}.ndjson").open("ab"))
                        files[kind].write(b"\n".join(bodies) + b"\n")
                    lines.clear()
        return written

    def person(self, number: int) -> Iterator[tuple[str, bytes]]:
        """(resource type, JSON) of one person's chart."""
        name = b"%d" % number
        story = self._draw.choice(self._stories[number % len(self._stories)])
        for kind, parts in story:
            yield kind, name.join(parts)
        for kind, parts in self._draw.choices(self._backgrounds, k=self.background):
            yield kind, name.join(parts)

    @cached_property
    def _nodes(self) -> list[list[Node]]:
        return [reachable(_criteria(one)) for one in self.compiled]

    @cached_property
    def _alike(self) -> Mapping[Code, list[Code]]:
        """Of each code, those of its system that are in the same value sets; a code that logic names has none."""
        urls = sorted({node["url"] for nodes in self._nodes for node in nodes if node.op == "ValueSet"})
        named = {node["code"] for nodes in self._nodes for node in nodes if node.op == "Code"}
        inside: dict[Code, list[int]] = defaultdict(list)
        for place, url in enumerate(urls):
            value_set = self.package.value_set(url)
            for pair in value_set.codes if value_set else ():
                inside[pair].append(place)
        groups: dict[tuple, list[Code]] = defaultdict(list)
        for pair, places in inside.items():
            if pair[1] not in named:
                groups[pair[0], tuple(places)].append(pair)
        return {pair: group for group in groups.values() for pair in group}

    @cached_property
    def _stories(self) -> list[list[list[Template]]]:
        """Of each case its draws, and what was found for the populations that no case reaches."""
        stories = [[self._story(case) for _ in range(DRAWS)] for case in self.cases]
        told = [[orjson.loads(b"1".join(parts)) for _, parts in story[0]] for story in stories]
        wanted = {case.measure for case in self.cases}
        for one in (one for one in self.compiled if one.measure.name in wanted):
            own = [
                resources
                for case, resources in zip(self.cases, told, strict=True)
                if case.measure == one.measure.name
            ]
            stories += [
                [[_template(resource) for resource in found]]
                for found in completed(self.engine, one, own, PERIOD, self._draw)
            ]
        return stories

    def _story(self, case: Case) -> list[Template]:
        templates = []
        for resource in case.resources:
            text = orjson.dumps(self._anew(resource)).decode()
            text = DAY.sub(lambda found: f'"{_moved(found[1], case.period)}', text)
            templates.append((resource["resourceType"], text.encode().split(NUMBER.encode())))
        return templates

    def _anew(self, value, key: str = ""):
        """The JSON with ids of one person, other codes that are in the same value sets, and no displayed words."""
        if isinstance(value, list):
            return [self._anew(one, key) for one in value]
        if isinstance(value, dict):
            pair = (value.get("system"), value.get("code"))
            if key in ("coding", "code") and pair in self._alike:
                return {"system": pair[0], "code": self._draw.choice(self._alike[pair])[1]}
            return {name: self._anew(one, name) for name, one in _identified(value).items()}
        if key == "reference" and isinstance(value, str):
            return _identity(*value.split("/", 1)) if "/" in value else value
        return value

    @cached_property
    def _backgrounds(self) -> list[Template]:
        if not self.background:
            return [("", [])]
        wanted: Counter[tuple[str, str, str]] = Counter()
        for nodes in self._nodes:
            wanted.update({_retrieved(node) for node in nodes if node.op == "Retrieve" and node.args})
        kept = [one for one in wanted if one[2] and self.package.value_set(one[2])]
        weights = _weights({one: 1 / wanted[one] for one in kept})
        made = []
        for place, (kind, profile, url) in enumerate(self._draw.choices(kept, weights, k=BACKGROUNDS)):
            code = self._draw.choice(self.package.value_set(url).codes)
            day = datetime(2024, 1, 1, 8) + timedelta(minutes=self._draw.randrange(1095 * 1440) // 5 * 5)
            resource = chart_resource(kind, profile, code, day, self._draw)
            if resource is not None:
                text = orjson.dumps({**resource, "id": f"b{place}-{NUMBER}"}).replace(b"@P@", b"p@@")
                made.append((kind, text.split(NUMBER.encode())))
        return made


def _template(resource: dict) -> Template:
    """Of a resource of person 1, as `_story` made it."""
    text = orjson.dumps(resource)
    for written, kept in (
        (b'-1"', b'-@@"'),
        (b'Patient/p1"', b'Patient/p@@"'),
        (b'"id":"p1"', b'"id":"p@@"'),
    ):
        text = text.replace(written, kept)
    return resource["resourceType"], text.split(NUMBER.encode())


def _criteria(compiled: Compiled) -> Iterator[Node]:
    for criteria in compiled.criteria.values():
        yield from criteria.values()


def _retrieved(node: Node) -> tuple[str, str, str]:
    return node["resource"], node.get("profile") or "", node.args[0].get("url") or ""


def _weights(rarity: Mapping[tuple[str, str, str], float]) -> list[float]:
    """Of each retrieve, how often it is drawn: a chart's share of the type, divided by rarity."""
    whole: dict[str, float] = defaultdict(float)
    for (kind, _, _), weight in rarity.items():
        whole[kind] += weight
    return [SHARES.get(kind, 1) * weight / whole[kind] for (kind, _, _), weight in rarity.items()]


def _identified(value: dict) -> dict:
    """A resource with an id that no other person's has."""
    kept = {name: one for name, one in value.items() if name not in ("display", "text")}
    if "resourceType" in value and "id" in value:
        kept["id"] = _identity(value["resourceType"], value["id"]).partition("/")[2]
    return kept


def _identity(kind: str, name: str) -> str:
    return f"Patient/p{NUMBER}" if kind == "Patient" else f"{kind}/{name}-{NUMBER}"


def _moved(day: str, period: tuple[str, str]) -> str:
    """The day as far into the one period that is measured as it was into the case's own."""
    away = date.fromisoformat(PERIOD[0]) - date.fromisoformat(period[0])
    try:
        return (date.fromisoformat(day) + away).isoformat() if away else day
    except (ValueError, OverflowError):
        return day
