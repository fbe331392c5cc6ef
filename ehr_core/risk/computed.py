"""Takes computed risk: scores, the facts behind them, care tiers. What people have adjusted stays as it is.

A tier that changes under an adjustment is told in its history; the labels of the facts are read from the chart's own
rows at every step, so that a score is never seen by more people than its conditions are.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection, text

from data_contracts.contract import Table

RELABEL = """
SELECT risk.relabel(ARRAY(
  SELECT patient_id FROM {delta} AS delta UNION SELECT patient_id FROM {gone} AS gone))"""

COMPUTED_TIER = ("tier", "basis", "evidence_sensitivity", "key_id", "as_of", "next_change_on")

TELL_CHANGES = """
INSERT INTO risk.tier_event (patient_id, at, actor_id, actor_name, act, from_tier, to_tier)
SELECT held.patient_id, :now, :actor_id, :actor_name, 'computed', held.tier, delta.tier
FROM {delta} AS delta JOIN risk.care_tier AS held USING (patient_id)
WHERE held.present AND held.tier <> delta.tier"""

PUT_TIERS = f"""
INSERT INTO risk.care_tier AS held (patient_id, {", ".join(COMPUTED_TIER)}, present, computed_at, run_id)
SELECT patient_id, {", ".join(COMPUTED_TIER)}, true, :now, :run_id FROM {{delta}} AS delta
ON CONFLICT (patient_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COMPUTED_TIER)},
  present = true, computed_at = excluded.computed_at, run_id = excluded.run_id,
  version = held.version + CASE WHEN held.tier <> excluded.tier THEN 1 ELSE 0 END"""

LEAVE_TIERS = """
UPDATE risk.care_tier AS held SET present = false, tier = 'unknown', basis = NULL, next_change_on = NULL,
  computed_at = :now, run_id = :run_id, version = held.version + 1
FROM {gone} AS gone WHERE held.patient_id = gone.patient_id"""


def apply_rows(
    connection: Connection,
    *,
    table: str,
    contract: Table,
    columns: tuple[str, ...] = (),
    delta: str,
    gone: str,
    now: datetime,
    run_id: str,
) -> tuple[int, int, int]:
    """Scores or drivers: puts what is new or different, deletes what is gone; (inserted, changed, removed).

    `columns` of the delta beside the contract's.
    """
    key = ("patient_id", *(name for name in contract.key if name != "patient_key"))
    said = [name for name in contract.column_names if name not in (*key, "patient_key")] + list(columns)
    names = ", ".join((*key, *said))
    same = " AND ".join(f"held.{name} = gone.{name}" for name in key)
    removed = connection.execute(text(f"DELETE FROM {table} AS held USING {gone} AS gone WHERE {same}"))
    updates = ", ".join(f"{name} = excluded.{name}" for name in (*said, "computed_at", "run_id"))
    connection.execute(
        text(
            f"INSERT INTO {table} ({names}, computed_at, run_id) SELECT {names}, :now, :run_id FROM {delta} AS delta "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}"
        ),
        {"now": now, "run_id": run_id},
    )
    new, changed = _counts(connection, delta)
    return new, changed, removed.rowcount


def apply_tiers(
    connection: Connection,
    *,
    delta: str,
    gone: str,
    now: datetime,
    run_id: str,
    actor_id: str,
    actor_name: str,
) -> tuple[int, int, int]:
    """The computed tier alone. A person of whom nothing is said any more keeps what somebody adjusted."""
    values = {"now": now, "run_id": run_id, "actor_id": actor_id, "actor_name": actor_name}
    connection.execute(text(TELL_CHANGES.format(delta=delta)), values)
    connection.execute(text(PUT_TIERS.format(delta=delta)), values)
    removed = connection.execute(text(LEAVE_TIERS.format(gone=gone)), values)
    new, changed = _counts(connection, delta)
    return new, changed, removed.rowcount


def relabel(connection: Connection, *, delta: str, gone: str) -> None:
    """The sensitive labels of what these people's scores and tiers rest on, as the chart has them now.

    A label that changes later is taken along by the database itself, in the transaction that changes it.
    """
    connection.execute(text(RELABEL.format(delta=delta, gone=gone)))


def note_night(connection: Connection, run_id: str, as_of: date, now: datetime) -> None:
    connection.execute(
        text(
            "INSERT INTO risk.night (run_id, as_of, taken_at) VALUES (:run_id, :as_of, :now) "
            "ON CONFLICT (run_id) DO UPDATE SET taken_at = excluded.taken_at"
        ),
        {"run_id": run_id, "as_of": as_of, "now": now},
    )


def _counts(connection: Connection, delta: str) -> tuple[int, int]:
    counted = (
        f"SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM {delta} AS delta"
    )
    return tuple(connection.execute(text(counted)).one())
