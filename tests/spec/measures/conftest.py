"""What the specs of measures share: empty flat tables and a way to ask one measure about one person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from pipelines.measures import Period, evaluate
from tests.lib.flat_tables import FlatTables

Judge = Callable[..., dict]
FLAGS = ("initial_population", "denominator", "denominator_exclusion", "denominator_exception", "numerator")


@pytest.fixture(scope="module")
def connected() -> FlatTables:
    return FlatTables()


@pytest.fixture
def tables(connected: FlatTables) -> FlatTables:
    return connected.empty()


@pytest.fixture
def judge(tables: FlatTables) -> Judge:
    """The row of one measure for one person; `flags` are the letters of those that are set (i d x e n)."""

    def row(
        measure: str, as_of: str = "2026-11-22", patient: str = "ana", period: Period | None = None
    ) -> dict:
        evaluate(tables.connection, as_of=date.fromisoformat(as_of), period=period, only=[measure])
        found = tables.one("measure_results", patient_key=patient, measure_id=measure)
        letters = zip("idxen", FLAGS, strict=True)
        return {**found, "flags": "".join(letter for letter, name in letters if found[name])}

    return row
