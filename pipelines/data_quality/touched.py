"""Which measures a defect touches: by the type, the value sets and the elements that a measure says it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import duckdb
import pyarrow as pa

from data_contracts.data_requirements import EVERY_CODE, Need, short_name
from data_contracts.tables.data_quality import DATA_QUALITY_TOUCHES
from pipelines.data_quality.checking import Finding

CODING_TABLES = {
    "Encounter": "encounter_coding",
    "Condition": "condition_coding",
    "Observation": "observation_coding",
    "MedicationRequest": "medication_request_coding",
    "Immunization": "immunization_coding",
    "Procedure": "procedure_coding",
    "DiagnosticReport": "diagnostic_report_coding",
    "AllergyIntolerance": "allergy_coding",
}
NAMED = 5
"""So many value sets are named; of more, how many there are."""
ANY = "*"

NO_CODING = (
    "SELECT check_id, resource_type, resource_key, '' AS system, '' AS code FROM defective WHERE false"
)

TOUCHED = """
WITH coded AS ({codings}),
wanted AS (
  SELECT DISTINCT each.resource_type, each.system, each.code, known.value_set
  FROM (SELECT DISTINCT resource_type, system, code FROM coded) AS each
  JOIN value_set_code AS known ON known.system = each.system
    AND (known.code = each.code OR (known.is_prefix AND starts_with(each.code, known.code)))
),
hit AS (
  SELECT DISTINCT coded.check_id, coded.resource_type, coded.resource_key, wanted.value_set
  FROM coded JOIN wanted USING (resource_type, system, code)
  UNION ALL SELECT DISTINCT check_id, resource_type, resource_key, '{every}' FROM defective
)
SELECT hit.check_id, reading.measure_id, count(DISTINCT hit.resource_key),
  list(DISTINCT hit.value_set) FILTER (WHERE hit.value_set <> '{every}')
FROM hit
JOIN need_value_set AS reading USING (resource_type, value_set)
JOIN looked_at AS spoiled ON spoiled.check_id = hit.check_id AND spoiled.measure_id = reading.measure_id
GROUP BY hit.check_id, reading.measure_id
"""


def find_touched(
    connection: duckdb.DuckDBPyConnection,
    needs: Sequence[Need],
    findings: Sequence[Finding],
    *,
    key_id: str,
    as_of: date,
) -> None:
    """Makes data_quality_touches of what has a defect; `defective` holds the records that have one."""
    official = {need.measure_id: need.official for need in needs}
    defects = [one for one in findings if one.is_defect]
    rows = [*_by_type(needs, defects), *_by_records(connection, needs, defects)]
    connection.execute(DATA_QUALITY_TOUCHES.duckdb_ddl())
    columns = {
        "key_id": [key_id] * len(rows),
        "check_id": [row[0] for row in rows],
        "measure_id": [row[1] for row in rows],
        "official": [official[row[1]] for row in rows],
        "records": pa.array([row[2] for row in rows], pa.int64()),
        "reads": pa.array([_named(row[3]) for row in rows], pa.string()),
        "as_of": pa.array([as_of] * len(rows), pa.date32()),
    }
    connection.register("touched_rows", pa.table(columns))
    connection.execute(f"INSERT INTO {DATA_QUALITY_TOUCHES.name} SELECT * FROM touched_rows")
    connection.unregister("touched_rows")


Touched = tuple[str, str, int | None, Iterable[str]]
"""(check, measure, records, value sets)."""


def _by_type(needs: Sequence[Need], defects: Sequence[Finding]) -> Iterator[Touched]:
    """Defects that hide which records they are: every measure that reads the type."""
    for one in defects:
        for need in needs if one.check.touches == "type" else ():
            if need.resource_type == one.check.resource_type:
                named = need.value_sets.keys() - {EVERY_CODE}
                if named or one.check.kind != "unmapped_codes":
                    yield one.check.id, need.measure_id, None, named


def _by_records(
    connection: duckdb.DuckDBPyConnection, needs: Sequence[Need], defects: Sequence[Finding]
) -> list[Touched]:
    """Defects of records: the measures whose value sets hold a code of one, and which look at what is spoiled."""
    of_records = [one for one in defects if one.check.touches == "records"]
    if not of_records:
        return []
    _lay_needs(connection, needs, of_records)
    ids = ", ".join(f"'{one.check.id}'" for one in of_records)
    kinds = CODING_TABLES.keys() & {one.check.resource_type for one in of_records}
    codings = " UNION ALL ".join([NO_CODING, *(_codings(kind, ids) for kind in sorted(kinds))])
    return connection.execute(TOUCHED.format(codings=codings, every=EVERY_CODE)).fetchall()


def _codings(kind: str, ids: str) -> str:
    return (
        "SELECT check_id, resource_type, resource_key, system, code FROM defective "
        f"JOIN {CODING_TABLES[kind]} USING (resource_key) WHERE resource_type = '{kind}' AND check_id IN ({ids})"
    )


def _lay_needs(
    connection: duckdb.DuckDBPyConnection, needs: Sequence[Need], defects: Sequence[Finding]
) -> None:
    value_sets = {name: codes for need in needs for name, codes in need.value_sets.items()}
    read = {
        (one.check.id, need.measure_id)
        for one in defects
        for need in needs
        if need.resource_type == one.check.resource_type
        and (ANY in one.check.elements or need.elements.intersection(one.check.elements))
    }
    _lay(
        connection,
        "value_set_code",
        {"value_set": pa.string(), "system": pa.string(), "code": pa.string(), "is_prefix": pa.bool_()},
        [(name, *code) for name, codes in value_sets.items() for code in codes],
    )
    _lay(
        connection,
        "need_value_set",
        dict.fromkeys(("measure_id", "resource_type", "value_set"), pa.string()),
        sorted({(need.measure_id, need.resource_type, name) for need in needs for name in need.value_sets}),
    )
    _lay(connection, "looked_at", dict.fromkeys(("check_id", "measure_id"), pa.string()), sorted(read))


def _lay(
    connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, pa.DataType], rows: list[tuple]
) -> None:
    parts = zip(*rows, strict=True) if rows else ([] for _ in columns)
    arrays = [pa.array(values, kind) for values, kind in zip(parts, columns.values(), strict=True)]
    connection.register("laid", pa.table(arrays, names=list(columns)))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM laid")
    connection.unregister("laid")


def _named(value_sets: Iterable[str] | None) -> str:
    names = sorted(short_name(one) for one in value_sets or ())
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
