"""Pools: inboxes of several. A pool without members is everybody's who may act on results, so that none is nobody's."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from data_contracts.api.results_inbox import AddPool, Pool, SetPoolMembers
from ehr_core.access.directory import practitioners_who_may
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue, NotFound
from ehr_core.kernel.ids import new_id

UNASSIGNED, ON_CALL = "unassigned", "on_call"


def all_pools(work: UnitOfWork) -> list[Pool]:
    """Every pool by name, with its members by name."""
    names = practitioners_who_may(work.connection, "result.act")
    rows = work.connection.execute(
        text(
            "SELECT pool.*, coalesce(array_agg(practitioner_id) FILTER (WHERE practitioner_id IS NOT NULL), '{}') "
            "AS members FROM results_inbox.pool LEFT JOIN results_inbox.pool_member USING (pool_id) "
            "GROUP BY pool.pool_id ORDER BY name"
        )
    )
    return [
        Pool(
            pool_id=row.pool_id,
            name=row.name,
            purpose=row.purpose,
            members=sorted(
                ((one, names.get(one, "An account that is closed")) for one in row.members),
                key=lambda pair: pair[1],
            ),
        )
        for row in rows
    ]


def pool_name(work: UnitOfWork, pool_id: str) -> str:
    """Raises NotFound."""
    name = work.connection.execute(
        text("SELECT name FROM results_inbox.pool WHERE pool_id = :id"), {"id": pool_id}
    ).scalar_one_or_none()
    if name is None:
        raise NotFound("There is no such pool.")
    return name


def pools_of(work: UnitOfWork, practitioner_ids: list[str]) -> list[str]:
    """The pools of which one of these is a member, and those that are everybody's."""
    return list(
        work.connection.execute(
            text(
                "SELECT pool_id FROM results_inbox.pool WHERE NOT EXISTS (SELECT 1 FROM results_inbox.pool_member AS m "
                "WHERE m.pool_id = pool.pool_id) OR pool_id IN (SELECT pool_id FROM results_inbox.pool_member "
                "WHERE practitioner_id = ANY(:ids))"
            ),
            {"ids": practitioner_ids},
        ).scalars()
    )


def add_pool(work: UnitOfWork, act: AddPool) -> list[Pool]:
    """A new team pool. Raises Conflict when the name is taken."""
    work.actor.require("result.act")
    pool_id = new_id()
    try:
        with work.connection.begin_nested():
            work.connection.execute(
                text("INSERT INTO results_inbox.pool (pool_id, name, purpose) VALUES (:id, :name, 'team')"),
                {"id": pool_id, "name": act.name.strip()},
            )
    except IntegrityError as error:
        raise Conflict("There is a pool of this name already.") from error
    work.audit("results_inbox.pool_added", detail={"pool_id": pool_id})
    return all_pools(work)


def set_members(work: UnitOfWork, pool_id: str, act: SetPoolMembers) -> list[Pool]:
    """Exactly these are its members from now on. Raises NotFound, or InvalidResource for who may not act on results."""
    work.actor.require("result.act")
    pool_name(work, pool_id)
    if set(act.members) - practitioners_who_may(work.connection, "result.act").keys():
        raise InvalidResource([Issue("members", "Somebody on the list may not act on results.", "value")])
    work.connection.execute(
        text("DELETE FROM results_inbox.pool_member WHERE pool_id = :id"), {"id": pool_id}
    )
    for member in sorted(set(act.members)):
        work.connection.execute(
            text("INSERT INTO results_inbox.pool_member (pool_id, practitioner_id) VALUES (:id, :member)"),
            {"id": pool_id, "member": member},
        )
    work.audit(
        "results_inbox.pool_members_set", detail={"pool_id": pool_id, "members": len(set(act.members))}
    )
    return all_pools(work)
