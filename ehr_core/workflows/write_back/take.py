"""Takes a write-back: pseudonyms become patients again, only what changed is touched, the receipt adds up."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.contract import Table
from data_contracts.tables.official import OFFICIAL_EVIDENCE, OFFICIAL_GAPS, OFFICIAL_RESULTS
from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.computed import apply_computed
from ehr_core.care_gaps.measured import bring_forward
from ehr_core.kernel.errors import Conflict
from ehr_core.quality.computed import EVIDENCE_KEY, apply_facts, apply_flags, inherit_labels
from ehr_core.workflows.write_back.differences import (
    Target,
    count_unknown,
    find_differences,
    forget_the_same,
    refuse_outside,
)
from ehr_core.workflows.write_back.evidence import (
    resolve_evidence,
    take_labels,
    take_labels_of_kept_facts,
    with_evidence,
)
from ehr_core.workflows.write_back.keys import key_of_run
from ehr_core.workflows.write_back.left_alone import find_left_alone, leave_out, take_lock
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.staging import read_rows, stage

GAP_KEY, FLAG_KEY = ("source_kind", "source_id"), ("measure_id", "period_begin")
IN_FORCE = "held.period_begin <= :as_of AND held.period_end >= :as_of"
THIS_YEAR = "held.period_begin = CAST(date_trunc('year', CAST(:as_of AS date)) AS date)"


def _gaps(contract: Table, kind: str) -> Target:
    return Target(
        contract,
        "care_gaps.gap",
        GAP_KEY,
        "source_id",
        said="held.present",
        in_scope=f"held.source_kind = '{kind}'",
        may_be_silent=kind == "measure",
        kept_facts="found.measure_id = delta.source_id AND found.is_newest" if kind == "measure" else None,
    )


def _flags(contract: Table, whose: str) -> Target:
    return Target(
        contract,
        "quality.measure_flag",
        FLAG_KEY,
        "measure_id",
        said="true",
        in_scope=f"{IN_FORCE} AND {whose}",
        may_be_silent=contract is OFFICIAL_RESULTS,
        kept_facts="found.measure_id = delta.measure_id AND found.period_begin = delta.period_begin"
        if contract is OFFICIAL_RESULTS
        else None,
    )


GAPS, MEASURE_GAPS = _gaps(CARE_GAPS, "recommendation"), _gaps(OFFICIAL_GAPS, "measure")
FLAGS, OFFICIAL = _flags(MEASURE_RESULTS, "NOT held.official"), _flags(OFFICIAL_RESULTS, "held.official")
FACTS = Target(
    OFFICIAL_EVIDENCE,
    "quality.measure_evidence",
    EVIDENCE_KEY,
    "measure_id",
    said="true",
    in_scope=THIS_YEAR,
    may_be_silent=True,
)
NO_NESTED_LOOPS = text("SET LOCAL enable_nestloop = off")
"""A whole run joins large tables whose statistics may be of before the last one: a wrong nested loop takes hours."""

Apply = Callable[[Connection, Target], tuple[int, int, int]]


def take_care_gaps(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str, target: Target = GAPS
) -> WriteBackReceipt:
    """Raises BadRequest when a row breaks its contract, NotFound for an unknown key, Gone for a retired one."""

    def apply(connection: Connection, target: Target) -> tuple[int, int, int]:
        return apply_computed(
            connection,
            delta=with_evidence(target.delta),
            gone=target.gone,
            now=work.now(),
            run_id=scope.run_id,
            actor_id=work.actor.actor_id,
            actor_name=work.actor.name,
        )

    return take(work, scope, target, body, master_key_hex, apply)


def take_official_gaps(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    return take_care_gaps(work, scope, body, master_key_hex, MEASURE_GAPS)


def take_measure_results(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str, target: Target = FLAGS
) -> WriteBackReceipt:
    def apply(connection: Connection, target: Target) -> tuple[int, int, int]:
        return apply_flags(
            connection,
            delta=with_evidence(target.delta),
            gone=target.gone,
            now=work.now(),
            run_id=scope.run_id,
            contract=target.contract,
        )

    return take(work, scope, target, body, master_key_hex, apply)


def take_official_results(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    receipt = take_measure_results(work, scope, body, master_key_hex, OFFICIAL)
    said = f"quality.measure_flag WHERE official AND patient_id IN (SELECT patient_id FROM {OFFICIAL.delta})"
    bring_forward(work.connection, said, scope.as_of)
    return receipt


def take_facts(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str, target: Target = FACTS
) -> WriteBackReceipt:
    """Rows that name a resource of the record each; those of official answers unless told otherwise."""

    def apply(connection: Connection, target: Target) -> tuple[int, int, int]:
        counts = apply_facts(
            connection,
            target.contract,
            target.table,
            target.key,
            delta=with_evidence(target.delta),
            gone=target.gone,
            now=work.now(),
            run_id=scope.run_id,
        )
        if target is FACTS:
            inherit_labels(connection, target.delta)
        return counts

    return take(work, scope, target, body, master_key_hex, apply)


def take(
    work: UnitOfWork, scope: WriteBackScope, target: Target, body: bytes, master_key_hex: str, apply: Apply
) -> WriteBackReceipt:
    """What every table has in common: who is meant, what differs, whom to leave alone; `apply` writes."""
    connection = work.connection
    key = key_of_run(work, master_key_hex, scope.key_id, outbox_transaction=scope.outbox_transaction)
    rows = read_rows(body, target.contract, scope.key_id)
    refuse_outside(rows, scope, target)
    staged = stage(connection, rows, target.contract)
    if scope.patient_keys is not None:
        take_lock(connection)
    else:
        connection.execute(NO_NESTED_LOOPS)
    find_differences(connection, target, staged, scope)
    if scope.patient_keys is None:
        connection.execute(text(f"ANALYZE {target.delta}"))
    _refuse_silence(connection, scope, target, rows.num_rows)
    if target.has_evidence:
        resolve_evidence(connection, target.delta, key)
        learnt = take_labels(connection, target.delta)
        if target.kept_facts:
            learnt += take_labels_of_kept_facts(connection, target.delta, target.kept_facts)
        if learnt:
            forget_the_same(connection, target)
    if scope.patient_keys is None:
        take_lock(connection)  # late, so that a long comparison does not hold up the instant path
    find_left_alone(connection, scope)
    skipped = leave_out(connection, target.delta, target.gone, staged)
    inserted, changed, removed = apply(connection, target)
    unknown = count_unknown(connection, staged)
    receipt = WriteBackReceipt(
        received=rows.num_rows,
        inserted=inserted,
        changed=changed,
        unchanged=rows.num_rows - inserted - changed - skipped - unknown,
        skipped_changed_since=skipped,
        refused_unknown_patient=unknown,
        removed=removed,
    )
    audit_write_back(work, scope, target.contract.name, (target.delta, target.gone), receipt)
    return receipt


def audit_write_back(
    work: UnitOfWork,
    scope: WriteBackScope,
    table: str,
    touched: tuple[str, str],
    receipt: WriteBackReceipt,
) -> None:
    """One audit row with the sealed list of the patients that were turned back and touched."""
    union = " UNION ".join(f"SELECT patient_id FROM {name}" for name in touched)
    patient_ids = work.connection.execute(text(union)).scalars().all()
    detail = {"table": table, "run_id": scope.run_id, "key_id": scope.key_id, **receipt.model_dump()}
    work.audit("pipeline.write_back", patient_ids=patient_ids, detail=detail)


def _refuse_silence(connection: Connection, scope: WriteBackScope, target: Target, received: int) -> None:
    """A whole run that says nothing at all is a broken run: it must not wipe what is known."""
    if received or scope.patient_keys is not None or target.may_be_silent:
        return
    if connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {target.gone})")).scalar_one():
        raise Conflict(
            f"A complete run without a single row of '{target.contract.name}' would remove every stored one. "
            "Check the run; nothing was changed."
        )
