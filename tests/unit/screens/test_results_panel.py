"""What a clinician reads beside a result: value, flag, range and standing, never a guess."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dashboards.clinician.results import range_words, value_html
from dashboards.clinician.trend import spark_html, trend_spec, trend_words
from data_contracts.api.chart import ResultPoint, ResultSeries


def point(**changes: object) -> ResultPoint:
    facts = {
        "result_id": "o1",
        "version_id": 1,
        "at": "2026-03-05",
        "number": Decimal("7.10"),
        "text": "7.10 %",
        "unit": "%",
        "status": "final",
        "flag": None,
    }
    return ResultPoint(**{**facts, **changes})


def series(*points: ResultPoint) -> ResultSeries:
    return ResultSeries(
        code="4548-4",
        system="http://loinc.org",
        name="Hemoglobin A1c",
        category="laboratory",
        unit="%",
        points=points,
    )


def test_a_value_keeps_its_digits_and_unit():
    assert "<b>7.10 %</b>" in value_html(point())


@pytest.mark.parametrize(("flag", "shown"), [("H", "H ↑"), ("HH", "HH ↑↑"), ("L", "L ↓"), ("LL", "LL ↓↓")])
def test_a_flag_is_a_letter_and_an_arrow_not_only_a_colour(flag, shown):
    assert shown in value_html(point(flag=flag))


def test_a_result_entered_in_error_is_struck_through_and_carries_no_flag():
    html = value_html(point(status="entered-in-error", flag="HH"))
    assert "struck" in html
    assert "↑" not in html


def test_an_unreviewed_and_a_preliminary_result_say_so():
    assert "not yet reviewed" in value_html(point(awaits_review=True))
    assert "review" not in value_html(point(reviewed=False))
    assert "preliminary" in value_html(point(status="preliminary"))


def test_text_from_the_record_is_escaped():
    assert "<script>" not in value_html(point(text="<script>alert(1)</script>"))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ("4.0", "5.6", "4.0 to 5.6"),
        (None, "5.6", "up to 5.6"),
        ("4.0", None, "from 4.0"),
        (None, None, "no range given"),
    ],
)
def test_the_range_is_as_recorded_and_a_missing_one_is_said(low, high, words):
    bounds = {
        "reference_low": Decimal(low) if low else None,
        "reference_high": Decimal(high) if high else None,
    }
    assert range_words(point(**bounds)) == words


def test_a_trend_leaves_out_what_does_not_count_and_other_units():
    spec = trend_spec(
        series(
            point(number=Decimal("8.0"), text="8.0 %"),
            point(result_id="o2", status="entered-in-error", number=Decimal("71")),
            point(result_id="o3", unit="mmol/mol", number=Decimal("64")),
            point(result_id="o4", at="2025-03-05"),
        )
    )
    assert [row["value"] for row in spec["data"]["values"]] == [8.0, 7.1]


def test_one_value_has_no_trend():
    assert trend_spec(series(point())) is None
    assert spark_html([7.1]) == ""


def test_equal_values_make_a_flat_line_instead_of_an_error():
    assert "data:image/svg+xml" in spark_html([7.0, 7.0, 7.0])


def drawn_times(*recorded: str) -> list[str]:
    points = [point(result_id=f"o{number}", at=at) for number, at in enumerate(recorded)]
    return [row["at"] for row in trend_spec(series(*points))["data"]["values"]]


def test_a_trend_draws_the_sites_own_days_whatever_zone_the_browser_is_in():
    """A time without an offset is the browser's own wall clock to Vega; a bare date would be midnight in London."""
    assert drawn_times(
        "2026-03-14", "2026-03-14T23:30:00-05:00", "2026-03-15T02:00:00Z", "2026-02", "2025"
    ) == [
        "2026-03-14T00:00:00",
        "2026-03-15T00:30:00",
        "2026-03-14T22:00:00",
        "2026-02-01T00:00:00",
        "2025-01-01T00:00:00",
    ]
    for drawn in drawn_times("2026-03-14", "2026-03-15"):
        for zone in ("America/Los_Angeles", "Pacific/Auckland"):
            there = datetime.fromisoformat(drawn).replace(tzinfo=ZoneInfo(zone))
            assert there.date().isoformat() == drawn[:10]


def test_a_trends_words_and_tooltip_are_of_results_that_count():
    shown = series(
        point(result_id="o0", status="entered-in-error", number=Decimal("71"), text="71 %", at="2026-11-20"),
        point(result_id="o1", status="preliminary", number=Decimal("9"), text="9 %", at="2026-11-19"),
        point(result_id="o2", at="2026-03-05"),
        point(result_id="o3", at="2025-03-05", number=Decimal("8"), text="8 %"),
    )
    assert trend_words(shown) == "Hemoglobin A1c over time, newest 7.10 % of 05-Mar-2026"
    assert [row["on"] for row in trend_spec(shown)["data"]["values"]] == ["05-Mar-2026", "05-Mar-2025"]


def test_an_unreadable_date_is_left_out_of_the_trend():
    assert drawn_times("2026-03-14", "2026-03-13", "in spring") == [
        "2026-03-14T00:00:00",
        "2026-03-13T00:00:00",
    ]
