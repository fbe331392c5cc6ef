"""Compiles ViewDefinitions (SQL-on-FHIR v2) to DuckDB SQL, one INSERT … SELECT a flat table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.contract import Table
from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.columns import SIMPLE_KINDS, date_columns, sensitivity_column, value_columns
from pipelines.flatten.expressions import Scope
from pipelines.flatten.fhirpath import Expression, parse
from pipelines.flatten.structure import Used

VIEWS = Path(__file__).with_name("views")
KEYS = ("patient_key", "resource_key")
STAGE = "flatten_stage"


@dataclass
class Selection:
    """One SELECT under construction: SQL by column name, where the rows come from, and the joins that they need."""

    columns: dict[str, str] = field(default_factory=dict)
    source: str = STAGE
    joins: str = ""
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResourceViews:
    """All views over one resource type, and the elements that they read."""

    resource_type: str
    used: Used
    statements: Mapping[str, str]


@cache
def compile_views() -> dict[str, ResourceViews]:
    """The views of every flat table, by resource type. Compiled once a process."""
    compiled: dict[str, ResourceViews] = {}
    for table in FLAT_TABLES:
        view = load_view(table.name)
        resource_type = view["resource"]
        known = compiled.setdefault(resource_type, ResourceViews(resource_type, Used(resource_type), {}))
        known.statements[table.name] = _statement(view, table, known.used)
    return compiled


def load_view(name: str) -> dict[str, Any]:
    return json.loads((VIEWS / f"{name}.json").read_text(encoding="utf-8"))


def _statement(view: Mapping[str, Any], table: Table, used: Used) -> str:
    constants = {constant["name"]: parse(_constant_text(constant)) for constant in view.get("constant", ())}
    top = Scope(used, STAGE, constants=constants)
    conditions = [top.value(parse(condition["path"])).one for condition in view.get("where", ())]
    branches = [Selection(where=tuple(f"({condition}) IS TRUE" for condition in conditions))]
    for select in view["select"]:
        branches = [grown for branch in branches for grown in _grow(branch, select, top, constants)]
    selects = " UNION ALL ".join(_select(branch, table) for branch in branches)
    return f'INSERT INTO "{table.name}" {selects}'


def _grow(
    selection: Selection, select: Mapping[str, Any], top: Scope, constants: Mapping[str, Expression]
) -> Iterator[Selection]:
    if "unionAll" in select:
        for option in select["unionAll"]:
            yield from _grow(selection, option, top, constants)
        return
    grown = replace(selection, columns=dict(selection.columns))
    scope = top
    if path := select.get("forEach") or select.get("forEachOrNull"):
        scope = _for_each(grown, path, top, constants, keep_empty="forEachOrNull" in select)
    for column in select.get("column", ()):
        _add_column(grown, column, scope)
    yield grown


def _for_each(
    selection: Selection, path: str, top: Scope, constants: Mapping[str, Expression], *, keep_empty: bool
) -> Scope:
    """Unnests a list beside the keys, which then come from the inner query."""
    items = top.value(parse(path))
    if items.used is None or not items.many:
        raise BadRequest(f"A view's forEach '{path}' is not a list of elements.")
    listed = f"CASE WHEN len({items.sql}) > 0 THEN {items.sql} ELSE [NULL] END" if keep_empty else items.sql
    inner = ", ".join(f'{sql} AS "{name}"' for name, sql in selection.columns.items())
    selection.source = (
        f"(SELECT {inner}, unnest({listed}) AS item, generate_subscripts({listed}, 1) - 1 AS item_index"
        f" FROM {STAGE}{' WHERE ' + ' AND '.join(selection.where) if selection.where else ''}) AS items"
    )
    selection.where = ()
    selection.columns = {name: f'items."{name}"' for name in selection.columns}
    return Scope(items.used, "items.item", row_index="items.item_index", constants=constants)


def _add_column(selection: Selection, column: Mapping[str, Any], scope: Scope) -> None:
    name, path = column["name"], column["path"]
    tags = {tag["name"]: tag["value"] for tag in column.get("tag", ())}
    kind = tags.get("almoner/kind")
    if kind == "value":
        columns, joins = value_columns(scope)
        selection.columns.update(columns)
        selection.joins += joins
    elif kind == "sensitivity":
        selection.columns[name] = sensitivity_column(scope, path)
    elif kind == "date":
        low = scope.value(parse(path)).one
        high = scope.value(parse(tags.get("almoner/high", path))).one
        selection.columns.update(date_columns(name, low, high))
    elif kind in SIMPLE_KINDS:
        selection.columns.update(SIMPLE_KINDS[kind](name, scope.value(parse(path)).one))
    elif kind is None:
        selection.columns[name] = scope.value(parse(path)).one
    else:
        raise BadRequest(f"A view asks for a column of kind '{kind}', which flatten does not know.")


def _select(selection: Selection, table: Table) -> str:
    expected = [name for name in table.column_names if name != "key_id"]
    if sorted(expected) != sorted(selection.columns):
        missing, extra = set(expected) - set(selection.columns), set(selection.columns) - set(expected)
        raise BadRequest(f"The view '{table.name}' differs from its contract: lacks {missing}, adds {extra}.")
    columns = ", ".join(f'{selection.columns[name]} AS "{name}"' for name in expected)
    needed = [f"{selection.columns[key]} IS NOT NULL" for key in KEYS if key in selection.columns]
    where = " AND ".join([*needed, *selection.where])
    return f"SELECT '{{key_id}}' AS key_id, {columns} FROM {selection.source}{selection.joins} WHERE {where}"


def _constant_text(constant: Mapping[str, Any]) -> str:
    value = next(value for key, value in constant.items() if key.startswith("value"))
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
