"""One process of an import: takes parts, prepares them, writes batches, and notes what it has seen."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.settings import Settings
from ehr_core.kernel.vault import Vault, use_vault
from ehr_core.store.guides.shelf import guides_in
from ehr_core.store.import_prepare import Preparation, Prepared, Preparer, promoted_by
from ehr_core.store.import_problems import Problem
from ehr_core.store.import_references import ReferenceNotes
from ehr_core.store.import_sources import Part
from ehr_core.store.import_write import Outcome, add_new, replace_changed
from ehr_core.store.origins import Origin
from ehr_core.store.search import find
from ehr_core.store.search_parameters import Search, parameter_list
from ehr_core.store.visible import Sight

BATCH = 4000
"""Resources in one transaction: large enough for set-based work, small enough to be repeated."""
SELDOM = (200_000, 20, 50)
"""New objects before the collector looks at the young ones, and how many such looks before it looks at older ones."""
SIGHTING = struct.Struct("<QQ")
"""(64 bits of type and id, place in the import) of every resource that was read."""
OVERWRITTEN = "is newer than what was changed here, and has replaced it; the change is in the history"


Admit = Callable[[Database, UnitOfWork, Sequence[Prepared]], dict[int, str]]
"""By the place in a part, why what stands there may not be stored."""


@dataclass(frozen=True)
class Orders:
    """What every process of an import is told. `folder` takes the notes on what was seen and what has to wait.

    `settings` are those of the keys by which marked values are sealed; None: those of the environment.
    """

    actor: Actor
    time_zone: str
    folder: Path
    server: str | None = None
    origin: Origin | None = None
    admit: Admit | None = None
    check_claims: bool = False
    settings: Settings | None = None


@dataclass
class PartReport:
    """What became of one part, small enough to travel between processes."""

    read: int = 0
    rejected: int = 0
    bytes: int = 0
    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    superseded: Counter[str] = field(default_factory=Counter)
    changed_here: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.created += outcome.created
        self.updated += outcome.updated
        self.unchanged += outcome.unchanged
        self.superseded += outcome.superseded
        self.changed_here += outcome.changed_here
        self.problems += (
            Problem(
                prepared.origin.file, prepared.origin.line, prepared.origin.element, OVERWRITTEN, kept=True
            )
            for prepared in outcome.overwritten
        )


class Worker:
    """Imports parts as one actor."""

    def __init__(self, database: Database, orders: Orders):
        self.database = database
        self.actor = orders.actor
        self.time_zone = orders.time_zone
        self.clock = SystemClock()
        self.seen = orders.folder / f"seen-{os.getpid()}"
        self.waiting = orders.folder / f"waiting-{os.getpid()}"
        self.origin = orders.origin
        self.admit = orders.admit
        self.found: dict[str, str] = {}
        self.preparer = Preparer(orders.time_zone, self.look_up, orders.server)
        self.preparer.checks_claims = orders.check_claims
        self.references = ReferenceNotes(orders.folder / f"referred-{os.getpid()}")

    def take(self, part: Part) -> PartReport:
        """Prepares and stores a part."""
        with begin(self.database, self.actor, self.clock, self.time_zone) as work:
            self.preparer.guides = guides_in(work.connection)
        done = self.preparer.prepare(part)
        if self.admit is not None:
            self._turn_away(done)
        self.references.add(done)
        report = PartReport(done.read, done.rejected, part.size, problems=done.problems)
        self._note_seen(done.prepared)
        for batch in _batches(done.prepared):
            with begin(self.database, self.actor, self.clock, self.time_zone) as work:
                outcome = add_new(work, self._current(work, batch), self.origin)
            report.add(outcome)
            if outcome.waiting:
                append_waiting(self.waiting, outcome.waiting)
        return report

    def _turn_away(self, done: Preparation) -> None:
        """Takes out what may not be stored, and says why."""
        with begin(self.database, self.actor, self.clock, self.time_zone) as work:
            refused = self.admit(self.database, work, done.prepared)
        for place, reason in refused.items():
            origin = done.prepared[place].origin
            done.note(origin, origin.element, reason)
        done.rejected += len(refused)
        done.prepared = [one for place, one in enumerate(done.prepared) if place not in refused]

    def replace(self, batch: Sequence[Prepared]) -> PartReport:
        """Stores new versions of resources that have waited."""
        report = PartReport()
        with begin(self.database, self.actor, self.clock, self.time_zone) as work:
            report.add(replace_changed(work, self._current(work, batch), self.origin))
        return report

    def _asking(self, work: UnitOfWork) -> Search:
        return Search(Sight(work.actor), self.time_zone, guides=guides_in(work.connection))

    def _current(self, work: UnitOfWork, batch: Sequence[Prepared]) -> list[Prepared]:
        guides = guides_in(work.connection, writing=True)
        return [promoted_by(prepared, guides, self.time_zone) for prepared in batch]

    def look_up(self, reference: str) -> str | None:
        """'Type/id' of the one resource that a conditional reference finds; None otherwise. Found ones are kept."""
        if reference in self.found:
            return self.found[reference]
        type_name, _, query = reference.partition("?")
        try:
            with begin(self.database, self.actor, self.clock, self.time_zone) as work:
                given = parameter_list(query)
                page = find(work.connection, type_name, given, self._asking(work), limit=2)
        except BadRequest:
            return None
        if len(page.resources) != 1:
            return None
        self.found[reference] = page.resources[0].reference
        return self.found[reference]

    def _note_seen(self, prepared: list[Prepared]) -> None:
        with self.seen.open("ab") as file:
            file.write(b"".join(SIGHTING.pack(one.key, one.order) for one in prepared))


def append_waiting(path: Path, waiting: list[Prepared]) -> None:
    with path.open("ab") as file:
        for prepared in waiting:
            pickle.dump(prepared, file, protocol=pickle.HIGHEST_PROTOCOL)


def read_waiting(path: Path) -> Iterator[Prepared]:
    """What `append_waiting` wrote, in this import's own folder that nobody else can write to."""
    with path.open("rb") as file:
        while file.peek(1):
            yield pickle.load(file)  # noqa: S301 (our own notes of a moment ago)


def _batches(prepared: list[Prepared]) -> Iterator[list[Prepared]]:
    for start in range(0, len(prepared), BATCH):
        yield prepared[start : start + BATCH]


_worker: Worker | None = None


def start_worker(url: str, orders: Orders) -> None:
    """Makes this process a worker with a connection of its own, and one more for what is asked in another's name.

    A part holds thousands of live objects and next to no cycles: looking for some again and again is a third of the
    work, so this process looks seldom.
    """
    global _worker
    _end_with_parent()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    if orders.settings is not None:
        use_vault(Vault.of(orders.settings))
    _worker = Worker(connect(url, pool_size=2, application_name="almoner import"), orders)


def _end_with_parent() -> None:
    """Whoever started this process may be killed: then nobody counts what it does, and it must not go on."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, name="end-with-parent", daemon=True).start()


def take_part(part: Part) -> PartReport:
    return _this_worker(lambda worker: worker.take(part))


def replace_batch(batch: list[Prepared]) -> PartReport:
    return _this_worker(lambda worker: worker.replace(batch))


def _this_worker(act: Callable[[Worker], PartReport]) -> PartReport:
    if _worker is None:
        raise RuntimeError("this process is no import worker")
    return act(_worker)
