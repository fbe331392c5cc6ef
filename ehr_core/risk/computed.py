"""Takes computed risk: scores, the facts behind them, care tiers. What people have adjusted stays as it is.

A tier that changes under an adjustment is told in its history; the labels of the facts are read from the chart's own
rows, so that a score is seen by whom its conditions are seen by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection, text

from data_contracts.contract import Table

LABELLED = {
    "Condition": "condition",
    "Observation": "observation",
    "MedicationRequest": "medication_request",
}

OF_FACTS = " ".join(
    "UNION SELECT driver.patient_id, driver.score_id, unnest(fact.sensitivity) FROM risk.driver AS driver "
    f"JOIN fhir.{table} AS fact ON fact.id = driver.evidence_id AND fact.patient_id = driver.patient_id "
    f"WHERE driver.evidence_type = '{kind}' AND fact.sensitivity IS NOT NULL AND {{of_driver}}"
    for kind, table in LABELLED.items()
)
FRESH = (
    "CREATE TEMP TABLE IF NOT EXISTS risk_labels (patient_id text, score_id text, labels text[]) ON COMMIT DELETE ROWS",
    "DELETE FROM risk_labels",
)
FIND_LABELS = f"""
INSERT INTO risk_labels SELECT patient_id, score_id, array_agg(DISTINCT label ORDER BY label) FROM (
  SELECT patient_id, score_id, evidence_sensitivity AS label FROM risk.driver
  WHERE evidence_sensitivity IS NOT NULL AND {{of_driver}} {OF_FACTS}) AS said GROUP BY patient_id, score_id"""

LABEL_SCORES = """
UPDATE risk.score AS score SET labels = said.labels FROM (
  SELECT patient_id, score_id, found.labels FROM risk.score AS held LEFT JOIN risk_labels AS found
    USING (patient_id, score_id) WHERE held.labels IS DISTINCT FROM found.labels AND {of_held}) AS said
WHERE said.patient_id = score.patient_id AND said.score_id = score.score_id"""

LABEL_TIERS = """
UPDATE risk.care_tier AS tier SET labels = said.labels FROM (
  SELECT held.patient_id, found.labels FROM risk.care_tier AS held LEFT JOIN (
    SELECT patient_id, array_agg(DISTINCT label ORDER BY label) AS labels
    FROM risk_labels JOIN risk.score AS score USING (patient_id, score_id), unnest(risk_labels.labels) AS label
    WHERE score.purpose <> 'payment' GROUP BY patient_id) AS found USING (patient_id)
  WHERE held.labels IS DISTINCT FROM found.labels AND {of_held}) AS said
WHERE said.patient_id = tier.patient_id"""

COMPUTED_TIER = ("tier", "basis", "evidence_sensitivity", "key_id", "as_of")

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
UPDATE risk.care_tier AS held SET present = false, tier = 'unknown', basis = NULL, computed_at = :now,
  run_id = :run_id, version = held.version + 1
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


def relabel(connection: Connection, whose: str, values: Mapping[str, object]) -> None:
    """The sensitive labels of scores and tiers, as the chart's rows have them now.

    `whose`: an SQL condition on `{alias}.patient_id`, with its values.
    """
    named = {"of_driver": whose.format(alias="driver"), "of_held": whose.format(alias="held")}
    for statement in FRESH:
        connection.execute(text(statement))
    for statement in (FIND_LABELS, LABEL_SCORES, LABEL_TIERS):
        connection.execute(text(statement.format(**named)), values)


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
