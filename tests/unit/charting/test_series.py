"""Results as series: observations in, points out, with digits, units, flags and standing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ehr_core.charting.series import Reading, Versioned, result_series

LOINC = "http://loinc.org"
READING = Reading(date(2026, 11, 22), "America/New_York", may_write=True)
NUMBERS = iter(range(1000))


def observation(code="4548-4", *, value=None, unit="%", category="laboratory", at="2026-11-01", **more):
    quantity = (
        {} if value is None else {"valueQuantity": {"value": Decimal(value), "unit": unit, "code": unit}}
    )
    return {
        "id": f"o{next(NUMBERS):03d}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}], "text": f"Test {code}"},
        "category": [{"coding": [{"code": category}]}],
        "effectiveDateTime": at,
        **quantity,
        **more,
    }


def series_of(*observations, reading=READING):
    return result_series([Versioned(3, item) for item in observations], reading)


def only_point(item, reading=READING):
    (series,) = series_of(item, reading=reading)
    (point,) = series.points
    return point


def low_high(low, high, unit="%", **more):
    bounds = {name: {"value": Decimal(at), "code": unit} for name, at in (("low", low), ("high", high)) if at}
    return {"referenceRange": [{**bounds, **more}]}


def interpreted(code):
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    return {"interpretation": [{"coding": [{"system": system, "code": code}]}]}


def test_a_series_is_one_test_newest_first_with_every_digit():
    (series,) = series_of(
        observation(value="7.10", at="2026-01-05"),
        observation(value="10.2", at="2026-11-01T09:00:00-05:00"),
        observation(value="8.00", at="2025"),
    )
    assert [point.text for point in series.points] == ["10.2 %", "7.10 %", "8.00 %"]
    assert [str(point.number) for point in series.points] == ["10.2", "7.10", "8.00"]
    assert (series.unit, series.points[0].version_id) == ("%", 3)


@pytest.mark.parametrize(
    ("parts", "flag"),
    [
        ({**low_high("4.0", "5.6")}, "H"),
        ({**low_high("8", "9")}, "L"),
        ({**low_high("4", "7.1")}, "N"),
        ({**low_high(None, "7")}, "H"),
        ({**low_high("8", None)}, "L"),
        ({}, None),
        ({**low_high("4", "5.6", unit="mmol/mol")}, None),
        ({**low_high("4", "5.6", appliesTo=[{"text": "women"}])}, None),
        ({**low_high("4", "5.6", age={"low": {"value": 60}})}, None),
        ({**interpreted("HH"), **low_high("4", "9")}, "HH"),
        ({**interpreted("LL")}, "LL"),
        ({**interpreted("POS")}, "A"),
        ({**interpreted("N"), **low_high("4", "5.6")}, "N"),
        ({**interpreted("IND"), **low_high("4", "5.6")}, None),
    ],
)
def test_the_laboratorys_word_outranks_the_range_and_a_doubtful_range_flags_nothing(parts, flag):
    assert only_point(observation(value="7.1", **parts)).flag == flag


def test_a_range_for_some_people_is_shown_but_not_applied():
    point = only_point(
        observation(value="7.1", **low_high("4", "5.6", appliesTo=[{"text": "x"}], text="4–5.6 (women)"))
    )
    assert (point.reference_low, point.reference_high, point.reference_text) == (None, None, "4–5.6 (women)")


@pytest.mark.parametrize(
    ("parts", "text", "number"),
    [
        ({"valueQuantity": {"value": Decimal("5"), "unit": "mg/L", "comparator": "<"}}, "<5 mg/L", None),
        ({"valueCodeableConcept": {"text": "Never smoker"}}, "Never smoker", None),
        ({"valueString": "see report"}, "see report", None),
        ({"valueInteger": 14}, "14", "14"),
        ({"valueBoolean": False}, "no", None),
        (
            {"valueRange": {"low": {"value": 1, "code": "mg"}, "high": {"value": 2, "code": "mg"}}},
            "1 mg to 2 mg",
            None,
        ),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1 : 128", None),
        ({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}, "no value (not performed)", None),
        ({"interpretation": [{"text": "Abnormal"}]}, "Abnormal", None),
        ({}, "no value recorded", None),
        ({"valueQuantity": {"unit": "%"}}, "no value recorded", None),
    ],
)
def test_what_is_not_a_plain_number_is_said_and_never_drawn_as_one(parts, text, number):
    point = only_point(observation(**parts))
    assert point.text == text
    assert (None if point.number is None else str(point.number)) == number
    assert not point.can_correct


def pressure(systolic, diastolic, code="85354-9", unit="mm[Hg]"):
    def part(part_code, value):
        concept = {"coding": [{"system": LOINC, "code": part_code}], "text": part_code}
        return (
            {"code": concept, "valueQuantity": {"value": Decimal(value), "code": unit}}
            if value
            else {"code": concept}
        )

    return observation(
        code, category="vital-signs", component=[part("8480-6", systolic), part("8462-4", diastolic)]
    )


def test_a_blood_pressure_is_a_pair_in_one_series_whatever_panel_code_it_came_with():
    (series,) = series_of(pressure("128", "76"), pressure("141.0", "90", code="55284-4"))
    assert series.name == "Blood pressure"
    assert {point.text for point in series.points} == {"128/76 mmHg", "141.0/90 mmHg"}
    assert {(point.number, point.second_number) for point in series.points} == {
        (Decimal(128), Decimal(76)),
        (Decimal("141.0"), Decimal(90)),
    }
    assert not any(point.can_correct for point in series.points)


def test_half_a_blood_pressure_or_one_in_another_unit_is_not_made_into_a_pair():
    half = series_of(pressure("128", None))
    assert {(series.code, series.points[0].text) for series in half} == {
        ("8480-6", "128 mmHg"),
        ("8462-4", "no value recorded"),
    }
    assert {series.code for series in series_of(pressure("17.1", "10.1", unit="kPa"))} == {"8480-6", "8462-4"}


def test_retracted_and_preliminary_points_stay_and_say_so():
    (series,) = series_of(
        observation(value="71", status="entered-in-error", at="2026-11-20"),
        observation(value="6.0", status="preliminary", at="2026-11-21", unit="mmol/mol"),
        observation(value="7.1", at="2026-11-19"),
    )
    assert [(point.text, point.status) for point in series.points] == [
        ("6.0 mmol/mol", "preliminary"),
        ("71 %", "entered-in-error"),
        ("7.1 %", "final"),
    ]
    assert series.unit == "%"


@pytest.mark.parametrize(
    ("parts", "waits"),
    [
        ({}, True),
        ({"status": "corrected"}, True),
        ({"status": "preliminary"}, False),
        ({"status": "entered-in-error"}, False),
        ({"category": "vital-signs"}, False),
        ({"category": "imaging"}, True),
        ({"at": "2026-09-23"}, True),
        ({"at": "2026-09-22"}, False),
        ({"at": "2026"}, True),
        ({"at": None}, True),
    ],
)
def test_a_recent_final_result_of_a_laboratory_waits_for_review(parts, waits):
    assert only_point(observation(value="7.1", **parts)).awaits_review is waits


@pytest.mark.parametrize("parts", [{}, {"at": "2024-01-01"}, {"category": "vital-signs"}])
def test_nothing_is_called_reviewed_without_a_review(parts):
    assert not only_point(observation(value="7.1", **parts)).reviewed


@pytest.mark.parametrize(
    ("entered", "issued", "waits"),
    [
        ("2026-05-02T09:00:00Z", None, True),
        ("2026-11-20T09:00:00Z", None, False),
        ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z", True),
    ],
)
def test_a_result_waits_for_review_however_long_unless_it_was_old_when_it_entered(entered, issued, waits):
    found = {**observation(value="7.1", at="2026-05-01"), "meta": {"lastUpdated": entered}}
    assert only_point({**found, "issued": issued} if issued else found).awaits_review is waits


def test_an_outside_result_names_its_source_and_a_reader_cannot_correct():
    tagged = {
        "tag": [{"system": "https://almoner.dev/fhir/CodeSystem/record-origin", "code": "outside-record"}]
    }
    item = observation(value="7.1", meta=tagged, performer=[{"display": "Elm Hospital"}])
    assert only_point(item).source == "Outside record: Elm Hospital"
    assert only_point(item).can_correct
    assert not only_point(item, Reading(date(2026, 11, 22), "America/New_York")).can_correct


def test_series_stand_by_category_and_name_and_an_uncoded_test_has_its_own():
    uncoded = observation(value="1", code="", category="exam")
    uncoded["code"] = {"text": "Grip strength"}
    listed = series_of(
        uncoded,
        observation("72166-2", category="social-history", valueCodeableConcept={"text": "Never"}),
        observation("8867-4", value="70", unit="/min", category="vital-signs"),
        observation("2160-0", value="1.0", unit="mg/dL"),
    )
    assert [(series.category, series.name) for series in listed] == [
        ("laboratory", "Test 2160-0"),
        ("vital-signs", "Test 8867-4"),
        ("social-history", "Test 72166-2"),
        ("other", "Grip strength"),
    ]
