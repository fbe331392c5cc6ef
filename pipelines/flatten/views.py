"""The flat tables: their ViewDefinitions compiled to DuckDB SQL, one SELECT a table.

What the language cannot say of a column is said by the tag `almoner/kind`; without the tags they are ordinary views.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.contract import Table
from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.branches import Branch, Layer, compile_branches, listed
from pipelines.flatten.columns import KINDS, Layers
from pipelines.flatten.conversions import listed_analyte_codes
from pipelines.flatten.outputs import add_output
from pipelines.flatten.sources import stage_name
from pipelines.flatten.structure import Used
from pipelines.flatten.tables import LOOKED_UP
from pipelines.flatten.view_definitions import ViewColumn, read_view

VIEWS = Path(__file__).with_name("views")
KEYS = ("patient_key", "resource_key")
ALL_KEYS = frozenset({"key_id", *KEYS})
KIND = "almoner/kind"


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
    layers: dict[Branch, Layers] = {}

    def add(branch: Branch, layer: Layer, column: ViewColumn) -> None:
        known = layers.setdefault(branch, Layers())
        known.texts = layer.texts
        kind = column.tags.get(KIND)
        if kind is None:
            known.columns[column.name] = add_output(layer, column)
        elif kind in KINDS:
            KINDS[kind](known, layer.scope, column)
        else:
            raise BadRequest(f"asks for a column of kind '{kind}', which flatten does not know")

    branches = compile_branches(read_view(view), used, add)
    return " UNION ALL ".join(_select(branch, layers[branch], table, asked or table) for branch in branches)


def _select(branch: Branch, layers: Layers, table: Table, asked: Table) -> str:
    expected = set(table.column_names) - {"key_id"}
    if expected != layers.columns.keys():
        missing, extra = expected - layers.columns.keys(), layers.columns.keys() - expected
        raise BadRequest(f"The view '{table.name}' differs from its contract: lacks {missing}, adds {extra}.")
    source = f"({branch.sql()}) AS t{layers.joins}"
    if layers.parsed:
        source = f"(SELECT t.*, {listed(layers.parsed)} FROM {source}) AS p"
    if layers.judged:
        source = f"(SELECT *, {listed(layers.judged)} FROM {source}) AS j"
    columns = ", ".join(
        f'{layers.columns[name]} AS "{name}"' for name in asked.column_names if name in expected
    )
    needed = " AND ".join(f"{key} IS NOT NULL" for key in KEYS if key in layers.columns) or "TRUE"
    return f"SELECT {{key_id}} AS key_id, {columns} FROM {source} WHERE {needed}"
