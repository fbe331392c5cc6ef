"""Row-level security for migrations: who sees which row, by the actor that the transaction names.

The settings `almoner.actor`, `almoner.reach` and `almoner.patient` are set per transaction (see database.py).
Unset means no rows. `FORCE` makes the policy hold for the tables' owner too.
"""

from __future__ import annotations

from typing import Protocol

APP_ROLE = "almoner_app"

EVERYONE = "current_setting('almoner.reach', true) = 'all'"
OWN = "current_setting('almoner.reach', true) = 'own' AND {column} = current_setting('almoner.patient', true)"
SOMEONE = "coalesce(current_setting('almoner.actor', true), '') <> ''"

STANDARD_GRANTS = ("SELECT", "INSERT", "UPDATE")


class Operations(Protocol):
    def execute(self, sql: str) -> object: ...


def protect(
    op: Operations,
    table: str,
    patient_column: str = "patient_id",
    *,
    grants: tuple[str, ...] = STANDARD_GRANTS,
) -> None:
    """Rows of one patient each: seen and written with reach 'all', or with reach 'own' by that patient.

    A row whose patient is null is out of reach for 'own'. `table` is schema-qualified; add "DELETE" to `grants`
    where rows may go.
    """
    allowed = f"{EVERYONE} OR ({OWN.format(column=patient_column)})"
    _secure(op, table, grants)
    op.execute(f"CREATE POLICY by_patient ON {table} USING ({allowed}) WITH CHECK ({allowed})")


def protect_shared(op: Operations, table: str, *, grants: tuple[str, ...] = STANDARD_GRANTS) -> None:
    """Rows of no patient (organizations, clinicians): any named actor reads them, reach 'all' writes them."""
    _secure(op, table, grants)
    op.execute(f"CREATE POLICY named_actor_reads ON {table} FOR SELECT USING ({SOMEONE})")
    op.execute(f"CREATE POLICY everyone_writes ON {table} USING ({EVERYONE}) WITH CHECK ({EVERYONE})")


def protect_staff_only(op: Operations, table: str, *, grants: tuple[str, ...] = STANDARD_GRANTS) -> None:
    """Rows that no patient reaches, whatever they hold: reach 'all' only."""
    _secure(op, table, grants)
    op.execute(f"CREATE POLICY everyone_only ON {table} USING ({EVERYONE}) WITH CHECK ({EVERYONE})")


def _secure(op: Operations, table: str, grants: tuple[str, ...]) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT {', '.join(grants)} ON {table} TO {APP_ROLE}")
