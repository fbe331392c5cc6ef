"""Flattens a few people's lines on a workbench that keeps its plans: the same SELECTs, and only what is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from data_contracts.workbench import KeptPlans
from pipelines.flatten.conversions import conversion_tables
from pipelines.flatten.engine import check_names, looked_up_first, unreadable
from pipelines.flatten.sources import as_column, lines_name, stage_name, staged
from pipelines.flatten.views import ResourceViews, compile_views, filled_in

WORDS = re.compile(r"[a-z_0-9]+")


def words_of(statements: Sequence[str]) -> frozenset[str]:
    """The words of some SQL: what is no word of it, it cannot read."""
    return frozenset(word for statement in statements for word in WORDS.findall(statement))


def flatten_minute(
    tables: KeptPlans, lines: Mapping[str, Sequence[bytes]], *, key_id: str, read: frozenset[str]
) -> None:
    """Makes those flat tables, with those columns, that SQL of the words `read` can read; absent types give empty ones.

    `lines` are by resource type; the workbench's time zone decides the day of an instant.
    Raises BadRequest when a line cannot be read; the tables are then incomplete.
    """
    check_names(key_id, tables.time_zone)
    for name, rows in conversion_tables().items():
        tables.lay(name, rows)
    asked = compile_views(read)
    for views in asked.values():
        if not lines.get(views.resource_type):
            for contract in views.contracts.values():
                tables.empty(contract)
    for resource_type, found in looked_up_first(lines):
        if found and resource_type in asked:
            _flatten_type(tables, asked[resource_type], found, key_id)


def _flatten_type(tables: KeptPlans, views: ResourceViews, lines: Sequence[bytes], key_id: str) -> None:
    try:
        tables.lay(lines_name(views.resource_type), as_column(lines))
        tables.make(stage_name(views.resource_type), staged(views.used))
        for name, select in filled_in(views, key_id).items():
            tables.make(name, select, views.contracts[name])
    except (duckdb.Error, pa.ArrowInvalid) as error:
        raise unreadable(views.resource_type, error) from None
