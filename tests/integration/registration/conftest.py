"""A front desk, a clinician and a site with a few people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ehr_core.client import AlmonerClient
from tests.integration.chart_records import put_patient, put_site
from tests.lib.api import RunningApi, running_api


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path) as running:
        put_site(running)
        yield running


@pytest.fixture
def desk(api: RunningApi) -> AlmonerClient:
    return api.signed_in("desk", "front_desk")


@pytest.fixture
def ana(api: RunningApi) -> str:
    put_patient(api, "ana", telecom=[{"system": "phone", "value": "(716) 555-0142", "use": "mobile"}])
    return "ana"


@pytest.fixture
def rows(admin_url: str) -> Callable[..., list[dict[str, Any]]]:
    """Rows as the database's owner sees them."""

    def read(sql: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(admin_url.replace("+psycopg", ""), row_factory=dict_row) as connection:
            return connection.execute(sql, values).fetchall()

    return read
