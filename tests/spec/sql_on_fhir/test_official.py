"""The official SQL-on-FHIR v2 tests, each as it is published: rows in any order, columns in theirs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.standard import compile_standard
from tests.lib.shared_data import shared_folder
from tests.spec.sql_on_fhir.drawn import rows_of

FOLDER = shared_folder("sql-on-fhir")
ABSENT = "the official SQL-on-FHIR tests are not beside this checkout (ALMONER_SHARED_DATA)"


@cache
def suite(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def published() -> list[Any]:
    files = sorted(FOLDER.glob("*.json")) if FOLDER else []
    return [
        pytest.param(suite(path)["resources"], test, id=f"{path.stem}: {test['title']}")
        for path in files
        for test in suite(path)["tests"]
    ] or [pytest.param([], {}, marks=pytest.mark.skip(reason=ABSENT))]


def in_one_order(rows: list[dict[str, Any]]) -> list[list[tuple[str, Any]]]:
    return sorted((sorted(row.items()) for row in rows), key=repr)


@pytest.mark.parametrize(("resources", "test"), published())
def test_official(resources, test):
    if test.get("expectError"):
        with pytest.raises(BadRequest):
            rows_of(test["view"], resources)
        return
    found = rows_of(test["view"], resources)
    as_numbers = json.loads(json.dumps(found), parse_int=float)
    expected = json.loads(json.dumps(test["expect"]), parse_int=float)
    assert in_one_order(as_numbers) == in_one_order(expected)
    if columns := test.get("expectColumns"):
        assert list(compile_standard(test["view"]).columns) == columns
