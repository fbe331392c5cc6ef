"""Official measures over a population: CPU per patient and measure, how cost grows, what measures share.

`python -m tests.bench official_measures [PATIENTS ...] [--ten PATIENTS ...] [--workers N]`: the whole imported set,
and ten measures, over so many people each. People are made at run time with codes of the imported value sets
(`tests/lib/official_people`, some 46 resources and 24 kB each), so that every measure has a denominator and a
numerator; an empty one fails the bench, as does too much CPU, too much memory, or cost that grows faster than the
population.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.packages import read_package
from pipelines.measures.elm.survey import reachable
from pipelines.run.official_measures import Evaluated, Period, evaluate
from tests.lib.official_people import PERIOD, OfficialPeople

DATA = Path(os.environ.get("ALMONER_SHARED_DATA", "../shared/data")) / "ecqm"
TEN = tuple(f"CMS{number}" for number in (2, 69, 122, 124, 125, 130, 138, 165, 349, 951))
YEAR = Period(*map(date.fromisoformat, PERIOD))
MOST_MICROSECONDS = 100
"""For the whole set: ten measures have to carry the reading of a chart alone."""
MOST_GIGABYTES = 6
MOST_GROWTH = 1.15
"""How much more a person may cost in a larger population: the clock's own noise."""
NO_MEMBERS_EXPECTED = ("cohort",)
say = Console(width=110, highlight=False)


@dataclass
class Figures:
    """What one evaluation took, in a process of its own."""

    people: int
    measures: int
    cpu_seconds: float
    seconds: float
    gigabytes: float
    not_evaluable: int
    empty: list[str]

    @property
    def microseconds(self) -> float:
        """CPU per person and measure, reading the records and writing the results included."""
        return 1e6 * self.cpu_seconds / self.people / self.measures


def measured(folder: Path, people: int, only: Sequence[str], workers: int) -> Figures:
    cpu, wall = cpu_seconds(), time.monotonic()
    with told(f"{len(only) or 'all'} measures", people) as done:
        found = evaluate(DATA, folder, YEAR, folder / "out", only=only, workers=workers, done=done)
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Figures(
        people,
        len(found),
        cpu_seconds() - cpu,
        time.monotonic() - wall,
        (peaks[0] + (workers * peaks[1] if workers > 1 else 0)) / 1e6,
        sum(one.not_evaluable for one in found),
        empty_groups(found),
    )


@contextmanager
def told(what: str, people: int) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left; where nobody watches, a line after each tenth."""
    console = Console(stderr=True)
    if console.is_terminal:
        with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as bar:
            task = bar.add_task(what, total=people)
            yield lambda done, _: bar.update(task, completed=done)
        return
    begun, tenths = time.monotonic(), 0

    def line(done: int, of: int) -> None:
        nonlocal tenths
        if 10 * done // of > tenths:
            tenths = 10 * done // of
            spent = time.monotonic() - begun
            left = spent * (of - done) / done
            print(f"{what}: {done:,} of {of:,} people, {spent:.0f} s, {left:.0f} s left", file=sys.stderr)

    yield line


def cpu_seconds() -> float:
    """Of this process and its workers."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def empty_groups(found: Sequence[Evaluated]) -> list[str]:
    """Groups without anybody in a denominator or a numerator."""
    return [
        f"{one.measure.name} {group.id} {code}"
        for one in found
        for group in one.measure.groups
        if group.scoring not in NO_MEMBERS_EXPECTED
        for code in ("denominator", "numerator", "measure-population")
        if group.of(code)
        and not sum(one.counts[group.id].members[population.id] for population in group.of(code))
    ]


def compiled_twice() -> list[Compiled]:
    """Compiles the whole set and prints the time it takes, and takes when it is asked for again."""
    begin = time.process_time()
    engine = Engine(read_package(DATA))
    read = time.process_time()
    compiled = [engine.compile(name) for name in sorted(engine.package.measures)]
    cold = time.process_time()
    for one in compiled:
        engine.compile(one.measure.name)
    warm = time.process_time()
    say.print(
        f"{len(compiled)} measures: package read in {read - begin:.2f} s, compiled in {cold - read:.2f} s of CPU; "
        f"asked for again {1e3 * (warm - cold):.2f} ms"
    )
    return compiled


