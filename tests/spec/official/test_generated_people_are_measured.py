"""The demonstration's people are found by official measures: in the denominator, and some of them in the numerator."""

from __future__ import annotations

from datetime import date

import pytest

from ehr_core.population.shards import Panel, write_ndjson
from pipelines.run.official_measures import Period, evaluate
from tests.lib.shared_data import shared_data

pytestmark = pytest.mark.long
AS_OF = date(2026, 11, 20)
REACHED = (
    *("CMS122", "CMS124", "CMS125", "CMS130", "CMS131", "CMS138"),
    *("CMS139", "CMS165", "CMS22", "CMS69", "CMS951", "CMS1154"),
)


def test_twelve_official_measures_have_people_and_rates_that_may_be_believed(tmp_path):
    panel = Panel(patients=1000, seed=2026, as_of=AS_OF, time_zone="America/New_York")
    write_ndjson(panel, tmp_path / "in", processes=1)
    for path in (tmp_path / "in").iterdir():
        kind, shard, rest = path.name.split(".", 2)
        path.rename(path.with_name(f"{kind}-{shard}.{rest}"))
    year = Period(date(2026, 1, 1), date(2026, 12, 31))
    found = evaluate(shared_data("ecqm"), tmp_path / "in", year, tmp_path / "out", only=REACHED)
    assert len(found) == len(REACHED)
    for one in found:
        people = one.counts["Group_1"].members["Denominator_1"]
        assert people >= 10, one.measure.name
        assert 0.2 < one.scores()["Group_1"] < 0.9, one.measure.name
        assert one.not_evaluable == 0
