"""A measure's rate over time and its groups: what is drawn, what is said, and what may be asked for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from dashboards.quality.funnel import funnel_groups, funnel_spec, place_words
from dashboards.quality.measure import not_loaded_words
from dashboards.quality.measure_patients import group_words, membership_words, patient_html
from dashboards.quality.rates import change_words, line_words, numerator_word, shift_words
from dashboards.quality.trend import trend_nights, trend_spec
from data_contracts.api.quality import (
    Counts,
    MeasureDefinition,
    MeasureLine,
    MeasurePage,
    MeasurePatient,
    RatePoint,
    RateShift,
    Stratum,
)
from data_contracts.rate_statistics import wilson_rate

DAY = date(2026, 11, 20)


def counts(numerator: int | None, denominator: int | None) -> Counts:
    known = numerator is not None and denominator is not None
    rate = wilson_rate(numerator, denominator) if known else None
    return Counts(
        initial_population=denominator,
        denominator=denominator,
        exclusions=0,
        exceptions=0,
        numerator=numerator,
        not_evaluable=0,
        rate=rate.value if rate else None,
        rate_low=rate.low if rate else None,
        rate_high=rate.high if rate else None,
        suppressed=not known,
    )


def group(label: str, numerator: int | None, denominator: int | None, kind: str = "clinic") -> Stratum:
    return Stratum(kind=kind, value=label.lower(), label=label, counts=counts(numerator, denominator))


def page(strata=(), trend=(), improvement="increase", **line) -> MeasurePage:
    return MeasurePage(
        line=MeasureLine(
            measure_id="m",
            version="1",
            title="A measure",
            improvement=improvement,
            period_begin=date(2026, 1, 1),
            period_end=date(2026, 12, 31),
            counts=counts(10, 20),
            **line,
        ),
        definition=MeasureDefinition(
            purpose="", why_it_matters="", source="", version="1", population="", denominator="", numerator="",
            exclusions=[], exceptions=[], evidence=[], missing_data="",
        ),
        strata=list(strata),
        trend=list(trend),
        provenance={},
        as_of=None,
    )  # fmt: skip


def night(days_ago: int, numerator: int | None, denominator: int = 20, period: int = 2026) -> RatePoint:
    shown = counts(numerator, denominator if numerator is not None else None)
    return RatePoint(on=DAY - timedelta(days=days_ago), period_begin=date(period, 1, 1), counts=shown)


def drawn(spec: dict) -> list[dict]:
    return [row for rows in spec["datasets"].values() for row in rows]


def test_every_night_is_a_point_with_its_band_and_the_scale_is_whole():
    nights = trend_nights(page(trend=[night(2, 8), night(1, None), night(0, 10)]))
    spec = trend_spec(nights)
    assert [round(point["rate"], 2) for point in drawn(spec)] == [0.4, 0.5]
    assert all(point["low"] < point["rate"] < point["high"] for point in drawn(spec))
    assert {layer["encoding"]["y"]["scale"]["domain"][1] for layer in spec["layer"]} == {1}


def test_the_line_breaks_where_a_period_begins_and_a_shift_is_marked():
    spec = trend_spec(trend_nights(page(trend=[night(1, 8, period=2025), night(0, 10)])), (DAY,))
    assert {point["period"] for point in drawn(spec) if "period" in point} == {"2025-01-01", "2026-01-01"}
    assert spec["layer"][0]["encoding"]["detail"]["field"] == "period"
    assert [row["since"][:10] for row in drawn(spec) if "since" in row] == ["2026-11-20"]


@pytest.mark.parametrize(
    ("numerator", "denominator", "words"),
    [
        (50, 100, "Within chance"),
        (39, 100, "At the lower edge of chance"),
        (61, 100, "At the upper edge of chance"),
        (30, 100, "Below what chance explains"),
        (70, 100, "Above what chance explains"),
        (3, 6, "Too few people to tell"),
        (0, 0, "No denominator"),
        (None, 12, "Suppressed"),
        (None, None, "Suppressed"),
    ],
)
def test_where_a_group_stands_is_said_in_words(numerator, denominator, words):
    assert place_words(counts(numerator, denominator), 0.5) == words


def test_a_funnel_draws_the_groups_that_may_be_shown_inside_limits_that_close():
    groups = funnel_groups(
        [group("North", 50, 100), group("South", 20, 100), group("Hidden", None, None), group("Empty", 0, 0)],
        0.5,
    )
    assert [(label, words) for label, _, _, words in groups] == [
        ("North", "Within chance"),
        ("South", "Below what chance explains"),
    ]
    rows = drawn(funnel_spec(groups, 0.5))
    assert [row["group"] for row in rows if "group" in row] == ["North", "South"]
    outer = [row for row in rows if row.get("side") == "99.8 % low"]
    assert outer[0]["rate"] < outer[-1]["rate"] < 0.5
    assert outer[-1]["denominator"] >= 100


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({}, "no earlier run"),
        ({"change": 0.02, "change_low": -0.01, "change_high": 0.05}, "+2.0 points, within chance"),
        (
            {"change": -0.1, "change_low": -0.15, "change_high": -0.05},
            "-10.0 points, more than chance explains",
        ),
    ],
)
def test_a_change_says_whether_chance_explains_it(line, words):
    assert change_words(page(**line).line) == words


def test_a_shift_says_when_how_much_and_where_to_look_first():
    jump = RateShift(kind="jump", since=DAY, change=-0.12, low=-0.2, high=-0.04)
    assert shift_words(jump).startswith(
        "On 20-Nov-2026 the rate fell overnight by 12.0 points (95 % CI -20.0 to -4.0)"
    )
    assert "Look at the data before the care" in shift_words(jump)
    drift = RateShift(kind="drift", since=DAY, change=0.06, low=0.01, high=0.11)
    assert "Since 20-Nov-2026 the rate has stayed above the period before" in shift_words(drift)
    unsure = RateShift(kind="drift", since=DAY, change=-0.03, low=-0.13, high=0.07)
    assert "has stayed apart from the period before" in shift_words(unsure)
    assert shift_words(unsure).endswith(
        "below by 3.0 points (95 % CI -13.0 to +7.0), which alone may be chance."
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"scoring": "proportion"}, "50.0% (95 % CI 29.9% to 70.1%)"),
        ({"scoring": "continuous-variable", "score": 42.5, "unit": "min"}, "42.50 min"),
        ({"scoring": "ratio", "score": 0.125}, "0.125"),
        ({"scoring": "ratio"}, "no score"),
        ({"scoring": "cohort"}, "counted only"),
    ],
)
def test_only_a_proportion_is_listed_as_a_percentage(line, words):
    shown = page(**line).line
    assert line_words(shown) == words
    assert (change_words(shown) == "not a rate") == (line["scoring"] != "proportion")


@pytest.mark.parametrize(
    ("membership", "more", "words"),
    [
        ("numerator", {"evidence_value": "Negative", "evidence_on": DAY}, "<br>Negative · 20-Nov-2026"),
        (
            "not_in_numerator",
            {"reason": "Decided by 'Numerator'.", "evidence_on": DAY},
            "<br>Decided by &#x27;Numerator&#x27;.",
        ),
        ("not_in_numerator", {"evidence_on": DAY}, "<br>Nothing in the record meets it."),
        (
            "excluded",
            {"reason": "By 'Hospice'.", "evidence_on": DAY},
            "<br>By &#x27;Hospice&#x27;. · 20-Nov-2026",
        ),
    ],
)
def test_who_is_not_met_is_told_why_and_not_the_day_of_a_visit(membership, more, words):
    given = {"reason": None, "evidence_on": None, "evidence_value": None, **more}
    name = {"family": "Doyle", "given": "Ana"}
    person = MeasurePatient(
        patient_id="p", name=name, birth_date="1960-01-01", mrn="M1", membership=membership, **given
    )
    assert patient_html(person, official=True).endswith(words)


def test_a_funnel_names_only_the_places_that_are_drawn():
    spec = funnel_spec(funnel_groups([group("North", 50, 100), group("South", 20, 100)], 0.5), 0.5)
    (domain,) = {
        tuple(layer["encoding"]["shape"]["scale"]["domain"])
        for layer in spec["layer"]
        if "shape" in layer["encoding"]
    }
    assert domain == ("Within chance", "Below what chance explains")


def test_a_code_system_that_is_not_loaded_is_named_with_what_follows_from_it():
    assert not_loaded_words(["SNOMED CT"]) == (
        "SNOMED CT is not loaded here. Care that is recorded only there does not count in this measure."
    )


def test_groups_are_named_by_their_kind_and_everybody_is_none_of_them():
    strata = [group("All", 10, 20, "all"), group("North Clinic", 5, 10), group("Not recorded", 5, 10, "race")]
    assert group_words(page(strata)) == {
        "clinic:north clinic": "Clinic: North Clinic",
        "race:not recorded": "Race: Not recorded",
    }


def test_where_lower_is_better_nobody_in_the_numerator_is_called_met_and_they_come_first():
    usual, inverse = page().line, page(improvement="decrease").line
    assert (numerator_word(usual), numerator_word(inverse)) == ("Met", "Counts against")
    assert next(iter(membership_words(usual))) == "not_in_numerator"
    assert next(iter(membership_words(inverse))) == "numerator"
    assert "Met" not in membership_words(inverse).values()
