"""Takes the data quality of a night: findings and touched measures whole, records with pseudonyms turned back."""

from __future__ import annotations

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.contract import Table
from data_contracts.tables.data_quality import (
    DATA_QUALITY_FINDINGS,
    DATA_QUALITY_RECORDS,
    DATA_QUALITY_TOUCHES,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.quality.data_quality import keep_findings, keep_touches
from ehr_core.workflows.write_back.differences import Target
from ehr_core.workflows.write_back.keys import key_of_run
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.staging import read_rows, stage
from ehr_core.workflows.write_back.take import take_facts

RECORDS = Target(
    DATA_QUALITY_RECORDS,
    "quality.data_record",
    ("check_id", "evidence_type", "evidence_key"),
    "check_id",
    said="true",
    may_be_silent=True,
)


def take_findings(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    """Raises BadRequest when a row breaks its contract, is of another day, or when the run is not a whole one."""
    staged, received = _staged(work, scope, body, master_key_hex, DATA_QUALITY_FINDINGS)
    if not received:
        raise BadRequest("A night without a single data check is a broken one. Nothing was changed.")
    removed = keep_findings(work.connection, staged, scope.as_of, scope.run_id, work.now())
    return _taken(work, scope, DATA_QUALITY_FINDINGS, received, removed)


def take_touches(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    staged, received = _staged(work, scope, body, master_key_hex, DATA_QUALITY_TOUCHES)
    return _taken(work, scope, DATA_QUALITY_TOUCHES, received, keep_touches(work.connection, staged))


def take_records(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    return take_facts(work, scope, body, master_key_hex, RECORDS)


def _staged(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str, contract: Table
) -> tuple[str, int]:
    if scope.patient_keys is not None or scope.patient_from is not None or scope.patient_to is not None:
        raise BadRequest(f"'{contract.name}' speaks of everybody: send it whole.")
    key_of_run(work, master_key_hex, scope.key_id, outbox_transaction=scope.outbox_transaction)
    rows = read_rows(body, contract, scope.key_id)
    if rows.num_rows and rows["as_of"].unique().to_pylist() != [scope.as_of]:
        raise BadRequest(f"Rows of '{contract.name}' are of another day than the write-back names.")
    return stage(work.connection, rows, contract), rows.num_rows


def _taken(
    work: UnitOfWork, scope: WriteBackScope, contract: Table, received: int, removed: int
) -> WriteBackReceipt:
    """What was there of the day is taken away and put anew; nobody's record is in it, so nobody is named."""
    receipt = WriteBackReceipt(
        received=received,
        inserted=received,
        changed=0,
        unchanged=0,
        skipped_changed_since=0,
        refused_unknown_patient=0,
        removed=removed,
    )
    detail = {"table": contract.name, "run_id": scope.run_id, "key_id": scope.key_id, **receipt.model_dump()}
    work.audit("pipeline.write_back", detail=detail)
    return receipt
