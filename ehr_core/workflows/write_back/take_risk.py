"""Takes risk, of a night or of a few people: the facts behind the scores, the scores, the care tiers, in this order."""

from __future__ import annotations

from sqlalchemy import Connection

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.tables.risk import CARE_TIERS, RISK_DRIVERS, RISK_SCORES
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.measured import bring_forward
from ehr_core.risk.computed import apply_rows, apply_tiers, note_night, relabel
from ehr_core.workflows.write_back.differences import Target, patients_in_scope
from ehr_core.workflows.write_back.evidence import with_evidence
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.take import Apply, take

DRIVERS = Target(
    RISK_DRIVERS,
    "risk.driver",
    ("score_id", "part", "evidence_type", "evidence_key"),
    "score_id",
    said="true",
    may_be_silent=True,
)
SCORES = Target(RISK_SCORES, "risk.score", ("score_id",), "score_id", said="true")
TIERS = Target(CARE_TIERS, "risk.care_tier", (), "tier", said="held.present")


def take_risk_drivers(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    return _take_rows(work, scope, DRIVERS, body, master_key_hex)


def take_risk_scores(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    return _take_rows(work, scope, SCORES, body, master_key_hex)


def take_care_tiers(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    def apply(connection: Connection, target: Target) -> tuple[int, int, int]:
        return apply_tiers(
            connection,
            delta=target.delta,
            gone=target.gone,
            now=work.now(),
            run_id=scope.run_id,
            actor_id=work.actor.actor_id,
            actor_name=work.actor.name,
        )

    receipt = _take(work, scope, TIERS, body, master_key_hex, apply)
    whose, values = patients_in_scope(scope, "patient_id")
    bring_forward(work.connection, f"risk.care_tier WHERE present AND {whose}", scope.as_of, values)
    if scope.patient_keys is None:
        note_night(work.connection, scope.run_id, scope.as_of, work.now())
    return receipt


def _take_rows(
    work: UnitOfWork, scope: WriteBackScope, target: Target, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    def apply(connection: Connection, target: Target) -> tuple[int, int, int]:
        return apply_rows(
            connection,
            table=target.table,
            contract=target.contract,
            columns=("evidence_id",) if target.has_evidence else (),
            delta=with_evidence(target.delta) if target.has_evidence else target.delta,
            gone=target.gone,
            now=work.now(),
            run_id=scope.run_id,
        )

    return _take(work, scope, target, body, master_key_hex, apply)


def _take(
    work: UnitOfWork, scope: WriteBackScope, target: Target, body: bytes, master_key_hex: str, apply: Apply
) -> WriteBackReceipt:
    """No step leaves a moment in which an answer is seen without the labels of its facts."""

    def apply_and_label(connection: Connection, target: Target) -> tuple[int, int, int]:
        counts = apply(connection, target)
        relabel(connection, delta=target.delta, gone=target.gone)
        return counts

    return take(work, scope, target, body, master_key_hex, apply_and_label)
