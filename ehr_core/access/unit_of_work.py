"""A unit of work: one actor, one transaction, one clock. Everything in it commits together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from ehr_core.access import audit
from ehr_core.access.actor import Actor
from ehr_core.db.database import Database, StaffWalls
from ehr_core.kernel.clock import Clock, SystemClock, site_date


@dataclass
class UnitOfWork:
    """What a service is handed. Services never commit: `begin` does, when its block ends.

    `before_commit` are acts that belong to what was written, done last of all in the same transaction; `noted` is what
    they were told, by name.
    """

    connection: Connection
    actor: Actor
    clock: Clock
    site_time_zone: str
    before_commit: list[Callable[[], None]] = field(default_factory=list)
    noted: dict[str, list[Any]] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Answers of the policy that hold for this transaction, so that a list asks each once."""

    def now(self) -> datetime:
        return self.clock.now()

    def today(self) -> date:
        """Today at the site."""
        return site_date(self.clock, self.site_time_zone)

    def audit(
        self,
        act: str,
        *,
        resource_type: str | None = None,
        resource_id: str | None = None,
        patient_id: str | None = None,
        patient_ids: Iterable[str] | None = None,
        outcome: str = "success",
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Writes an audit row that commits with the act. `patient_ids` seals the list of an export or search."""
        audit.record(
            self.connection,
            self.actor,
            self.now(),
            act,
            resource_type=resource_type,
            resource_id=resource_id,
            patient_id=patient_id,
            patient_ids=patient_ids,
            outcome=outcome,
            detail=detail,
        )


def walls_of(actor: Actor, now: datetime) -> StaffWalls | None:
    """What role and rules leave of the charts to somebody of the staff; None for patients and for our own services."""
    if (actor.kind != "user" and actor.application is None) or actor.kind == "patient":
        return None
    one = actor.application.only if actor.application else None
    return StaffWalls(actor.chart_reach, actor.roles, actor.sees, one, now)


@contextmanager
def begin(
    database: Database,
    actor: Actor,
    clock: Clock,
    site_time_zone: str,
    *,
    isolation: str | None = None,
) -> Iterator[UnitOfWork]:
    """Opens a unit of work; commits when the block ends, rolls back when it raises."""
    with database.transaction(**_as_seen(actor, clock), isolation=isolation) as connection:
        yield from _done(UnitOfWork(connection, actor, clock, site_time_zone))


@contextmanager
def begun(
    database: Database, connection: Connection, actor: Actor, clock: Clock, site_time_zone: str
) -> Iterator[UnitOfWork]:
    """The same within a transaction that has only looked up who this is; whoever opened it commits."""
    database.enter(connection, **_as_seen(actor, clock))
    yield from _done(UnitOfWork(connection, actor, clock, site_time_zone))


def _as_seen(actor: Actor, clock: Clock) -> dict[str, Any]:
    """What the database is told of this actor."""
    return {
        "actor_id": actor.actor_id,
        "reach": actor.reach,
        "patient_id": actor.patient_id,
        "staff": walls_of(actor, clock.now()),
        "labels": actor.labels_seen,
        "roles": actor.roles,
    }


def _done(work: UnitOfWork) -> Iterator[UnitOfWork]:
    yield work
    for act in work.before_commit:
        act()


def audit_refusal(
    database: Database,
    actor: Actor | None,
    act: str,
    reason: str,
    *,
    clock: Clock | None = None,
    resource_type: str | None = None,
    resource_id: str | None = None,
    patient_id: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Records a refused act in a transaction of its own, so that it stays when the act is rolled back.

    `actor` is None before sign-in. `reason` is a short code, such as the error's class name.
    """
    with database.transaction(
        actor_id=actor.actor_id if actor else "nobody", reach="none", patient_id=None
    ) as connection:
        audit.record(
            connection,
            actor,
            (clock or SystemClock()).now(),
            act,
            resource_type=resource_type,
            resource_id=resource_id,
            patient_id=patient_id,
            outcome="refused",
            detail={**(detail or {}), "reason": reason},
        )
