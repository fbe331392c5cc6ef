"""Data quality: the flat tables of a night in, what is wrong with them out, and which measures each defect touches.

A check that breaks down leaves its counts unknown and stops no other: not knowing is told, and is never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb

from data_contracts.data_requirements import Need
from data_contracts.tables.data_quality import DATA_QUALITY_FINDINGS, DATA_QUALITY_RECORDS
from pipelines.data_quality.checking import Finding, look
from pipelines.data_quality.touched import find_touched

RECORDS_A_CHECK = 50
"""So many records of each defect are told; all of them are counted."""

__all__ = ["RECORDS_A_CHECK", "Finding", "find_defects"]


def find_defects(
    connection: duckdb.DuckDBPyConnection,
    needs: Sequence[Need],
    *,
    key_id: str,
    as_of: date,
    unreadable: Mapping[str, tuple[int, int]],
) -> list[Finding]:
    """Makes the three data-quality tables of the flat tables that are in the connection.

    `unreadable`: by FHIR type, how many lines could not be read, of how many that came.
    """
    findings = look(connection, as_of=as_of, unreadable=unreadable)
    _keep_findings(connection, findings, key_id, as_of)
    find_touched(connection, needs, findings, key_id=key_id, as_of=as_of)
    _keep_records(connection, key_id, as_of)
    return findings


def _keep_findings(
    connection: duckdb.DuckDBPyConnection, findings: Sequence[Finding], key_id: str, as_of: date
) -> None:
    connection.execute(DATA_QUALITY_FINDINGS.duckdb_ddl())
    rows = [
        (
            key_id,
            one.check.id,
            one.check.kind,
            one.check.resource_type,
            one.check.elements[0],
            one.outcome,
            one.failing,
            one.checked,
            one.newest_on,
            as_of,
        )
        for one in findings
    ]
    places = ", ".join("?" * len(DATA_QUALITY_FINDINGS.columns))
    connection.executemany(f"INSERT INTO {DATA_QUALITY_FINDINGS.name} VALUES ({places})", rows)


def _keep_records(connection: duckdb.DuckDBPyConnection, key_id: str, as_of: date) -> None:
    """The newest records of each defect, somebody's twice only when nobody else is left."""
    connection.execute(DATA_QUALITY_RECORDS.duckdb_ddl())
    connection.execute(
        f"""
        INSERT INTO {DATA_QUALITY_RECORDS.name}
        SELECT $key_id, patient_key, check_id, resource_type, resource_key, on_day, sensitivity, $as_of
        FROM (
          SELECT *, row_number() OVER (PARTITION BY check_id, patient_key ORDER BY on_day DESC NULLS LAST, resource_key)
            AS of_person FROM (SELECT DISTINCT * FROM defective) AS each_once
        ) AS counted
        QUALIFY row_number() OVER (
          PARTITION BY check_id ORDER BY of_person, on_day DESC NULLS LAST, resource_key) <= {RECORDS_A_CHECK}
        """,
        {"key_id": key_id, "as_of": as_of},
    )
