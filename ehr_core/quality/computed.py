"""Takes computed measure results and strata: current flags per person, and the cells that move with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from data_contracts.contract import Table
from data_contracts.tables.results import MEASURE_RESULTS
from ehr_core.quality.cells import moving_cells

KEY = ("measure_id", "period_begin")
EVIDENCE_KEY = (*KEY, "population", "definition", "evidence_type", "evidence_key")
STRATA = ("clinic", "clinician", "sex", "age_band", "race", "ethnicity", "payer", "language")


def apply_flags(
    connection: Connection,
    *,
    delta: str,
    gone: str,
    now: datetime,
    run_id: str,
    contract: Table = MEASURE_RESULTS,
) -> tuple[int, int, int]:
    """Applies the two staging tables; returns (inserted, changed, removed) rows. Cells move along.

    `contract` says whose they are: those of our own measures, or of the official ones.
    """
    moved = _patients_of(connection, delta, gone)
    computed = [name for name in contract.column_names if name not in (*KEY, "patient_key")]
    values = {"now": now, "run_id": run_id, "official": contract is not MEASURE_RESULTS}
    with moving_cells(connection, moved):
        return _apply_flags(connection, delta, gone, computed, values)


def apply_facts(
    connection: Connection,
    contract: Table,
    into: str,
    key: Sequence[str],
    *,
    delta: str,
    gone: str,
    now: datetime,
    run_id: str,
) -> tuple[int, int, int]:
    """The same for single facts of people (those behind official results, records with a defect): a fact that says
    something else is put anew. `into` is a table of ours, never a name from outside.
    """
    computed = [name for name in contract.column_names if name not in (*key, "patient_key")]
    same = " AND ".join(f"fact.{name} = gone.{name}" for name in ("patient_id", *key))
    removed = connection.execute(text(f"DELETE FROM {into} AS fact USING {gone} AS gone WHERE {same}"))
    names = ", ".join((*key, *computed))
    given = ", ".join(f"delta.{name}" for name in (*key, *computed))
    updates = ", ".join(
        f"{name} = excluded.{name}" for name in (*computed, "evidence_id", "computed_at", "run_id")
    )
    connection.execute(
        text(
            f"INSERT INTO {into} (patient_id, evidence_id, computed_at, run_id, {names}) "
            f"SELECT delta.patient_id, delta.evidence_id, :now, :run_id, {given} FROM {delta} AS delta "
            f"ON CONFLICT (patient_id, {', '.join(key)}) DO UPDATE SET {updates}"
        ),
        {"now": now, "run_id": run_id},
    )
    new, changed = connection.execute(
        text(
            f"SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM {delta} AS delta"
        )
    ).one()
    return new, changed, removed.rowcount


def inherit_labels(connection: Connection, delta: str) -> None:
    """Makes the answers of the delta's people as restricted as the facts that are kept of them now.

    A fact may carry a label that the run did not know, while the answer itself stays the same.
    """
    connection.execute(text(f"SELECT quality.inherit_labels(ARRAY(SELECT DISTINCT patient_id FROM {delta}))"))


def apply_strata(connection: Connection, *, delta: str, gone: str) -> tuple[int, int, int]:
    """The same for strata: `delta` has a column per stratum kind, already as ids of this chart."""
    moved = _patients_of(connection, delta, gone)
    with moving_cells(connection, moved):
        names = ", ".join(STRATA)
        updates = ", ".join(f"{name} = excluded.{name}" for name in STRATA)
        connection.execute(
            text(
                f"INSERT INTO quality.patient_stratum (patient_id, {names}) SELECT patient_id, {names} FROM {delta} "
                f"ON CONFLICT (patient_id) DO UPDATE SET {updates}"
            )
        )
        removed = connection.execute(
            text(f"DELETE FROM quality.patient_stratum WHERE patient_id IN (SELECT patient_id FROM {gone})")
        )
    new, changed = connection.execute(
        text(f"SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM {delta}")
    ).one()
    return new, changed, removed.rowcount


def _apply_flags(
    connection: Connection, delta: str, gone: str, computed: Sequence[str], values: dict[str, object]
) -> tuple[int, int, int]:
    columns = ", ".join(f"{name} = delta.{name}" for name in computed)
    same = (
        "flag.patient_id = delta.patient_id AND flag.measure_id = delta.measure_id AND flag.period_begin = "
    )
    changed = connection.execute(
        text(
            f"UPDATE quality.measure_flag AS flag SET {columns}, evidence_id = delta.evidence_id, "
            "rests_also_on_ids = delta.rests_also_on_ids, "
            f"computed_at = :now, run_id = :run_id FROM {delta} AS delta "
            f"WHERE NOT delta.is_new AND {same} delta.period_begin"
        ),
        values,
    )
    names, given = ", ".join(computed), ", ".join(f"delta.{name}" for name in computed)
    inserted = connection.execute(  # what the instant path has added since the night looked says it already
        text(
            "INSERT INTO quality.measure_flag (patient_id, measure_id, period_begin, evidence_id, rests_also_on_ids, "
            f"computed_at, run_id, official, {names}) SELECT delta.patient_id, delta.measure_id, delta.period_begin, "
            f"delta.evidence_id, delta.rests_also_on_ids, :now, :run_id, :official, {given} FROM {delta} AS delta "
            "WHERE delta.is_new "
            "ON CONFLICT (patient_id, measure_id, period_begin) DO NOTHING"
        ),
        values,
    )
    removed = connection.execute(
        text(
            f"DELETE FROM quality.measure_flag AS flag USING {gone} AS gone WHERE flag.patient_id = gone.patient_id "
            "AND flag.measure_id = gone.measure_id AND flag.period_begin = gone.period_begin"
        )
    )
    return inserted.rowcount, changed.rowcount, removed.rowcount


def _patients_of(connection: Connection, delta: str, gone: str) -> str:
    connection.execute(
        text("CREATE TEMP TABLE IF NOT EXISTS moved_patients (patient_id text) ON COMMIT DELETE ROWS")
    )
    connection.execute(text("DELETE FROM moved_patients"))
    connection.execute(
        text(
            f"INSERT INTO moved_patients SELECT patient_id FROM {delta} AS delta UNION SELECT patient_id FROM {gone}"
        )
    )
    return "moved_patients"
