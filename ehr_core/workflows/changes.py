"""Changed patients on their way to re-measure: claimed for a while, done, failed or let go of by a crash.

A claim is a lease on outbox rows. A worker that dies lets go of them when the lease ends, so nothing is lost; a row
that keeps killing workers is claimed alone, and in the end set aside with an alert, so that the queue goes on.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Row, text

from data_contracts.api.pipeline import ChangeBatch, ChangedPatient, ChangesWaiting, PseudonymKeyGrant
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.measured import TRIES_BEFORE_QUARANTINE, failing
from ehr_core.db.outbox import announce
from ehr_core.kernel.errors import Gone
from ehr_core.quality.official import active_measures
from ehr_core.workflows.set_aside import count_failures
from ehr_core.workflows.settle_gaps import settle_gaps
from ehr_core.workflows.write_back.crosswalk import extend_to
from ehr_core.workflows.write_back.keys import key_in_use

LEASE_SECONDS = 90
"""Longer than any micro-batch takes, short enough that a crash is healed before somebody asks."""

PATIENTS_A_DAY_TURN = 200
"""Patients whose day has come that join one claim: a new year must not hold up today's results."""

SUSPECT_TRIES = 2
"""A row that was claimed this often without being done is claimed alone: it may be what kills the worker."""

CODES_DO_NOT_TELL = frozenset({"Encounter"})
"""Types that matter by more than their codes: an encounter also by its discharge disposition."""

TIME_PASSED, MEASURE_AGAIN = "time_passed", "measure_again"
"""Acts of our own in the outbox: nothing was written, every definition is to be looked at."""


def claim(work: UnitOfWork, limit: int, master_key_hex: str) -> ChangeBatch | None:
    """The next batch of changed patients, or null when nobody waits. `limit`: outbox rows."""
    _announce_passed_days(work)
    _set_aside_killers(work)
    rows = _lease(work, limit)
    if not rows:
        return None
    key = key_in_use(work, master_key_hex, "limited")
    patients = _whole_where_failing(work, _merged(rows))
    extend_to(work, key, [patient.patient_id for patient in patients])
    settle_gaps(work, patients)
    batch = ChangeBatch(
        batch_id=str(rows[0].claim_batch),
        positions=[row.position for row in rows],
        patients=patients,
        key=PseudonymKeyGrant(key_id=key.key_id, secret_hex=key.secret.hex()),
        as_of=work.today(),
        claimed_at=work.now(),
        official=active_measures(work),
    )
    work.audit(
        "pipeline.changes.claim",
        patient_ids=[patient.patient_id for patient in patients],
        detail={"batch_id": batch.batch_id, "key_id": key.key_id, "rows": len(rows)},
    )
    return batch


def waiting(work: UnitOfWork) -> ChangesWaiting:
    """How many changes nobody has measured yet, and since when: a long wait means that the worker is down."""
    row = work.connection.execute(
        text("SELECT count(*) AS rows, min(at) AS oldest_at FROM core.outbox WHERE remeasured_at IS NULL")
    ).one()
    return ChangesWaiting(rows=row.rows, oldest_at=row.oldest_at)


def finish(work: UnitOfWork, batch_id: str, failed_patient_ids: Sequence[str] = ()) -> None:
    """Marks the batch as done. Failed patients are tried again, and after three failures in a row quarantined.

    Raises Gone when the lease had ended and somebody else took the rows: their answer counts.
    """
    done = work.connection.execute(
        text(
            "UPDATE core.outbox SET remeasured_at = :now, claimed_until = NULL "
            "WHERE claim_batch = CAST(:batch AS uuid) AND remeasured_at IS NULL"
        ),
        {"now": work.now(), "batch": _batch(batch_id)},
    )
    if not done.rowcount:
        raise Gone("This batch is no longer yours: its lease had ended, and it was given to another worker.")
    for patient_id in count_failures(work, failed_patient_ids):
        _announce(work, MEASURE_AGAIN, [patient_id])


def mark_measured_before(work: UnitOfWork, outbox_transaction: int) -> int:
    """After a whole nightly run: every change that its snapshot saw has been measured. Returns how many."""
    return work.connection.execute(
        text(
            "UPDATE core.outbox SET remeasured_at = :now WHERE remeasured_at IS NULL "
            "AND (claimed_until IS NULL OR claimed_until < :now) "
            "AND transaction_id < CAST(CAST(:before AS text) AS xid8)"
        ),
        {"now": work.now(), "before": str(outbox_transaction)},
    ).rowcount


