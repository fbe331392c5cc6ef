"""The API's skeleton: health, errors, headers, one transaction a request."""

from __future__ import annotations

import pytest

from tests.lib.api import running_api


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


def test_health_says_that_the_database_is_reachable(api):
    answer = api.http().get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "reachable"}
