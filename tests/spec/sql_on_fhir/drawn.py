"""Runs a ViewDefinition over resources in memory: rows come out as dictionaries."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from pipelines.flatten.standard import as_dictionaries, compile_standard, view_rows


def rows_of(view: dict[str, Any], resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    compiled = compile_standard(view)
    with duckdb.connect() as connection:
        view_rows(connection, compiled, [json.dumps(resource).encode() for resource in resources])
        return as_dictionaries(connection, compiled.columns)
