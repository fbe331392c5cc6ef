"""When each person was last measured, until when the answers hold, and whose measuring fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, Row, text

TRIES_BEFORE_QUARANTINE = 3
"""Failures in a row after which a person's record no longer holds up the queue; screens say so."""


def note_measured(
    connection: Connection,
    measured: str,
    *,
    now: datetime,
    as_of: date,
    run_id: str,
    partial: bool,
    always: bool,
) -> None:
    """Notes the persons in the temporary table `measured` (patient_id, next_change_on) as measured now.

    `partial`: only some definitions were evaluated, so the earlier of the old and the new day stays: it may be too
    early, never too late. It ends no quarantine either: what failed may lie in what was not read.
    `always`: also when the day is unchanged (the nightly run touches only who changed).
    """
    day = "least(held.next_change_on, excluded.next_change_on)" if partial else "excluded.next_change_on"
    mended = "" if partial else ", failures = 0, failed_at = NULL, quarantined = false"
    connection.execute(
        text(
            "INSERT INTO care_gaps.measured_patient AS held (patient_id, computed_at, as_of, run_id, next_change_on) "
            f"SELECT patient_id, :now, :as_of, :run_id, next_change_on FROM {measured} ORDER BY patient_id "
            "ON CONFLICT (patient_id) DO UPDATE SET computed_at = excluded.computed_at, as_of = excluded.as_of, "
            f"run_id = excluded.run_id, next_change_on = {day}{mended} "
            "WHERE :always OR held.quarantined OR held.failures > 0 "
            f"OR held.next_change_on IS DISTINCT FROM {day}"
        ),
        {"now": now, "as_of": as_of, "run_id": run_id, "always": always},
    )


def bring_forward(
    connection: Connection, answers: str, as_of: date, values: Mapping[str, object] | None = None
) -> None:
    """Looks again at people when other answers want it, if that is earlier.

    Nobody who is set aside: their last answers are kept, and no day that passes makes the record one that can be read.
    `answers`: rows with patient_id and next_change_on, as what stands behind FROM, with its values.
    """
    connection.execute(
        text(
            "UPDATE care_gaps.measured_patient AS held SET next_change_on = said.day FROM ("
            f"SELECT patient_id, min(next_change_on) AS day FROM (SELECT * FROM {answers}) AS answer "
            "WHERE next_change_on > :as_of GROUP BY patient_id) AS said WHERE held.patient_id = said.patient_id "
            "AND NOT held.quarantined AND (held.next_change_on IS NULL OR held.next_change_on > said.day)"
        ),
        {"as_of": as_of, **(values or {})},
    )


def note_failed(
    connection: Connection, patient_ids: Sequence[str], now: datetime, *, failures: int = 1
) -> Sequence[Row]:
    """Counts so many more failures of each; returns (patient_id, quarantined, whether that is new)."""
    return connection.execute(
        text(
            "INSERT INTO care_gaps.measured_patient AS held (patient_id, failures, failed_at, quarantined) "
            "SELECT unnest(CAST(:ids AS text[])), :failures, :now, :failures >= :most ORDER BY 1 "
            "ON CONFLICT (patient_id) DO UPDATE SET "
            "failures = held.failures + :failures, failed_at = :now, "
            "quarantined = held.quarantined OR held.failures + :failures >= :most "
            "RETURNING patient_id, quarantined, quarantined AND failures - :failures < :most AS is_new"
        ),
        {"ids": list(patient_ids), "now": now, "failures": failures, "most": TRIES_BEFORE_QUARANTINE},
    ).all()


def failing(connection: Connection, patient_ids: Sequence[str]) -> set[str]:
    """Those of these patients whose last measuring failed, quarantined or not."""
    found = connection.execute(
        text(
            "SELECT patient_id FROM care_gaps.measured_patient WHERE patient_id = ANY(:ids) AND failures > 0"
        ),
        {"ids": list(patient_ids)},
    )
    return set(found.scalars())
