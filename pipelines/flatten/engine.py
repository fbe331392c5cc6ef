"""Flattens de-identified FHIR lines into the typed tables of data_contracts/tables/flat.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from data_contracts.tables.flat import FLAT_TABLES
from data_contracts.units import load_analytes
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.pseudonym import KEY_ID
from pipelines.flatten.sources import Source, stage
from pipelines.flatten.views import compile_views


@dataclass
class FlattenedType:
    """The balance of one resource type: lines = rows + without_keys (no id, or no patient that can be told)."""

    lines: int = 0
    rows: int = 0

    @property
    def without_keys(self) -> int:
        return self.lines - self.rows


@dataclass
class FlattenReport:
    """What was flattened, by resource type; types without a flat table are counted as `kept_as_resource`."""

    types: dict[str, FlattenedType] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    kept_as_resource: list[str] = field(default_factory=list)


def flatten(
    connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], *, key_id: str, site_time_zone: str
) -> FlattenReport:
    """Creates every flat table in the connection; a type that is absent gives an empty table.

    `sources` are, by resource type, NDJSON files (plain, .gz, .zst) or lines in memory. `key_id` names the pseudonym
    key of the lines. `site_time_zone` (IANA) decides the day of an instant.
    Raises BadRequest when a line cannot be read; the tables are then incomplete.
    """
    _check(key_id, site_time_zone)
    _create_tables(connection)
    _load_conversions(connection)
    report = FlattenReport(rows={table.name: 0 for table in FLAT_TABLES})
    views = compile_views()
    for resource_type, source in sources.items():
        if resource_type not in views:
            report.kept_as_resource.append(resource_type)
            continue
        _flatten_type(connection, resource_type, source, report, key_id, site_time_zone)
    return report


def _flatten_type(
    connection: duckdb.DuckDBPyConnection,
    resource_type: str,
    source: Source,
    report: FlattenReport,
    key_id: str,
    site_time_zone: str,
) -> None:
    views = compile_views()[resource_type]
    count = report.types.setdefault(resource_type, FlattenedType())
    statements = {
        name: _filled(statement, key_id, site_time_zone) for name, statement in views.statements.items()
    }
    for lines in stage(connection, resource_type, views.used, source):
        count.lines += lines
        for position, (name, statement) in enumerate(statements.items()):
            rows = connection.execute(statement).fetchone()[0]
            report.rows[name] += rows
            count.rows += rows if position == 0 else 0


def _filled(statement: str, key_id: str, site_time_zone: str) -> str:
    return (
        statement.replace("{key_id}", key_id)
        .replace("{zone}", site_time_zone)
        .replace("{analyte_codes}", _analyte_codes())
    )


@cache
def _analyte_codes() -> str:
    codes = sorted(code for analyte in load_analytes() for code in analyte.loinc)
    return "[" + ", ".join(f"'{code}'" for code in codes) + "]"


def _check(key_id: str, site_time_zone: str) -> None:
    if not KEY_ID.fullmatch(key_id):
        raise BadRequest("The key id of a flat row has 1 to 64 letters, digits, '-' or '.'.")
    if not re.fullmatch(r"[A-Za-z0-9_+\-/]{1,64}", site_time_zone):
        raise BadRequest("The site's time zone is not an IANA name such as America/New_York.")
    try:
        ZoneInfo(site_time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadRequest(f"There is no time zone '{site_time_zone}'. Use an IANA name.") from error


def _create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    views = {
        name
        for (name,) in connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    }
    for table in FLAT_TABLES:
        if table.name in views:
            connection.execute(f'DROP VIEW "{table.name}"')
        connection.execute(table.duckdb_ddl().replace("CREATE TABLE", "CREATE OR REPLACE TABLE", 1))


def _load_conversions(connection: duckdb.DuckDBPyConnection) -> None:
    """The analytes and their unit conversions as small tables, one row a LOINC code and written unit."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE flatten_analyte"
        " (loinc VARCHAR, unit VARCHAR, low DOUBLE, high DOUBLE, no_unit BOOLEAN);"
        "CREATE OR REPLACE TEMP TABLE flatten_conversion"
        ' (loinc VARCHAR, written_unit VARCHAR, factor DOUBLE, "offset" DOUBLE, decimals INTEGER, is_identity BOOLEAN)'
    )
    analytes, conversions = _conversion_rows()
    connection.execute(f"INSERT INTO flatten_analyte VALUES {analytes}")
    connection.execute(f"INSERT INTO flatten_conversion VALUES {conversions}")


@cache
def _conversion_rows() -> tuple[str, str]:
    analytes, conversions = [], []
    for analyte in load_analytes():
        for loinc in analyte.loinc:
            analytes.append(
                f"('{loinc}', '{analyte.unit}', {analyte.low}, {analyte.high}, {analyte.no_unit})"
            )
            for conversion in analyte.conversions:
                factors = f"{conversion.factor!r}, {conversion.offset!r}, {analyte.decimals}, {conversion.is_identity}"
                conversions += [f"('{loinc}', '{unit}', {factors})" for unit in conversion.units]
    return ", ".join(analytes), ", ".join(conversions)
