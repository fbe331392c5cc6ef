"""The screens show today's answers: a whole run for another day is turned back, so that it cannot overwrite them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from data_contracts.tables.results import CARE_GAPS
from ehr_core.kernel.errors import Conflict
from tests.integration.loop.records import as_body
from tests.lib.api import MORNING, running_api

TODAY = MORNING.date()


@pytest.fixture
def pipeline(database, tmp_path):
    with running_api(database, tmp_path) as api:
        yield api.service("pipeline").pipeline


def send(pipeline, as_of: date) -> int:
    """A whole run about nobody, for that day; rows that the core received."""
    key_id = pipeline.key().key_id
    body = as_body(CARE_GAPS, [])
    return pipeline.write_back(
        "care_gaps", body, run_id="night", key_id=key_id, as_of=as_of, outbox_transaction=1
    ).received


@pytest.mark.parametrize("days", [-400, -2, 1, 30])
def test_a_whole_run_for_another_day_is_refused(pipeline, days):
    with pytest.raises(Conflict, match="of today"):
        send(pipeline, TODAY + timedelta(days=days))


@pytest.mark.parametrize("days", [-1, 0])
def test_a_whole_run_for_today_or_the_night_before_is_taken(pipeline, days):
    assert send(pipeline, TODAY + timedelta(days=days)) == 0