def shared_definitions(compiled: Sequence[Compiled]) -> None:
    """Prints how much of the logic is the same in several measures: it is computed once per batch."""
    named: Counter[str] = Counter()
    nodes: Counter[int] = Counter()
    for one in compiled:
        of_measure = {node.number for node in _reached(one)}
        nodes.update(of_measure)
        named.update({name for number, name in one.program.named.items() if number in of_measure})
    say.print(
        f"operations: {nodes.total():,} written out by measure, {len(nodes):,} distinct; "
        f"{sum(count > 1 for count in nodes.values()):,} of these serve more than one measure"
    )
    for name, count in named.most_common(200):
        if count > 1 and any(word in name for word in ("Hospice", "Frail", "Palliative", "Qualifying")):
            say.print(f"   {name}: {count} measures, computed once")


def _reached(compiled: Compiled):
    return reachable(node for criteria in compiled.criteria.values() for node in criteria.values())


def curve(
    people: OfficialPeople, sizes: Sequence[int], only: Sequence[str], run: Callable[..., Figures]
) -> list[Figures]:
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            people.write(size, Path(place))
            found.append(run(Path(place), size, only))
        one = found[-1]
        say.print(
            f"{one.measures} measures, {size:,} people: {one.cpu_seconds:.1f} s, {one.microseconds:.1f} µs each"
        )
    return found


def table(title: str, found: Sequence[Figures]) -> Table:
    made = Table(
        "people", "measures", "CPU s", "wall s", "µs each", "µs, to the first", "peak GB", "not evaluable"
    )
    made.title = title
    for one in found:
        growth = one.microseconds / found[0].microseconds
        made.add_row(
            f"{one.people:,}",
            str(one.measures),
            f"{one.cpu_seconds:.1f}",
            f"{one.seconds:.1f}",
            f"{one.microseconds:.1f}",
            f"{growth:.2f}",
            f"{one.gigabytes:.2f}",
            str(one.not_evaluable),
        )
    return made


def broken(found: Sequence[Figures]) -> list[str]:
    """What is not as promised."""
    problems = []
    for one in found:
        problems += [f"{one.people:,} people: {name} is empty" for name in one.empty]
        if one.gigabytes > MOST_GIGABYTES:
            problems.append(f"{one.people:,} people: {one.gigabytes:.1f} GB")
        dear = one.measures > len(TEN) and one.people >= 10_000 and one.microseconds > MOST_MICROSECONDS
        if dear:
            problems.append(f"{one.people:,} people: {one.microseconds:.0f} µs each")
        if one.microseconds > MOST_GROWTH * found[0].microseconds:
            problems.append(f"{one.people:,} people cost more each than {found[0].people:,}")
    return problems


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.bench official_measures")
    options.add_argument("people", nargs="*", type=int)
    options.add_argument("--ten", nargs="*", type=int, default=[])
    options.add_argument("--workers", type=int, default=1)
    asked = options.parse_args()
    whole = asked.people or ([] if asked.ten else [5_000, 10_000])
    if not DATA.exists():
        print(f"   the official measures are not at {DATA} (ALMONER_SHARED_DATA)")
        return 0
    say.print(
        f"{os.cpu_count()} cores, load {', '.join(f'{one:.1f}' for one in os.getloadavg())} at the beginning"
    )
    shared_definitions(compiled_twice())
    spawn = multiprocessing.get_context("spawn")
    problems = []
    people = OfficialPeople(Engine(read_package(DATA)), DATA)
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as apart:
        for title, sizes, only in (("the whole set", whole, ()), ("ten measures", asked.ten, TEN)):
            found = curve(
                people, sizes, only, lambda *given: apart.submit(measured, *given, asked.workers).result()
            )
            if found:
                say.print(table(title, found))
                say.print(f"load {', '.join(f'{one:.1f}' for one in os.getloadavg())} at the end")
            problems += [f"{title}, {problem}" for problem in broken(found)]
    for problem in problems:
        say.print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
