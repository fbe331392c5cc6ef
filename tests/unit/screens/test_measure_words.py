"""A measure's picture over time and its groups: what is drawn, and what may be asked for."""

from __future__ import annotations

from datetime import date

from dashboards.quality.measure import trend_spec
from dashboards.quality.measure_patients import group_words
from data_contracts.api.quality import Counts, MeasureDefinition, MeasureLine, MeasurePage, Stratum

COUNTS = Counts(
    initial_population=20, denominator=20, exclusions=0, exceptions=0, numerator=10, not_evaluable=0, rate=0.5
)


def test_every_night_is_a_point_of_the_line_and_the_scale_is_whole():
    spec = trend_spec(((date(2026, 11, 19), 0.4), (date(2026, 11, 20), 0.5)))
    drawn = next(iter(spec["datasets"].values()))
    assert [point["rate"] for point in drawn] == [0.4, 0.5]
    assert spec["encoding"]["y"]["scale"]["domain"] == [0, 1]


def test_groups_are_named_by_their_kind_and_everybody_is_none_of_them():
    page = MeasurePage(
        line=MeasureLine(
            measure_id="m",
            version="1",
            title="A measure",
            improvement="increase",
            period_begin=date(2026, 1, 1),
            period_end=date(2026, 12, 31),
            counts=COUNTS,
        ),
        definition=MeasureDefinition(
            purpose="", why_it_matters="", source="", version="1", population="", denominator="", numerator="",
            exclusions=[], exceptions=[], evidence=[], missing_data="",
        ),
        strata=[
            Stratum(kind=kind, value=value, label=label, counts=COUNTS)
            for kind, value, label in (
                ("all", "all", "Everyone"),
                ("clinic", "north", "North Clinic"),
                ("race", "not_recorded", "Not recorded"),
            )
        ],
        trend=[],
        provenance={},
        as_of=None,
    )  # fmt: skip
    assert group_words(page) == {
        "clinic:north": "Clinic: North Clinic",
        "race:not_recorded": "Race: Not recorded",
    }
