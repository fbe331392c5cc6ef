"""Compiles ViewDefinitions (SQL-on-FHIR v2) to DuckDB SQL, one SELECT a flat table."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.contract import Table
from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.columns import (
    TEXT_KINDS,
    Layers,
    add_date,
    add_referred_medication,
    add_sensitivity,
    add_value,
)
from pipelines.flatten.conversions import listed_analyte_codes
from pipelines.flatten.expressions import Scope
from pipelines.flatten.fhirpath import Expression, parse
from pipelines.flatten.sources import stage_name
from pipelines.flatten.structure import Used
from pipelines.flatten.tables import LOOKED_UP

VIEWS = Path(__file__).with_name("views")
KEYS = ("patient_key", "resource_key")
ALL_KEYS = frozenset({"key_id", *KEYS})
STAGE = "{stage}"


@dataclass
class Selection:
    """One SELECT under construction: its layers, where the rows come from, and the conditions on them."""

    layers: Layers = field(default_factory=Layers)
    source: str = f"{STAGE} AS s"
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResourceViews:
    """The views over one resource type, and the elements that they read: a contract and a SELECT a table."""

    resource_type: str
    used: Used
    contracts: dict[str, Table] = field(default_factory=dict)
    selects: dict[str, str] = field(default_factory=dict)

    @property
    def is_looked_up(self) -> bool:
        """Whether others take over what these resources say: then they are read first and have no rows of their own."""
        return self.contracts.keys() <= {table.name for table in LOOKED_UP}


@cache
def compile_views(read: frozenset[str] | None = None) -> dict[str, ResourceViews]:
    """The views of the flat tables and of what they look up, by resource type. Compiled once a process.

    `read`: the words of the SQL that will read the tables; a table or column that it does not name is left out.
    """
    compiled: dict[str, ResourceViews] = {}
    for table in (*LOOKED_UP, *FLAT_TABLES):
        if read is not None and table.name not in read and table not in LOOKED_UP:
            continue
        view = load_view(table.name)
        resource_type = view["resource"]
        known = compiled.setdefault(resource_type, ResourceViews(resource_type, Used(resource_type)))
        known.contracts[table.name] = asked = _asked_for(table, read)
        known.selects[table.name] = compile_view(view, table, known.used, asked)
    return compiled


def filled_in(views: ResourceViews, key_id: str) -> dict[str, str]:
    """The SELECT of each of a type's tables over its staging table, under a pseudonym key."""
    return {
        table: select.replace("{key_id}", f"'{key_id}'")
        .replace("{stage}", stage_name(views.resource_type))
        .replace("{analyte_codes}", listed_analyte_codes())
        for table, select in views.selects.items()
    }


def _asked_for(table: Table, read: frozenset[str] | None) -> Table:
    if read is None or table in LOOKED_UP:
        return table
    columns = tuple(one for one in table.columns if one.name in read or one.name in ALL_KEYS)
    return replace(table, columns=columns)


def load_view(name: str) -> dict[str, Any]:
    return json.loads((VIEWS / f"{name}.json").read_text(encoding="utf-8"))


def compile_view(view: Mapping[str, Any], table: Table, used: Used, asked: Table | None = None) -> str:
    """The SELECT of one view; `asked` has those columns of the contract that are wanted, all without it."""
    constants = {constant["name"]: parse(_constant_text(constant)) for constant in view.get("constant", ())}
    top = Scope(used, "s", constants=constants)
    conditions = [top.value(parse(condition["path"])).one for condition in view.get("where", ())]
    branches = [Selection(where=tuple(f"({condition}) IS TRUE" for condition in conditions))]
    for select in view["select"]:
        branches = [grown for branch in branches for grown in _grow(branch, select, top, constants)]
    return " UNION ALL ".join(_select(branch, table, asked or table) for branch in branches)


def _grow(
    selection: Selection, select: Mapping[str, Any], top: Scope, constants: Mapping[str, Expression]
) -> Iterator[Selection]:
    if "unionAll" in select:
        for option in select["unionAll"]:
            yield from _grow(selection, option, top, constants)
        return
    grown = copy.deepcopy(selection)
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
    where = f" WHERE {' AND '.join(selection.where)}" if selection.where else ""
    selection.source = (
        f"(SELECT {_listed(selection.layers.texts)}, unnest({listed}) AS item,"
        f" generate_subscripts({listed}, 1) - 1 AS item_index FROM {STAGE} AS s{where}) AS items"
    )
    selection.layers.texts = {name: f'items."{name}"' for name in selection.layers.texts}
    selection.where = ()
    return Scope(items.used, "items.item", row_index="items.item_index", constants=constants)


def _add_column(selection: Selection, column: Mapping[str, Any], scope: Scope) -> None:
    name, path, layers = column["name"], column["path"], selection.layers
    tags = {tag["name"]: tag["value"] for tag in column.get("tag", ())}
    kind = tags.get("almoner/kind")
    if kind == "value":
        add_value(layers, scope)
    elif kind == "referred_medication":
        add_referred_medication(layers, scope.value(parse(path)).one)
    elif kind == "sensitivity":
        add_sensitivity(layers, name, scope, path)
    elif kind == "date":
        low = scope.value(parse(path)).one
        add_date(
            layers, name, low, scope.value(parse(tags["almoner/high"])).one if "almoner/high" in tags else low
        )
    elif kind in TEXT_KINDS:
        TEXT_KINDS[kind](layers, name, scope.value(parse(path)).one)
    elif kind is None:
        layers.plain(name, scope.value(parse(path)).one)
    else:
        raise BadRequest(f"A view asks for a column of kind '{kind}', which flatten does not know.")


def _select(selection: Selection, table: Table, asked: Table) -> str:
    layers = selection.layers
    expected = set(table.column_names) - {"key_id"}
    if expected != layers.columns.keys():
        missing, extra = expected - layers.columns.keys(), layers.columns.keys() - expected
        raise BadRequest(f"The view '{table.name}' differs from its contract: lacks {missing}, adds {extra}.")
    where = f" WHERE {' AND '.join(selection.where)}" if selection.where else ""
    source = f"(SELECT {_listed(layers.texts)} FROM {selection.source}{where}) AS t{layers.joins}"
    if layers.parsed:
        source = f"(SELECT t.*, {_listed(layers.parsed)} FROM {source}) AS p"
    if layers.judged:
        source = f"(SELECT *, {_listed(layers.judged)} FROM {source}) AS j"
    columns = ", ".join(
        f'{layers.columns[name]} AS "{name}"' for name in asked.column_names if name in expected
    )
    needed = " AND ".join(f"{key} IS NOT NULL" for key in KEYS if key in layers.columns) or "TRUE"
    return f"SELECT {{key_id}} AS key_id, {columns} FROM {source} WHERE {needed}"


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())


def _constant_text(constant: Mapping[str, Any]) -> str:
    value = next(value for key, value in constant.items() if key.startswith("value"))
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
