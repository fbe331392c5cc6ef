"""Official measures over a population: CPU per patient and measure, and how cost grows.

The patients are the official cases' over and over, each with ids of its own and the places that its record names, so
every measure of the period has members; what is empty is named. Their records are small (five
resources on average): a chart of fifty costs more to read, hardly more to judge.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from itertools import cycle, islice
from pathlib import Path

import orjson

from pipelines.measures.elm.cases import read_cases
from pipelines.run.official_measures import Evaluated, Period, evaluate

DATA = Path(os.environ.get("ALMONER_SHARED_DATA", "../shared/data")) / "ecqm"
SIZES = tuple(int(size) for size in os.environ.get("BENCH_PATIENTS", "5000,20000,40000").split(","))
PERIODS = (Period(date(2026, 1, 1), date(2026, 12, 31)),)
MOST_MICROSECONDS = 100
NO_MEMBERS_EXPECTED = ("cohort",)
REFERENCE = re.compile(r'"reference":"(\w+)/([^"]+)"')


def renamed(resource: dict, number: int) -> bytes:
    """The resource with ids that no other copy has."""

    def other(found: re.Match[str]) -> str:
        kind, name = found.groups()
        return f'"reference":"{kind}/{_name(kind, name, number)}"'

    text = REFERENCE.sub(other, orjson.dumps(resource).decode())
    return orjson.dumps({**orjson.loads(text), "id": _name(resource["resourceType"], resource["id"], number)})


def _name(kind: str, name: str, number: int) -> str:
    return f"p{number}" if kind == "Patient" else f"{name}-{number}"


def population(size: int, folder: Path) -> None:
    files: dict[str, Iterator] = {}
    for number, case in enumerate(islice(cycle(list(read_cases(DATA))), size)):
        for resource in case.resources:
            kind = resource["resourceType"]
            if kind not in files:
                files[kind] = (folder / f"{kind}.ndjson").open("wb")
            files[kind].write(renamed(resource, number) + b"\n")
    for file in files.values():
        file.close()


def empty_groups(found: list[Evaluated]) -> list[str]:
    return [
        f"{one.measure.name} {group.id} {code}"
        for one in found
        for group in one.measure.groups
        if group.scoring not in NO_MEMBERS_EXPECTED
        for code in ("denominator", "numerator")
        if not sum(one.counts[group.id][population.id] for population in group.of(code))
    ]


def main() -> int:
    if not DATA.exists():
        print(f"   the official cases are not at {DATA} (ALMONER_SHARED_DATA)")
        return 0
    slow = False
    for size in SIZES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "in"
            folder.mkdir()
            population(size, folder)
            cpu, wall = time.process_time(), time.monotonic()
            found = evaluate(DATA, folder, PERIODS[0], Path(place) / "out")
            cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        each = 1e6 * cpu / size / len(found)
        print(
            f"   {size:>8} people, {len(found)} measures: {cpu:6.1f} CPU s, {wall:6.1f} s, {each:5.1f} µs each"
        )
        slow |= each > MOST_MICROSECONDS
        if empty := empty_groups(found):
            print(f"   empty: {', '.join(empty)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
