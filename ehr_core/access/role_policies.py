"""What this site says of a role's reach and labels in place of roles.toml; it counts from everybody's next call on."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

from ehr_core.access.roles import REACHES, STAFF_ROLES, RolePolicy
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest


def site_policies(connection: Connection) -> dict[str, RolePolicy]:
    """By role; only those of which the site has said something."""
    rows = connection.execute(text("SELECT role, reach, labels FROM access.role_policy"))
    return {row.role: RolePolicy(row.reach, frozenset(row.labels)) for row in rows}


def set_role_policy(work: UnitOfWork, role: str, *, reach: str, labels: Collection[str]) -> None:
    """Raises BadRequest for a role or a reach that there is not."""
    work.actor.require("access.manage")
    if role not in STAFF_ROLES:
        raise BadRequest(f"There is no staff role '{role}'. Choose from {', '.join(sorted(STAFF_ROLES))}.")
    if reach not in REACHES:
        raise BadRequest(f"The reach '{reach}' is not known. Choose from {', '.join(REACHES)}.")
    work.connection.execute(
        text(
            "INSERT INTO access.role_policy (role, reach, labels, changed_at, changed_by) "
            "VALUES (:role, :reach, :labels, :now, :by) ON CONFLICT (role) DO UPDATE SET reach = excluded.reach, "
            "labels = excluded.labels, changed_at = excluded.changed_at, changed_by = excluded.changed_by"
        ),
        {
            "role": role,
            "reach": reach,
            "labels": sorted(set(labels)),
            "now": work.now(),
            "by": work.actor.actor_id,
        },
    )
    work.audit("role_policy_set", detail={"role": role, "reach": reach, "labels": sorted(set(labels))})
