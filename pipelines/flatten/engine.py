"""Flattens de-identified FHIR lines into the typed tables of data_contracts/tables/flat.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import pyarrow as pa

from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.pseudonym import KEY_ID
from pipelines.flatten.sources import Source, drop_stage, file_groups, is_in_memory, stage_files, stage_lines
from pipelines.flatten.tables import make_ready, session_settings
from pipelines.flatten.views import ResourceViews, compile_views, filled_in


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
    """What was flattened, by resource type and table; `kept_as_resource` are types that have no flat table."""

    types: dict[str, FlattenedType] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    kept_as_resource: list[str] = field(default_factory=list)


def flatten(
    connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], *, key_id: str, site_time_zone: str
) -> FlattenReport:
    """Makes every flat table in the connection, emptied first; a type that is absent gives an empty table.

    `sources` are, by resource type, NDJSON files (plain, .gz, .zst) or lines in memory. `key_id` names the pseudonym
    key of the lines. `site_time_zone` (IANA) decides the day of an instant.
    Raises BadRequest when a line cannot be read; the tables are then incomplete.
    """
    check_names(key_id, site_time_zone)
    run = _Run(connection, key_id, FlattenReport(rows={table.name: 0 for table in FLAT_TABLES}))
    # With the site's time zone DuckDB gives local days by itself; the order of rows is nobody's contract.
    with session_settings(connection, {"TimeZone": site_time_zone, "preserve_insertion_order": "false"}):
        make_ready(connection)
        for resource_type, source in looked_up_first(sources):
            views = compile_views().get(resource_type)
            if views is None or views.is_looked_up:
                run.report.kept_as_resource.append(resource_type)
            if views and source:
                _flatten_type(run, views, source)
    return run.report


@dataclass
class _Run:
    """One call of flatten."""

    connection: duckdb.DuckDBPyConnection
    key_id: str
    report: FlattenReport


def looked_up_first(sources: Mapping[str, Source]) -> list[tuple[str, Source]]:
    """By resource type, those first that others look things up in."""

    def is_read_by_others(resource_type: str) -> bool:
        views = compile_views().get(resource_type)
        return views is not None and views.is_looked_up

    return sorted(sources.items(), key=lambda item: not is_read_by_others(item[0]))


def _flatten_type(run: _Run, views: ResourceViews, source: Source) -> None:
    connection, count = run.connection, FlattenedType()
    if not views.is_looked_up:
        count = run.report.types.setdefault(views.resource_type, count)
    try:
        if is_in_memory(source):
            count.lines += stage_lines(connection, views.used, source)
            _count(run, views, _insert(run, views))
        else:
            for files in file_groups(source):
                count.lines += stage_files(connection, views.used, files)
                _count(run, views, _insert(run, views))
    except (duckdb.Error, pa.ArrowInvalid) as error:
        raise unreadable(views.resource_type, error) from None
    finally:
        drop_stage(connection, views.resource_type)


def _count(run: _Run, views: ResourceViews, inserted: Iterator[tuple[str, int]]) -> None:
    for position, (table, rows) in enumerate(inserted):
        if table not in run.report.rows:
            continue
        run.report.rows[table] += rows
        run.report.types[views.resource_type].rows += rows if position == 0 else 0


def _insert(run: _Run, views: ResourceViews) -> Iterator[tuple[str, int]]:
    for table, select in filled_in(views, run.key_id).items():
        yield table, run.connection.execute(f'INSERT INTO "{table}" {select}').fetchall()[0][0]


def unreadable(resource_type: str, error: Exception) -> BadRequest:
    """In a sentence that quotes nothing of the lines."""
    return BadRequest(
        f"The {resource_type} lines cannot be read as the FHIR JSON that flatten expects "
        f"({type(error).__name__}). Look at the report of de-identification, then make them again."
    )


def check_names(key_id: str, site_time_zone: str) -> None:
    """Raises BadRequest for a key id or time zone that cannot be one: both become part of statements."""
    if not KEY_ID.fullmatch(key_id):
        raise BadRequest("The key id of a flat row has 1 to 64 letters, digits, '-' or '.'.")
    if not re.fullmatch(r"[A-Za-z0-9_+\-/]{1,64}", site_time_zone):
        raise BadRequest("The site's time zone is not an IANA name such as America/New_York.")
    try:
        ZoneInfo(site_time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadRequest(f"There is no time zone '{site_time_zone}'. Use an IANA name.") from error
