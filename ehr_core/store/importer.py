"""Imports FHIR files into the store with several processes; a second run of the same input changes nothing.

What is new is stored at once. What differs from a stored resource waits until everything has been read, and then the
last copy in the input (by file, then by place in it) becomes a new version; earlier copies are counted as superseded.
So the result does not depend on which process was faster, and repeating the import repeats the decision.
What somebody here has changed since it was imported stays, unless the input brings content that was never stored.
An import that was stopped half-way is healed by running it again.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database, DatabaseAway
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import Unavailable
from ehr_core.kernel.settings import Settings
from ehr_core.store.import_prepare import Prepared
from ehr_core.store.import_problems import Problem
from ehr_core.store.import_references import leading_nowhere
from ehr_core.store.import_sources import Part, find_sources, parts_of, resource_parts
from ehr_core.store.import_worker import (
    BATCH,
    SIGHTING,
    Admit,
    Orders,
    PartReport,
    Worker,
    read_waiting,
    replace_batch,
    start_worker,
    take_part,
)
from ehr_core.store.origins import Origin

MOST_PROBLEMS = 1000
"""Problems that a summary keeps; all are counted, and told as they are found to whoever asks for them."""
OrdersFor = Callable[..., Orders]
"""Makes the orders of an import once its folder is there."""
RUN_AGAIN = "What had been stored by then stays; run the import again to finish."


class ProcessStopped(Unavailable):
    """Somebody has killed a process of the import; what it was at is not stored, and can be read again."""


@dataclass
class ImportSummary:
    """Counts by type, and the first problems.

    `read` = stored + unchanged + superseded + changed_here + rejected.
    """

    read: int = 0
    rejected: int = 0
    bytes: int = 0
    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    superseded: Counter[str] = field(default_factory=Counter)
    changed_here: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    seconds: float = 0.0

    @property
    def stored(self) -> int:
        return self.created.total() + self.updated.total()

    def add(self, report: PartReport) -> None:
        self.read += report.read
        self.rejected += report.rejected
        self.bytes += report.bytes
        self.created += report.created
        self.updated += report.updated
        self.unchanged += report.unchanged
        self.superseded += report.superseded
        self.changed_here += report.changed_here
        self.problem_count += len(report.problems)
        self.problems += report.problems[: max(0, MOST_PROBLEMS - len(self.problems))]


Report = Callable[[ImportSummary], None]
"""Called after every part with the counts so far."""
ProblemReport = Callable[[Problem], None]
"""Called for every problem when its part has been read."""


def import_path(
    database: Database,
    actor: Actor,
    paths: Sequence[Path | str],
    *,
    processes: int = 2,
    report: Report | None = None,
    problem: ProblemReport | None = None,
    site_time_zone: str | None = None,
    server: str | None = None,
    origin: Origin | None = None,
    check_claims: bool = True,
) -> ImportSummary:
    """Imports files and folders of Bundles, resources and NDJSON. What is bad is a problem, and the rest is kept.

    `server` is the address of the server that wrote the files: its absolute references are read as ours.
    With an `origin`, what is stored gets its Provenance. What refers to something that is nowhere, or breaks a profile
    that it claims, is a problem too, and is kept; `check_claims` off asks neither.
    Raises BadRequest when there is nothing to import, Unavailable when the database or a process goes away.
    """
    actor.require("fhir.write")
    sources = list(enumerate(find_sources([Path(path) for path in paths])))
    groups = ([pair for pair in sources if pair[1].first], [pair for pair in sources if not pair[1].first])
    zone = site_time_zone or Settings().site_time_zone
    orders = partial(Orders, actor, zone, server=server, origin=origin, check_claims=check_claims)
    run = _Run(report, problem)
    return run.through(
        [parts_of(group) for group in groups], _crews(database, processes, orders), _end(database, orders)
    )


def import_parts(
    database: Database,
    actor: Actor,
    parts: Iterator[Part],
    *,
    processes: int = 1,
    report: Report | None = None,
    problem: ProblemReport | None = None,
    site_time_zone: str | None = None,
    origin: Origin | None = None,
    admit: Admit | None = None,
    check_claims: bool = True,
    settings: Settings | None = None,
) -> ImportSummary:
    """Imports parts that somebody has cut. Raises as `import_path` does, and what `report` raises."""
    actor.require("fhir.write")
    zone = site_time_zone or Settings().site_time_zone
    orders = partial(
        Orders, actor, zone, origin=origin, admit=admit, check_claims=check_claims, settings=settings
    )
    run = _Run(report, problem)
    return run.through([parts], _crews(database, processes, orders), _end(database, orders))


def load_resources(
    database: Database,
    actor: Actor,
    resources: Iterable[tuple[str, bytes]],
    *,
    processes: int = 2,
    report: Report | None = None,
    site_time_zone: str | None = None,
) -> ImportSummary:
    """Imports (type, body) pairs from a program: the way to seed a population. Bodies bring their ids.

    `resources` is consumed in this process while others store what it gave.
    """
    actor.require("fhir.write")
    orders = partial(Orders, actor, site_time_zone or Settings().site_time_zone)
    return _Run(report, None).through([resource_parts(resources)], _crews(database, processes, orders))


class _Run:
    """One import: hands tasks to a crew, adds up what it reports, and tells whoever listens."""

    def __init__(self, report: Report | None, problem: ProblemReport | None):
        self.report = report
        self.problem = problem
        self.summary = ImportSummary()
        self.started = time.monotonic()

    def through(
        self,
        groups: list[Iterator[Part]],
        crew_in: Callable[[Path], _Alone | _Crew],
        afterwards: Callable[[Path], list[Problem]] | None = None,
    ) -> ImportSummary:
        """Stores every group of parts, one group after the other, then what had to wait; then looks at the whole."""
        with tempfile.TemporaryDirectory(prefix="almoner-import-") as folder:
            crew = crew_in(Path(folder))
            try:
                for parts in groups:
                    self._spread(crew, "take", parts)
                self._spread(crew, "replace", _winners(Path(folder), self.summary))
                if afterwards:
                    self._tell(PartReport(problems=afterwards(Path(folder))))
            except BrokenProcessPool:
                raise ProcessStopped(f"A process of the import was stopped. {RUN_AGAIN}") from None
            except DatabaseAway as error:
                raise Unavailable(f"{error.message} {RUN_AGAIN}") from None
            finally:
                crew.close()
        self.summary.seconds = time.monotonic() - self.started
        return self.summary

    def _spread(self, crew: _Alone | _Crew, act: str, tasks: Iterable[Any]) -> None:
        """Few tasks at a time, so that memory stays bounded."""
        running: set[Future[PartReport]] = set()
        for task in tasks:
            running.add(crew.submit(act, task))
            if len(running) > crew.width:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                self._collect(done)
        self._collect(wait(running).done)

    def _collect(self, done: set[Future[PartReport]]) -> None:
        for future in done:
            self._tell(future.result())

    def _tell(self, found: PartReport) -> None:
        self.summary.add(found)
        self.summary.seconds = time.monotonic() - self.started
        if self.problem:
            for problem in found.problems:
                self.problem(problem)
        if self.report:
            self.report(self.summary)


class _Alone:
    """The crew of one: this process does the work."""

    width = 0

    def __init__(self, worker: Worker):
        self.worker = worker

    def submit(self, act: str, task: Any) -> Future[PartReport]:
        done: Future[PartReport] = Future()
        done.set_result(getattr(self.worker, act)(task))
        return done

    def close(self) -> None:
        """Nothing to stop."""


class _Crew:
    """Several processes, each with a connection of its own."""

    def __init__(self, pool: Executor, processes: int):
        self.pool = pool
        self.width = 2 * processes

    def submit(self, act: str, task: Any) -> Future[PartReport]:
        return self.pool.submit({"take": take_part, "replace": replace_batch}[act], task)

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


def _crews(database: Database, processes: int, orders: OrdersFor) -> Callable[[Path], _Alone | _Crew]:
    """What makes the crew when the folder for its notes is there."""

    def crew(folder: Path) -> _Alone | _Crew:
        told = orders(folder=folder)
        if processes <= 1:
            return _Alone(Worker(database, told))
        pool = ProcessPoolExecutor(
            processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=start_worker,
            initargs=(database.url, told),
        )
        return _Crew(pool, processes)

    return crew


def _end(database: Database, orders: OrdersFor) -> Callable[[Path], list[Problem]] | None:
    """What finds the references of an import that lead nowhere, where it was asked to check."""

    def nowhere(folder: Path) -> list[Problem]:
        told = orders(folder=folder)
        with begin(database, told.actor, SystemClock(), told.time_zone) as work:
            notes, seen = sorted(folder.glob("referred-*")), folder.glob("seen-*")
            return list(leading_nowhere(work.connection, notes, seen))

    return nowhere if orders(folder=Path()).check_claims else None


def _winners(folder: Path, summary: ImportSummary) -> Iterator[list[Prepared]]:
    """Of the resources that differ from what is stored, the copies that come last in the input, in batches."""
    notes = sorted(folder.glob("waiting-*"))
    last = {prepared.key: -1 for path in notes for prepared in read_waiting(path)}
    if not last:
        return
    for path in folder.glob("seen-*"):
        for key, order in SIGHTING.iter_unpack(path.read_bytes()):
            if last.get(key, order) < order:
                last[key] = order
    batch: list[Prepared] = []
    for path in notes:
        for prepared in read_waiting(path):
            if prepared.order == last[prepared.key]:
                batch.append(prepared)
            else:
                summary.superseded[prepared.type_name] += 1
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch
