"""What the specs of recommendations share: empty flat tables and a way to ask one topic about one day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from pipelines.recommendations import evaluate
from tests.lib.flat_tables import FlatTables

Ask = Callable[..., dict]


@pytest.fixture(scope="module")
def connected() -> FlatTables:
    return FlatTables()


@pytest.fixture
def tables(connected: FlatTables) -> FlatTables:
    return connected.empty()


@pytest.fixture
def ask(tables: FlatTables) -> Ask:
    """The answer to one topic for one patient on one day."""

    def answer(topic: str, as_of: str = "2026-06-15", patient: str = "ana") -> dict:
        evaluate(tables.connection, as_of=date.fromisoformat(as_of), only=[topic])
        return tables.one("recommendation_results", patient_key=patient, recommendation_id=topic)

    return answer
