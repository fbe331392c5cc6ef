"""A long chart opens with the newest of each test, tells how many more there are, and hides nothing that waits."""

from __future__ import annotations

from tests.integration.chart_records import put_observation, put_patient, put_site
from tests.lib.api import running_api


def test_the_newest_of_each_test_and_all_that_waits_come_first_and_one_test_in_full_on_request(
    database, tmp_path
):
    with running_api(database, tmp_path) as api:
        put_site(api)
        put_patient(api, "ana")
        clinician = api.signed_in("okafor", "clinician", practitioner_id="okafor")
        for day in range(1, 10):
            at = f"2020-03-0{day}T09:00:00-05:00"
            put_observation(api, f"old-{day}", "ana", at=at, valueQuantity={"value": day, "unit": "%"})
        put_observation(api, "glucose", "ana", "2345-7", valueQuantity={"value": 99, "unit": "mg/dL"})
        put_observation(
            api, "late", "ana", at="2019-01-01T09:00:00-05:00", issued="2026-11-19T09:00:00-05:00",
            valueQuantity={"value": 42, "unit": "%"},
        )  # fmt: skip
        short = {series.code: series for series in clinician.charting.results("ana", newest=3).series}
        assert [point.result_id for point in short["4548-4"].points][:3] == ["old-9", "old-8", "old-7"]
        assert (short["4548-4"].older + len(short["4548-4"].points), short["2345-7"].older) == (10, 0)
        (full,) = clinician.charting.results("ana", code="http://loinc.org|4548-4").series
        assert (len(full.points), full.older) == (10, 0)
        whole = {series.code: series for series in clinician.charting.results("ana").series}
        waiting = {
            point.result_id for series in whole.values() for point in series.points if point.awaits_review
        }
        shown = {point.result_id for series in short.values() for point in series.points}
        assert waiting <= shown
