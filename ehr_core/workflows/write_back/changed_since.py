"""Whom a write-back must leave alone: patients whose record has changed since it was read.

Their answers are on their way through re-measure; an older one must not overwrite them. The lock makes that certain:
no other write-back comes between this look and the commit.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from ehr_core.workflows.write_back.scope import WriteBackScope

WRITE_BACK_LOCK = 0x616C6D77  # an advisory lock of this transaction: one write-back applies at a time
TABLE = "changed_since"


def take_lock(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITE_BACK_LOCK})


def find_changed_since(connection: Connection, scope: WriteBackScope) -> None:
    """Fills the temporary table `changed_since` with the ids of patients that changed after the read."""
    connection.execute(
        text(f"CREATE TEMP TABLE IF NOT EXISTS {TABLE} (patient_id text PRIMARY KEY) ON COMMIT DELETE ROWS")
    )
    connection.execute(text(f"DELETE FROM {TABLE}"))
    if scope.snapshot is None:
        since, values = (
            "transaction_id >= CAST(CAST(:since AS text) AS xid8)",
            {"since": str(scope.outbox_transaction)},
        )
    else:
        since = (
            "transaction_id >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot)) "
            "AND NOT pg_visible_in_snapshot(transaction_id, CAST(:seen AS pg_snapshot))"
        )
        values = {"seen": scope.snapshot}
    connection.execute(
        text(
            f"INSERT INTO {TABLE} SELECT DISTINCT changed.patient_id "
            f"FROM core.outbox, unnest(patient_ids) AS changed (patient_id) WHERE {since} ON CONFLICT DO NOTHING"
        ),
        values,
    )


def leave_out_changed(connection: Connection, delta: str, gone: str, staged: str) -> int:
    """Takes the changed patients out of both staging tables; returns how many staged rows that leaves out."""
    for table in (delta, gone):
        connection.execute(text(f"DELETE FROM {table} WHERE patient_id IN (SELECT patient_id FROM {TABLE})"))
    return connection.execute(
        text(
            f"SELECT count(*) FROM {staged} AS staged JOIN core.crosswalk ON crosswalk.key_id = staged.key_id "
            f"AND crosswalk.pseudonym = staged.patient_key JOIN {TABLE} USING (patient_id)"
        )
    ).scalar_one()
