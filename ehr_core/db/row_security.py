"""Row-level security: who sees which row, by the actor that the transaction names. The one place where it is said.

The settings `almoner.actor`, `almoner.reach`, `almoner.patient`, `almoner.chart`, `almoner.labels` and those of
`StaffWalls` are set per transaction (see database.py). Unset means no rows. `FORCE` makes the policy hold for the
tables' owner too.

Reaches: `all`; `all_but` the charts that a rule shuts; `listed` charts alone (panel, care team, site, broken glass);
`own` of a patient; `one` chart that an outside application was opened for; `none`.
"""

from __future__ import annotations

from typing import Protocol

APP_ROLE = "almoner_app"

EVERYONE = "current_setting('almoner.reach', true) = 'all'"
OWN = "current_setting('almoner.reach', true) = 'own' AND {column} = current_setting('almoner.patient', true)"
SOMEONE = "coalesce(current_setting('almoner.actor', true), '') <> ''"

STAFF = "current_setting('almoner.reach', true) IN ('all', 'all_but', 'listed')"
ONE_PATIENT = (
    "current_setting('almoner.reach', true) IN ('own', 'one') "
    "AND {column} = current_setting('almoner.patient', true)"
)
KNOWN_OPEN = "{column} = current_setting('almoner.chart', true)"
"""The chart that `access.open_chart` found open in this transaction: its rows need no look-up each. It may be a
patient's own, so it is no arm where patients have nothing to see."""
MOST = "CASE current_setting('almoner.reach', true) WHEN 'all' THEN true ELSE false END"
"""EVERYONE in words of which the planner thinks that many rows pass: it stops at the first page of a sorted index."""
NAMED = (
    "(current_setting('almoner.reach', true) = 'all_but' OR (current_setting('almoner.reach', true) = 'listed' "
    "AND (EXISTS (SELECT FROM access.chart_link l WHERE l.patient_id = {column} "
    "AND l.holder = ANY (string_to_array(current_setting('almoner.holders', true), ','))) "
    "OR (current_setting('almoner.rules', true) <> 'none' AND {column} IN (SELECT access.let_in()))))) "
    "AND (current_setting('almoner.rules', true) = 'none' OR {column} IS NULL "
    "OR {column} NOT IN (SELECT access.shut_patients()))"
)
"""All charts or the listed ones, without the shut. A look into an index a row, or one set for a scan, as the planner
likes; rules are asked only where there are any. Each look costs even where it is not taken, so none stands twice."""
LABELS = "{column} IS NULL OR access.label_open({column}, {patient})"
CONTEXT_SEEN = (
    '"{table}".context IS NULL OR EXISTS '
    '(SELECT FROM fhir.security_context c WHERE c.reference = "{table}".context)'
)
"""The rows of Binaries that belong to nothing, or to what this actor sees today: that table has policies of its own."""

STANDARD_GRANTS = ("SELECT", "INSERT", "UPDATE")


class Operations(Protocol):
    def execute(self, sql: str) -> object: ...


def chart_condition(patient_column: str, *, patients_too: bool = True) -> str:
    """The rows of the charts that the actor of this transaction may open, as SQL."""
    arms = [MOST, NAMED]
    if patients_too:
        arms = [MOST, KNOWN_OPEN, NAMED, ONE_PATIENT]
    return " OR ".join(f"({arm.format(column=patient_column)})" for arm in arms)


def label_condition(label_column: str, patient_column: str) -> str:
    """The rows without a sensitive label, and those whose labels this actor may see, as SQL."""
    return LABELS.format(column=label_column, patient=patient_column)


def protect(
    op: Operations,
    table: str,
    patient_column: str = "patient_id",
    *,
    grants: tuple[str, ...] = STANDARD_GRANTS,
) -> None:
    """Rows of one patient each: seen and written by whoever may open that patient's chart.

    A row whose patient is null is out of reach for 'own'. `table` is schema-qualified; add "DELETE" to `grants`
    where rows may go. What is written here is what the first migrations know; `apply_policies` says the rest.
    """
    allowed = f"{EVERYONE} OR ({OWN.format(column=patient_column)})"
    _secure(op, table, grants)
    op.execute(f"CREATE POLICY by_patient ON {table} USING ({allowed}) WITH CHECK ({allowed})")


def protect_shared(op: Operations, table: str, *, grants: tuple[str, ...] = STANDARD_GRANTS) -> None:
    """Rows of no patient (organizations, clinicians): any named actor reads them, staff write them."""
    _secure(op, table, grants)
    op.execute(f"CREATE POLICY named_actor_reads ON {table} FOR SELECT USING ({SOMEONE})")
    op.execute(f"CREATE POLICY everyone_writes ON {table} USING ({EVERYONE}) WITH CHECK ({EVERYONE})")


def protect_staff_only(op: Operations, table: str, *, grants: tuple[str, ...] = STANDARD_GRANTS) -> None:
    """Rows that no patient reaches, whatever they hold; where they are a patient's, staff who may open the chart."""
    _secure(op, table, grants)
    op.execute(f"CREATE POLICY everyone_only ON {table} USING ({EVERYONE}) WITH CHECK ({EVERYONE})")


def _secure(op: Operations, table: str, grants: tuple[str, ...]) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT {', '.join(grants)} ON {table} TO {APP_ROLE}")
