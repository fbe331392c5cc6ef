"""Rows put straight into the store's tables, and write-back bodies, for tests of what stands on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pyarrow as pa
from sqlalchemy import Connection, text

from data_contracts.contract import Table
from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS, PATIENT_STRATA
from ehr_core.access.actor import Actor
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.workflows.write_back.staging import ARROW_TYPES

AS_OF = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
ZONE = "America/New_York"

WORKER = Actor(
    actor_id="remeasure",
    kind="service",
    name="Re-measure worker",
    roles=("service_remeasure",),
    permissions=frozenset({"pipeline.changes", "pipeline.write_back"}),
)


def put_patient(connection: Connection, patient_id: str, **body: object) -> None:
    """A patient as the store would hold one; only the columns that the loop reads."""
    resource = {"resourceType": "Patient", "id": patient_id, **body}
    connection.execute(
        text(
            "INSERT INTO fhir.patient (id, version_id, last_updated, patient_id, content_hash, body, family_text, "
            "active) VALUES (:id, 1, :now, :id, '', :body, :family, true) "
            "ON CONFLICT (id) DO UPDATE SET body = excluded.body"
        ),
        {
            "id": patient_id,
            "now": NOON,
            "body": json.dumps(resource),
            "family": (body.get("name") or [{}])[0].get("family", "").lower(),
        },
    )


def put_observation(
    connection: Connection, observation_id: str, patient_id: str, at: datetime = NOON
) -> None:
    body = {"resourceType": "Observation", "id": observation_id, "status": "final"}
    connection.execute(
        text(
            "INSERT INTO fhir.observation (id, version_id, last_updated, patient_id, content_hash, body, status, "
            "date_low, date_high) VALUES (:id, 1, :at, :patient, '', :body, 'final', :at, :at)"
        ),
        {"id": observation_id, "patient": patient_id, "at": at, "body": json.dumps(body)},
    )


def gap_row(
    key: PseudonymKey, patient_id: str, source_id: str = "glycemic_control", **changes: object
) -> dict:
    """An open gap that was never done, unless told otherwise."""
    return {
        **dict.fromkeys(CARE_GAPS.column_names),
        "key_id": key.key_id,
        "patient_key": key.pseudonym("Patient", patient_id),
        "source_kind": "recommendation",
        "source_id": source_id,
        "source_version": "1",
        "computed_status": "open",
        "gap_kind": "due",
        "reason_code": "never_done",
        "priority": 3,
        "as_of": AS_OF,
        **changes,
    }


def closed_by(key: PseudonymKey, patient_id: str, observation_id: str, **changes: object) -> dict:
    """The same gap, closed by an observation."""
    return gap_row(
        key,
        patient_id,
        computed_status="closed",
        gap_kind="none",
        reason_code="at_goal",
        evidence_type="Observation",
        evidence_key=key.pseudonym("Observation", observation_id),
        evidence_on=AS_OF,
        evidence_value="7.1 %",
        **changes,
    )


def flag_row(
    key: PseudonymKey, patient_id: str, measure_id: str = "glycemic_control", **changes: object
) -> dict:
    """In the denominator and not in the numerator, unless told otherwise."""
    return {
        **dict.fromkeys(MEASURE_RESULTS.column_names),
        "key_id": key.key_id,
        "patient_key": key.pseudonym("Patient", patient_id),
        "measure_id": measure_id,
        "measure_version": "1",
        "period_begin": date(2026, 1, 1),
        "period_end": date(2026, 12, 31),
        "evaluable": True,
        "initial_population": True,
        "denominator": True,
        "denominator_exclusion": False,
        "denominator_exception": False,
        "numerator": False,
        "as_of": AS_OF,
        **changes,
    }


def stratum_row(key: PseudonymKey, patient_id: str, **changes: object) -> dict:
    return {
        **dict.fromkeys(PATIENT_STRATA.column_names),
        "key_id": key.key_id,
        "patient_key": key.pseudonym("Patient", patient_id),
        "sex": "female",
        "age_band": "45-64",
        "as_of": AS_OF,
        **changes,
    }


def as_body(contract: Table, rows: Sequence[dict]) -> bytes:
    """The rows as an Arrow stream."""
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in contract.columns])
    table = pa.Table.from_pylist(list(rows), schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