def _announce_passed_days(work: UnitOfWork) -> None:
    """Time passing is a change too: it enters the same queue, once."""
    due = (
        work.connection.execute(
            text(
                "UPDATE care_gaps.measured_patient SET next_change_on = NULL WHERE patient_id IN ("
                "SELECT patient_id FROM care_gaps.measured_patient WHERE next_change_on <= :today "
                "ORDER BY next_change_on LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING patient_id"
            ),
            {"today": work.today(), "most": PATIENTS_A_DAY_TURN},
        )
        .scalars()
        .all()
    )
    if due:
        _announce(work, TIME_PASSED, due)


def _lease(work: UnitOfWork, limit: int) -> Sequence[Row]:
    waiting = work.connection.execute(
        text(
            "SELECT position, tries FROM core.outbox WHERE remeasured_at IS NULL "
            "AND (claimed_until IS NULL OR claimed_until < :now) "
            "ORDER BY position LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"now": work.now(), "limit": limit},
    ).all()
    suspects = [row for row in waiting if row.tries >= SUSPECT_TRIES]
    chosen = suspects[:1] or waiting
    return work.connection.execute(
        text(
            "UPDATE core.outbox SET claim_batch = CAST(:batch AS uuid), claimed_until = :until, tries = tries + 1 "
            "WHERE position = ANY(:positions) "
            "RETURNING position, claim_batch, act, resource_type, patient_ids, code_tokens"
        ),
        {
            "batch": str(uuid.uuid4()),
            "until": work.now() + timedelta(seconds=LEASE_SECONDS),
            "positions": [row.position for row in chosen],
        },
    ).all()


def _set_aside_killers(work: UnitOfWork) -> None:
    """A row whose every worker died is not tried for ever; its patients are quarantined and the log says so."""
    killers = work.connection.execute(
        text(
            "UPDATE core.outbox SET remeasured_at = :now WHERE remeasured_at IS NULL AND claimed_until < :now "
            "AND tries >= :most RETURNING patient_ids"
        ),
        {"now": work.now(), "most": SUSPECT_TRIES + TRIES_BEFORE_QUARANTINE},
    ).scalars()
    for patient_ids in killers.all():
        count_failures(work, patient_ids, failures=TRIES_BEFORE_QUARANTINE)


def _merged(rows: Sequence[Row]) -> list[ChangedPatient]:
    """One entry a patient, however many rows name it. A row without a type (a bulk import) touches everything."""
    types: dict[str, set[str]] = {}
    tokens: dict[str, set[str]] = {}
    uncoded: dict[str, set[str]] = {}
    everything: set[str] = set()
    for row in rows:
        for patient_id in row.patient_ids:
            types.setdefault(patient_id, set())
            uncoded.setdefault(patient_id, set())
            tokens.setdefault(patient_id, set()).update(row.code_tokens)
            if row.resource_type is None:
                everything.add(patient_id)
            else:
                types[patient_id].add(row.resource_type)
                if not row.code_tokens or row.resource_type in CODES_DO_NOT_TELL:
                    uncoded[patient_id].add(row.resource_type)
    return [
        ChangedPatient(
            patient_id=patient_id,
            changed_types=sorted(types[patient_id]),
            code_tokens=sorted(tokens[patient_id]),
            uncoded_types=sorted(uncoded[patient_id]),
            definitions_all=patient_id in everything,
        )
        for patient_id in sorted(types)
    ]


def _whole_where_failing(work: UnitOfWork, patients: Sequence[ChangedPatient]) -> list[ChangedPatient]:
    """A record that failed is measured whole: only that can show that it is mended."""
    failed = failing(work.connection, [patient.patient_id for patient in patients])
    return [
        patient.model_copy(update={"definitions_all": True}) if patient.patient_id in failed else patient
        for patient in patients
    ]


def _announce(work: UnitOfWork, act: str, patient_ids: Sequence[str]) -> None:
    announce(
        work.connection,
        act=act,
        resource_type=None,
        resource_id=None,
        version_id=None,
        patient_ids=patient_ids,
        code_tokens=[],
    )


def _batch(batch_id: str) -> str:
    try:
        return str(uuid.UUID(batch_id))
    except ValueError as error:
        raise Gone("There is no such batch.") from error
