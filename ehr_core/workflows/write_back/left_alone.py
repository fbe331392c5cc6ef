"""Whom a write-back must leave alone: patients whose record has changed since it was read, or could not be read whole.

The answers of the first are on their way through re-measure; an older one must not overwrite them. The lock makes that
certain: no other write-back comes between this look and the commit. The others keep their last answers.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from ehr_core.workflows.write_back.scope import WriteBackScope

WRITE_BACK_LOCK = 0x616C6D77  # an advisory lock of this transaction: one write-back applies at a time
TABLE = "left_alone"

ADD_CHANGED = (
    f"INSERT INTO {TABLE} SELECT DISTINCT changed.patient_id "
    "FROM core.outbox, unnest(patient_ids) AS changed (patient_id) WHERE {since} ON CONFLICT DO NOTHING"
)
ADD_NOT_CHECKED = (
    f"INSERT INTO {TABLE} SELECT patient_id FROM core.crosswalk WHERE key_id = :key AND pseudonym = ANY(:keys) "
    "ON CONFLICT DO NOTHING"
)


def take_lock(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITE_BACK_LOCK})


def find_left_alone(connection: Connection, scope: WriteBackScope) -> None:
    """Fills the temporary table `left_alone` with patient ids."""
    connection.execute(
        text(f"CREATE TEMP TABLE IF NOT EXISTS {TABLE} (patient_id text PRIMARY KEY) ON COMMIT DELETE ROWS")
    )
    connection.execute(text(f"DELETE FROM {TABLE}"))
    since, values = _changed_since(scope)
    connection.execute(text(ADD_CHANGED.format(since=since)), values)
    if scope.not_checked:
        named = {"key": scope.key_id, "keys": list(scope.not_checked)}
        connection.execute(text(ADD_NOT_CHECKED), named)


def leave_out(connection: Connection, delta: str, gone: str, staged: str) -> int:
    """Takes those left alone out of both staging tables; returns how many staged rows that leaves out."""
    for table in (delta, gone):
        connection.execute(text(f"DELETE FROM {table} WHERE patient_id IN (SELECT patient_id FROM {TABLE})"))
    return connection.execute(
        text(
            f"SELECT count(*) FROM {staged} AS staged JOIN core.crosswalk ON crosswalk.key_id = staged.key_id "
            f"AND crosswalk.pseudonym = staged.patient_key JOIN {TABLE} USING (patient_id)"
        )
    ).scalar_one()


def _changed_since(scope: WriteBackScope) -> tuple[str, dict[str, object]]:
    """An SQL condition on an outbox row, and its values: the read that the run stands on has not seen it."""
    if scope.snapshot is None:
        since = "transaction_id >= CAST(CAST(:since AS text) AS xid8)"
        return since, {"since": str(scope.outbox_transaction)}
    since = (
        "transaction_id >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot)) "
        "AND NOT pg_visible_in_snapshot(transaction_id, CAST(:seen AS pg_snapshot))"
    )
    return since, {"seen": scope.snapshot}
