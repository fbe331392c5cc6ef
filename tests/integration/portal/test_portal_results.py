"""The portal's results: final ones at once, in plain words of one language, nothing protected, nothing retracted."""

from __future__ import annotations

import pytest

from data_contracts.api.chart import ReviewResult
from data_contracts.sensitivity import CONFIDENTIALITY
from tests.integration.chart_records import LOINC, SENSITIVITY, put_observation


def percent(value: float) -> dict:
    return {"value": value, "unit": "%", "code": "%"}


def usual(low: float | None, high: float | None, unit: str) -> list[dict]:
    bounds = {"low": low, "high": high}
    return [{name: {"value": bound, "code": unit} for name, bound in bounds.items() if bound is not None}]


def put_pressure(api, identity: str, patient: str) -> None:
    parts = [
        {
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "valueQuantity": {"value": value, "code": "mm[Hg]"},
        }
        for code, value in (("8480-6", 128), ("8462-4", 76))
    ]
    put_observation(api, identity, patient, "85354-9", category="vital-signs", component=parts)


def only(client, language: str | None = "en"):
    (result,) = client.portal.results(language).results
    return result


def test_a_result_is_in_plain_words_then_the_medical_one_in_either_language(api, ana):
    put_observation(api, "a1c", "ana", valueQuantity=percent(5.9), referenceRange=usual(4, 5.6, "%"))
    english, spanish = only(ana), only(ana, None)
    assert (english.name, english.medical_name) == ("Average blood sugar of about 3 months", "hemoglobin A1c")
    assert (spanish.medical_name, spanish.words) == ("hemoglobina A1c", "Por encima del rango habitual.")
    assert english.words == "Above the usual range."


def test_an_unknown_test_keeps_its_senders_name(api, ana):
    put_observation(api, "odd", "ana", "99999-1", valueQuantity=percent(1))
    assert (only(ana).name, only(ana).medical_name) == ("Test 99999-1", None)


def test_units_are_those_that_people_read_and_digits_the_records(api, ana):
    put_observation(
        api,
        "white",
        "ana",
        "6690-2",
        valueQuantity={"value": 6.90, "code": "10*3/uL"},
        referenceRange=usual(4, 11, "10*3/uL"),
    )
    result = only(ana)
    assert (result.text, result.unit) == ("6.9 ×10³/µL", "×10³/µL")
    assert (str(result.low), str(result.high)) == ("4", "11")


def test_one_bound_is_a_range_too(api, ana):
    put_observation(
        api,
        "cholesterol",
        "ana",
        "2093-3",
        valueQuantity={"value": 210, "code": "mg/dL"},
        referenceRange=usual(None, 200, "mg/dL"),
    )
    result = only(ana)
    assert result.low is None
    assert result.words == "A little above the usual range."


def test_a_blood_pressure_has_words_and_no_line(api, ana):
    put_pressure(api, "pressure", "ana")
    result = only(ana)
    assert (result.text, result.number, result.low) == ("128/76 mmHg", None, None)
    assert result.words.startswith("The first number is the pressure when your heart beats.")


def test_a_worded_result_is_in_the_language_of_the_page_and_has_no_line(api, ana):
    put_observation(api, "fit", "ana", "57905-2", valueCodeableConcept={"text": "Negative"})
    assert [only(ana, language).text for language in ("en", "es")] == ["Negative", "Negativo"]
    assert only(ana).words is None


def test_a_bound_is_no_number(api, ana):
    quantity = {"value": 5, "comparator": "<", "code": "mg/g"}
    put_observation(
        api, "urine", "ana", "9318-7", valueQuantity=quantity, referenceRange=usual(None, 30, "mg/g")
    )
    result = only(ana)
    assert (result.text, result.number, result.words) == ("less than 5 mg/g", None, None)


@pytest.mark.parametrize("status", ["preliminary", "registered", "entered-in-error", "cancelled", "unknown"])
def test_what_is_not_finished_or_was_retracted_is_not_shown(api, ana, status):
    put_observation(api, "a1c", "ana", status=status, valueQuantity=percent(9.1))
    assert ana.portal.results().results == []


def test_a_retracted_result_gives_way_to_the_one_before_it(api, ana):
    put_observation(api, "old", "ana", at="2026-05-01", valueQuantity=percent(7.1))
    put_observation(api, "wrong", "ana", status="entered-in-error", valueQuantity=percent(91))
    assert (only(ana).text, only(ana).earlier) == ("7.1 %", [])


def test_a_final_result_is_shown_before_its_review_and_marked(api, ana):
    put_observation(api, "a1c", "ana", status="corrected", valueQuantity=percent(7.1))
    assert (only(ana).reviewed, only(ana).status) == (False, "corrected")
    clinician = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    point = clinician.charting.results("ana").series[0].points[0]
    clinician.charting.review_result(
        "a1c", ReviewResult(version_id=point.version_id, comment_to_patient="Well done")
    )
    assert (only(ana).reviewed, only(ana).comment) == (True, "Well done")


@pytest.mark.parametrize(
    "label",
    [
        {"system": SENSITIVITY, "code": "TBOO"},
        {"system": CONFIDENTIALITY, "code": "V"},
        {"system": "https://elsewhere.example", "code": "never-heard-of"},
    ],
)
def test_a_labelled_result_is_held_back_and_that_is_said(api, ana, label):
    put_observation(api, "secret", "ana", valueQuantity=percent(7.1), meta={"security": [label]})
    found = ana.portal.results()
    assert found.results == []
    assert found.hidden_items


def test_everybody_sees_their_own_only(api, ana, ben):
    put_observation(api, "of-ben", "ben", valueQuantity=percent(7.1))
    assert ana.portal.results().results == []
    assert not ana.portal.results().hidden_items
    assert only(ben).result_id == "of-ben"


def test_answers_and_habits_are_no_results(api, ana):
    put_observation(api, "phq9", "ana", "44261-6", category="survey", valueInteger=12)
    assert ana.portal.results().results == []


def test_an_unknown_language_is_the_records(api, ana):
    assert [ana.portal.results(asked).language for asked in ("en", "tlh", None)] == ["en", "es", "es"]
