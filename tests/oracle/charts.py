"""Charts for two engines to judge: Synthea's patients, and edge cases made of the official cases by small mischief."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.profiles import has_profile
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.survey import data_requirements, reachable

MOMENT = re.compile(r'"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}:\d{2})"')
DATED = re.compile(r'"\d{4}-\d{2}-\d{2}(?:T[^"]*)?"')
EDGES = (
    "2026-01-01T00:00:00.000Z",
    "2025-12-31T23:59:59.999Z",
    "2026-12-31T23:59:59.999Z",
    "2027-01-01T00:00:00.000Z",
    "2026-02-28T12:00:00.000Z",
    "2024-02-29T12:00:00.000Z",
)
ZONES = ("-05:00", "+14:00", "-12:00", "+05:30")
UNITS = ("mmol/L", "1", "{score}", "g/dL", "kg", "[lb_av]", "h", "mo", "[degF]")


@dataclass
class Chart:
    """One patient's resources; `what` says where they come from."""

    what: str
    resources: list[dict]

    @property
    def patient(self) -> str:
        return next(one["id"] for one in self.resources if one["resourceType"] == "Patient")


def synthea(folder: Path, engine: Engine, measures: Sequence[Compiled]) -> list[Chart]:
    """The patients with references by type and id, and every resource with the profiles whose rules it follows.

    fqm-execution knows declared profiles only; so both engines get them declared.
    """
    charts = []
    for file in sorted(folder.glob("*.json.gz")):
        bundle = orjson.loads(gzip.decompress(file.read_bytes()))
        entries = [one for one in bundle["entry"] if one["resource"].get("id")]
        names = {
            one["fullUrl"]: f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in entries
        }
        text = orjson.dumps([one["resource"] for one in entries]).decode()
        text = re.sub(r'"(urn:uuid:[^"]+)"', lambda found: f'"{names.get(found[1], found[1])}"', text)  # noqa: B023
        resources = orjson.loads(text)
        if any(one["resourceType"] == "Patient" for one in resources):
            charts.append(Chart(f"Synthea {file.name.partition('.')[0]}", resources))
    declare_profiles(engine, measures, [chart.resources for chart in charts])
    return charts


def declare_profiles(engine: Engine, measures: Sequence[Compiled], charts: Sequence[list[dict]]) -> None:
    """Adds to each resource the profiles, of those that the measures retrieve, that it follows by what it says."""
    nodes = reachable(
        node for one in measures for criteria in one.criteria.values() for node in criteria.values()
    )
    wanted = {(kind, profile) for kind, profile, _ in data_requirements(nodes) if profile}
    records = Records(engine.texts)
    for chart in charts:
        records.add_patient(chart)
    followed = [
        (records.table(kind)[0], profile, has_profile(records.table(kind)[0], profile, declared_only=False))
        for kind, profile in sorted(wanted)
    ]
    for table, profile, rows in followed:
        for row in rows.nonzero()[0]:
            table.value(row).setdefault("meta", {}).setdefault("profile", []).append(profile)


def edge_cases(charts: Sequence[Chart], count: int, seed: int) -> list[Chart]:
    """That many charts, each one of those given with one thing put out of the ordinary."""
    draw = random.Random(seed)
    found = []
    while len(found) < count:
        base, mischief = draw.choice(charts), draw.choice(list(MISCHIEF))
        text = orjson.dumps(base.resources).decode()
        changed = MISCHIEF[mischief](text, draw)
        if changed != text:
            name = f"edge{len(found)}"
            resources = orjson.loads(changed.replace(base.patient, name))
            found.append(Chart(f"{base.what}, {mischief}", resources))
    return found


def _one_of(
    pattern: re.Pattern[str], change: Callable[[re.Match[str]], str]
) -> Callable[[str, random.Random], str]:
    """Changes one of the places where the pattern is found."""

    def changed(text: str, draw: random.Random) -> str:
        places = list(pattern.finditer(text))
        if not places:
            return text
        place = draw.choice(places)
        return text[: place.start()] + change(place) + text[place.end() :]

    return changed


def _boundary(text: str, draw: random.Random) -> str:
    edge = draw.choice(EDGES)
    return _one_of(MOMENT, lambda _: f'"{edge}"')(text, draw)


def _zone(text: str, draw: random.Random) -> str:
    zone = draw.choice(ZONES)
    return _one_of(MOMENT, lambda found: f'"{found[1]}T{found[2]}.000{zone}"')(text, draw)


def _unit(text: str, draw: random.Random) -> str:
    unit = draw.choice(UNITS)
    changed = re.sub(r'"unit":"[^"]*"', f'"unit":"{unit}"', text)
    return re.sub(r'("unit":"[^"]*"[^{}]*"code":)"[^"]*"', rf'\1"{unit}"', changed)


def _values_gone(text: str, draw: random.Random) -> str:
    resources = orjson.loads(text)
    holders = [one for one in resources if any(key.startswith("value") for key in one)]
    for one in holders[: draw.randint(1, 3)]:
        for key in [key for key in one if key.startswith("value")]:
            del one[key]
    return orjson.dumps(resources).decode()


def _part_gone(*keys: str) -> Callable[[str, random.Random], str]:
    def changed(text: str, draw: random.Random) -> str:
        resources = orjson.loads(text)
        holders = [one for one in resources if one["resourceType"] != "Patient" and set(keys) & set(one)]
        if holders:
            one = draw.choice(holders)
            del one[draw.choice(sorted(set(keys) & set(one)))]
        return orjson.dumps(resources).decode()

    return changed


MISCHIEF: dict[str, Callable[[str, random.Random], str]] = {
    "a moment on the edge of the period": _boundary,
    "a moment in another zone": _zone,
    "a date of a month only": _one_of(DATED, lambda found: f'{found[0][:8]}"'),
    "a date of a year only": _one_of(DATED, lambda found: f'{found[0][:5]}"'),
    "a moment without its time": _one_of(MOMENT, lambda found: f'"{found[1]}"'),
    "other units": _unit,
    "values that are not there": _values_gone,
    "a code that is not there": _part_gone("code", "type", "medicationCodeableConcept", "category"),
    "a status that is not there": _part_gone("status", "clinicalStatus", "verificationStatus", "intent"),
    "a time that is not there": _part_gone(
        "period", "effectiveDateTime", "effectivePeriod", "performedPeriod", "performedDateTime", "onsetDateTime",
        "authoredOn", "birthDate",
    ),
    "a code of no system": _one_of(re.compile(r'"system":"http://(?:snomed|loinc|www.nlm)[^"]*",'), lambda _: ""),
}  # fmt: skip


def of_cases(cases: Iterator) -> list[Chart]:
    return [Chart(f"{case.measure} {case.name[:8]}", case.resources) for case in cases]
