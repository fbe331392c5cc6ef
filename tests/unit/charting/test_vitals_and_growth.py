"""Vital signs in the units they were typed in, unusual ones asked about, and a child's place on the growth charts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from data_contracts.api.chart import RecordVitals
from ehr_core.charting import growth
from ehr_core.charting.vital_limits import LastWeight, check_unusual
from ehr_core.charting.vital_signs import build_vitals, check_vitals
from ehr_core.charting.vital_units import in_metric
from ehr_core.kernel.errors import InvalidResource

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)


def vitals(**given) -> RecordVitals:
    return RecordVitals(at=AT, **given)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ({"weight_lb": "154"}, {"weight_kg": "69.85"}),
        ({"height_in": "66.5"}, {"height_cm": "168.9"}),
        ({"temperature_fahrenheit": "98.6"}, {"temperature_celsius": "37.0"}),
    ],
)
def test_us_units_are_stored_in_metric_with_what_was_typed(typed, stored):
    metric, words = in_metric(vitals(**typed))
    ((field, value),) = stored.items()
    assert (str(getattr(metric, field)), list(words)) == (value, [field])
    (built,) = build_vitals(metric, patient_id="p", performer={}, issued="now", typed=words)
    assert built["note"][0]["text"].startswith("Entered as ")


def test_one_sign_in_two_units_is_refused():
    with pytest.raises(InvalidResource, match="two units"):
        in_metric(vitals(weight_lb="154", weight_kg="70"))


@pytest.mark.parametrize(
    ("age", "given", "asked"),
    [
        (40, {"systolic_mmhg": "200"}, []),
        (40, {"systolic_mmhg": "201"}, ["systolic_mmhg"]),
        (None, {"systolic_mmhg": "201"}, ["systolic_mmhg"]),
        (3, {"heart_rate_per_minute": "150"}, []),
        (40, {"heart_rate_per_minute": "150"}, ["heart_rate_per_minute"]),
        (
            40,
            {"temperature_celsius": "40.1", "oxygen_saturation_percent": "89"},
            ["oxygen_saturation_percent", "temperature_celsius"],
        ),
        (40, {}, []),
    ],
)
def test_an_unusual_value_is_asked_about_by_age_and_kept_once_confirmed(age, given, asked):
    if not asked:
        check_unusual(vitals(**given), age_years=age)
        return
    with pytest.raises(InvalidResource) as refusal:
        check_unusual(vitals(**given), age_years=age)
    assert sorted(issue.expression for issue in refusal.value.issues) == asked
    assert {issue.code for issue in refusal.value.issues} == {"business-rule"}
    check_unusual(vitals(**given, confirmed=asked), age_years=age)


@pytest.mark.parametrize(
    ("kg", "days", "asks"), [("84", 30, False), ("84.1", 30, True), ("154", 90, True), ("154", 91, False)]
)
def test_a_weight_far_from_a_recent_one_is_asked_about(kg, days, asks):
    last = LastWeight(Decimal(70), (AT - timedelta(days=days)).date())
    if asks:
        with pytest.raises(InvalidResource, match="Check unit and patient"):
            check_unusual(vitals(weight_kg=kg), age_years=40, last_weight=last)
    else:
        check_unusual(vitals(weight_kg=kg), age_years=40, last_weight=last)


def test_how_it_was_measured_stands_with_the_sign():
    given = vitals(
        systolic_mmhg="120", diastolic_mmhg="80", body_position="standing", pressure_site="left arm",
        oxygen_saturation_percent="95", oxygen_flow_l_per_minute="2.0", pain_score=0,
    )  # fmt: skip
    check_vitals(given)
    pressure, saturation, pain = build_vitals(given, patient_id="p", performer={}, issued="now")
    assert pressure["component"][2]["valueCodeableConcept"]["text"] == "standing"
    assert pressure["bodySite"]["text"] == "left arm"
    assert str(saturation["component"][0]["valueQuantity"]["value"]) == "2.0"
    assert pain["valueQuantity"]["value"] == 0
    with pytest.raises(InvalidResource, match="saturation"):
        check_vitals(vitals(heart_rate_per_minute="70", oxygen_flow_l_per_minute="2"))


BORN = date(2024, 1, 1)


@pytest.mark.parametrize(
    ("indicator", "sex", "days", "value", "z"),
    [
        ("weight", "male", 0, 3.3464, 0.0),
        ("weight", "female", 0, 3.2322, 0.0),
        ("length", "male", 365, 75.7391, 0.0),
        ("weight", "male", 731, 12.6707633, 0.0),
        ("weight", "male", 731, 15.59648294, 1.881),
        ("bmi", "female", 3668, 22.98257733, 1.645),
        ("length", "female", 3668, 127.4524005, -1.645),
    ],
)
def test_the_published_medians_and_percentiles_come_out(indicator, sex, days, value, z):
    """Medians as WHO and CDC print them; 1.881 is the 97th percentile, 1.645 the 95th."""
    found = growth.growth_of(indicator, sex, BORN, BORN + timedelta(days=days), value)
    assert found.z == pytest.approx(z, abs=0.02)


@pytest.mark.parametrize(
    ("sex", "days", "value"),
    [("other", 100, 5.0), (None, 100, 5.0), ("male", 21 * 365, 60.0), ("male", -1, 3.0), ("male", 100, 0.0)],
)
def test_outside_the_reference_nothing_is_reckoned(sex, days, value):
    assert growth.growth_of("weight", sex, BORN, BORN + timedelta(days=days), value) is None


def test_a_small_child_measured_standing_is_taken_to_be_longer():
    assert growth.length_for_reference(80.0, 20, "standing") == pytest.approx(80.7)
    assert growth.length_for_reference(80.0, 20, None) == 80.0
    assert growth.length_for_reference(90.0, 30, "lying") == pytest.approx(89.3)


def test_the_lines_of_a_chart_rise_from_the_lowest_percentile_to_the_highest():
    at_ten_years = [dict(growth.curve("cdc", "length", "female", p))[120.5] for p in growth.SHOWN_PERCENTILES]
    assert at_ten_years == sorted(at_ten_years)
    assert growth.bmi(Decimal("70.5"), Decimal("168.9")) == Decimal("24.7")
