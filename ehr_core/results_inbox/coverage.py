"""Coverage for absence: who looks at whose results on which days. Decided when an inbox is read.

A cover who is away is covered in turn: the chain is followed, and a ring of absent clinicians ends at the on-call pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.results_inbox import AddCoverage, CancelCoverage, Coverage
from ehr_core.access.directory import practitioners_who_may
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, InvalidResource, Issue, NotFound, StaleVersion
from ehr_core.results_inbox.pools import ON_CALL, pool_name

Cover = tuple[str | None, str | None]
"""(practitioner, pool): exactly one is set."""


def covers_on(work: UnitOfWork, day: date) -> dict[str, list[Cover]]:
    """Who covers for each absent clinician on that day; several may."""
    found: dict[str, list[Cover]] = {}
    for row in _rows(work, "starts_on <= :day AND ends_on >= :day", {"day": day}):
        found.setdefault(row.away_practitioner, []).append((row.covering_practitioner, row.covering_pool))
    return found


def final_covers(covers: dict[str, list[Cover]], practitioner_id: str) -> list[Cover]:
    """Who is there in the end for somebody who is away; empty for somebody who is not. Pure."""
    ends: list[Cover] = []
    seen, waiting = {practitioner_id}, list(covers.get(practitioner_id, ()))
    while waiting:
        cover = waiting.pop(0)
        person = cover[0]
        if person is None or person not in covers:
            ends.append(cover)
        elif person not in seen:
            seen.add(person)
            waiting += covers[person]
    if practitioner_id in covers and not ends:
        return [(None, ON_CALL)]
    return list(dict.fromkeys(ends))


def covered_by(covers: dict[str, list[Cover]], practitioner_id: str, pools: Sequence[str] = ()) -> list[str]:
    """Those absent clinicians whose results come to this one, as a cover or as a member of a covering pool. Pure."""
    return [
        away
        for away in covers
        if away != practitioner_id
        and any(person == practitioner_id or pool in pools for person, pool in final_covers(covers, away))
    ]


def list_coverage(work: UnitOfWork) -> list[Coverage]:
    """In force or to come, the first to begin first."""
    work.actor.require("result.read")
    names = practitioners_who_may(work.connection, "result.act")
    rows = _rows(work, "ends_on >= :day", {"day": work.today()})
    return [_present(work, row, names) for row in rows]


def add_coverage(work: UnitOfWork, act: AddCoverage) -> list[Coverage]:
    """Raises BadRequest and InvalidResource naming what is wrong."""
    work.actor.require("result.act")
    _check(work, act)
    coverage_id = work.connection.execute(
        text(
            "INSERT INTO results_inbox.coverage (away_practitioner, covering_practitioner, covering_pool, starts_on, "
            "ends_on, made_at, made_by, made_by_name) VALUES (:away, :person, :pool, :starts, :ends, :now, :by, :name) "
            "RETURNING coverage_id::text"
        ),
        {
            "away": act.away_practitioner,
            "person": act.covering_practitioner,
            "pool": act.covering_pool,
            "starts": act.starts_on,
            "ends": act.ends_on,
            "now": work.now(),
            "by": work.actor.actor_id,
            "name": work.actor.name,
        },
    ).scalar_one()
    work.audit("results_inbox.coverage_added", detail={"coverage_id": coverage_id})
    return list_coverage(work)


def _check(work: UnitOfWork, act: AddCoverage) -> None:
    if (act.covering_practitioner is None) == (act.covering_pool is None):
        raise BadRequest("A clinician or a pool covers, one of them.")
    if act.covering_pool is not None:
        pool_name(work, act.covering_pool)
    clinicians = practitioners_who_may(work.connection, "result.act")
    for field in ("away_practitioner", "covering_practitioner"):
        named = getattr(act, field)
        if named is not None and named not in clinicians:
            raise InvalidResource(
                [Issue(field, "This is nobody who has an inbox. Choose from the list.", "value")]
            )
    if act.covering_practitioner == act.away_practitioner:
        raise InvalidResource([Issue("covering_practitioner", "Nobody covers for themselves.", "value")])
    if act.ends_on < max(act.starts_on, work.today()):
        raise InvalidResource(
            [Issue("ends_on", "The last day lies before the first one, or in the past.", "value")]
        )


def cancel_coverage(work: UnitOfWork, coverage_id: str, act: CancelCoverage) -> list[Coverage]:
    """From now on nobody covers. Raises NotFound, StaleVersion, Conflict."""
    work.actor.require("result.act")
    row = work.connection.execute(
        text("SELECT * FROM results_inbox.coverage WHERE coverage_id::text = :id FOR UPDATE"),
        {"id": coverage_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such coverage.")
    if row.cancelled_at is not None:
        raise Conflict(f"{row.cancelled_by_name} has cancelled this coverage already.")
    if row.version != act.version:
        raise StaleVersion("This coverage has changed since you saw it. Look at it again.")
    work.connection.execute(
        text(
            "UPDATE results_inbox.coverage SET cancelled_at = :now, cancelled_by_name = :name, version = version + 1 "
            "WHERE coverage_id = :id"
        ),
        {"now": work.now(), "name": work.actor.name, "id": row.coverage_id},
    )
    work.audit("results_inbox.coverage_cancelled", detail={"coverage_id": coverage_id})
    return list_coverage(work)


def _rows(work: UnitOfWork, condition: str, values: dict[str, Any]) -> Sequence[Row[Any]]:
    return work.connection.execute(
        text(
            f"SELECT * FROM results_inbox.coverage WHERE cancelled_at IS NULL AND {condition} "
            "ORDER BY starts_on, coverage_id"
        ),
        values,
    ).all()


def _present(work: UnitOfWork, row: Row[Any], names: dict[str, str]) -> Coverage:
    covering = (
        names.get(row.covering_practitioner, "An account that is closed")
        if row.covering_practitioner
        else pool_name(work, row.covering_pool)
    )
    return Coverage(
        coverage_id=str(row.coverage_id),
        version=row.version,
        away_practitioner=row.away_practitioner,
        away_name=names.get(row.away_practitioner, "An account that is closed"),
        covering=covering,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        in_force=row.starts_on <= work.today() <= row.ends_on,
        made_by=row.made_by_name,
    )
