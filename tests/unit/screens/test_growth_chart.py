"""A growth chart in words: the percentile of each point, and what cannot be compared says so."""

from __future__ import annotations

from datetime import date

import pytest

from dashboards.clinician.growth_chart import growth_spec, percentile_words
from data_contracts.api.growth import GrowthChart, GrowthCurve, GrowthPoint


def point(percentile, z=0.0):
    return GrowthPoint(
        observation_id="o", on=date(2026, 11, 1), age_months=24.5, value="12.5", unit="kg",
        reference=None if percentile is None else "cdc", z=None if percentile is None else z, percentile=percentile,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (point(61.8, 0.3), "62nd percentile (z 0.30)"),
        (point(0.6, -2.51), "1st percentile (z -2.51)"),
        (point(11.2), "11th percentile (z 0.00)"),
        (point(0.0, -4.2), "below the lowest percentiles (z -4.20)"),
        (point(100.0, 3.4), "above the highest percentiles (z 3.40)"),
        (point(None), "not compared"),
    ],
)
def test_a_percentile_in_words(given, words):
    assert percentile_words(given) == words


def test_lines_are_drawn_around_the_ages_that_were_measured():
    curve = GrowthCurve(reference="cdc", percentile=50, points=[(24, 12.1), (30, 13.0), (60, 18.0)])
    spec = growth_spec(GrowthChart(indicator="weight", unit="kg", points=[point(50.0)], curves=[curve]))
    lines, points = (layer["data"]["values"] for layer in spec["layer"])
    assert [line["age"] for line in lines] == [24, 30]
    assert points == [{"age": 24.5, "value": 12.5}]
