"""Proxies: whom somebody acts for in the portal, with what scope, and when age or the law ends it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.ids import new_id

Relationship = Literal["parent", "guardian", "caregiver", "power_of_attorney"]
OF_A_CHILD = frozenset({"parent", "guardian"})
"""Relationships that age narrows and ends."""

PERMISSIONS_OF_SCOPE = {
    "record": frozenset({"own.read"}),
    "replies": frozenset({"own.reply"}),
    "appointments": frozenset({"own.book", "own.check_in"}),
}
SCOPE_OF_A_TEENAGER = frozenset({"appointments"})
"""What is left to a parent from the narrowing age on, unless it was renewed by law."""

ADULT_AT = 18
"""Years. Source: age of majority in nearly every state of the United States."""


@dataclass(frozen=True)
class Grant:
    patient_id: str
    relationship: str
    scope: frozenset[str]
    legally_renewed: bool
    starts_at: datetime
    ends_at: datetime | None


def scope_now(
    grant: Grant, *, birth_date: date | None, today: date, now: datetime, narrowing_age: int
) -> frozenset[str]:
    """What the proxy may do today; empty when nothing. Pure.

    Of a child whose day of birth is not known nobody can say whether it has grown up: nothing.
    """
    if now < grant.starts_at or (grant.ends_at is not None and now >= grant.ends_at):
        return frozenset()
    if grant.relationship not in OF_A_CHILD or grant.legally_renewed:
        return grant.scope
    if birth_date is None:
        return frozenset()
    age = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    if age >= ADULT_AT:
        return frozenset()
    return grant.scope & SCOPE_OF_A_TEENAGER if age >= narrowing_age else grant.scope


def permissions_of_scope(scope: Collection[str]) -> frozenset[str]:
    return frozenset().union(*(PERMISSIONS_OF_SCOPE.get(word, frozenset()) for word in scope))


def grants_of(connection: Connection, account_id: str) -> list[tuple[Grant, date | None]]:
    """Every grant of an account that nobody has ended, also those that are not yet or no longer good, with the
    patient's day of birth.
    """
    rows = connection.execute(
        text(
            "SELECT patient_id, relationship, scope, legally_renewed, starts_at, ends_at, "
            "access.birth_date_of(patient_id) AS born FROM access.proxy_grant "
            "WHERE account_id = :id AND ended_at IS NULL ORDER BY made_at, id"
        ),
        {"id": account_id},
    )
    return [(grant_of_row(row), row.born) for row in rows]


def give_proxy(
    work: UnitOfWork,
    *,
    account_id: str,
    patient_id: str,
    relationship: Relationship,
    scope: Collection[str],
    ends_at: datetime | None = None,
    legally_renewed: bool = False,
) -> str:
    """The grant's id. Raises BadRequest for a scope that there is not, or an account that is no proxy's."""
    work.actor.require("access.manage")
    unknown = sorted(set(scope) - PERMISSIONS_OF_SCOPE.keys())
    if unknown or not scope:
        raise BadRequest(f"The scope is one or more of {', '.join(PERMISSIONS_OF_SCOPE)}.")
    roles = work.connection.execute(
        text("SELECT roles FROM access.account WHERE id = :id"), {"id": account_id}
    ).scalar_one_or_none()
    if roles is None or "proxy" not in roles:
        raise BadRequest("Only an account with the role proxy can act for somebody. Give it the role first.")
    grant_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO access.proxy_grant (id, account_id, patient_id, relationship, scope, legally_renewed, "
            "starts_at, ends_at, made_by, made_at) VALUES (:id, :account_id, :patient_id, :relationship, :scope, "
            ":legally_renewed, :now, :ends_at, :by, :now)"
        ),
        {
            "id": grant_id,
            "account_id": account_id,
            "patient_id": patient_id,
            "relationship": relationship,
            "scope": sorted(set(scope)),
            "legally_renewed": legally_renewed,
            "ends_at": ends_at,
            "now": work.now(),
            "by": work.actor.actor_id,
        },
    )
    work.audit(
        "proxy_given", resource_type="Account", resource_id=account_id, patient_id=patient_id,
        detail={"grant": grant_id, "scope": sorted(set(scope))},
    )  # fmt: skip
    return grant_id


def grants_about(work: UnitOfWork, patient_id: str) -> list[Row]:
    """Everybody who acts for this patient, with the patient's day of birth, the newest first; audited."""
    work.actor.require("access.manage")
    rows = work.connection.execute(
        text(
            "SELECT g.id, g.account_id, a.display_name AS account_name, g.patient_id, g.relationship, g.scope, "
            "g.legally_renewed, g.starts_at, g.ends_at, access.birth_date_of(g.patient_id) AS born "
            "FROM access.proxy_grant g JOIN access.account a ON a.id = g.account_id "
            "WHERE g.patient_id = :patient AND g.ended_at IS NULL ORDER BY g.made_at DESC, g.id"
        ),
        {"patient": patient_id},
    ).all()
    work.audit("proxies_read", patient_id=patient_id, detail={"proxies": len(rows)})
    return list(rows)


def renew_proxy(work: UnitOfWork, grant_id: str, *, legally_renewed: bool, ends_at: datetime | None) -> None:
    """Another end, and whether the law keeps it past the age that would end it. Raises NotFound, BadRequest."""
    work.actor.require("access.manage")
    if ends_at is not None and ends_at <= work.now():
        raise BadRequest("The new end is past. Choose a later day, or end it now.")
    row = work.connection.execute(
        text(
            "UPDATE access.proxy_grant SET legally_renewed = :renewed, ends_at = :ends WHERE id = :id "
            "AND ended_at IS NULL RETURNING patient_id"
        ),
        {"id": grant_id, "renewed": legally_renewed, "ends": ends_at},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such grant, or it has ended.")
    work.audit(
        "proxy_renewed", patient_id=row.patient_id, detail={"grant": grant_id, "by_law": legally_renewed}
    )


def end_proxy(work: UnitOfWork, grant_id: str) -> None:
    """Works at the proxy's next call. Raises NotFound."""
    work.actor.require("access.manage")
    row = work.connection.execute(
        text(
            "UPDATE access.proxy_grant SET ended_at = :now, ended_by = :by WHERE id = :id AND ended_at IS NULL "
            "RETURNING patient_id"
        ),
        {"id": grant_id, "now": work.now(), "by": work.actor.actor_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such grant, or it has ended.")
    work.audit("proxy_ended", patient_id=row.patient_id, detail={"grant": grant_id})


def grant_of_row(row: Row) -> Grant:
    return Grant(
        row.patient_id,
        row.relationship,
        frozenset(row.scope),
        row.legally_renewed,
        row.starts_at,
        row.ends_at,
    )
