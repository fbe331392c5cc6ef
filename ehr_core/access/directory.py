"""Who of the staff may do something, as the clinicians' directory knows them: for handing work to somebody."""

from __future__ import annotations

from sqlalchemy import Connection, text

from ehr_core.access.roles import permissions_by_role


def practitioners_who_may(connection: Connection, permission: str) -> dict[str, str]:
    """Name by practitioner id of every open account whose role gives this permission, by name."""
    roles = [role for role, given in permissions_by_role().items() if permission in given]
    rows = connection.execute(
        text(
            "SELECT practitioner_id, min(display_name) AS name FROM access.account "
            "WHERE NOT disabled AND practitioner_id IS NOT NULL AND roles && CAST(:roles AS text[]) "
            "GROUP BY practitioner_id ORDER BY name"
        ),
        {"roles": roles},
    )
    return {row.practitioner_id: row.name for row in rows}
