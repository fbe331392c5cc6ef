"""FHIR JSON in and out: digits stay as written, references and codes are read as FHIR means them."""

from __future__ import annotations

import pytest

from ehr_core.kernel import fhir_json
from ehr_core.kernel.errors import BadRequest


@pytest.mark.parametrize("number", ["7.10", "0.0", "100.00", "12345678901234567890.1200", "-0.50", "3"])
def test_a_decimal_goes_out_digit_for_digit_as_it_came_in(number):
    assert fhir_json.encode(fhir_json.decode(f'{{"value":{number}}}')) == f'{{"value":{number}}}'.encode()


@pytest.mark.parametrize("body", ['{"a":', "", '{"a":1}}', "nothing"])
def test_what_is_not_json_is_refused_in_a_sentence(body):
    with pytest.raises(BadRequest, match="not valid JSON"):
        fhir_json.decode(body)


@pytest.mark.parametrize(
    ("reference", "resource_type", "found"),
    [
        ("Patient/42", "Patient", "42"),
        ("https://ehr.example/fhir/Patient/42", "Patient", "42"),
        ("Patient/42/_history/3", "Patient", "42"),
        ("Practitioner/42", "Patient", None),
        ("urn:uuid:42", "Patient", None),
        ("Patient", "Patient", None),
        (None, "Patient", None),
    ],
)
def test_a_reference_gives_the_id_of_the_type_asked_for_only(reference, resource_type, found):
    assert fhir_json.reference_id({"reference": reference}, resource_type) == found
    assert fhir_json.reference_id(None, resource_type) is None


@pytest.mark.parametrize(
    ("concept", "said"),
    [
        ({"text": "Sugar", "coding": [{"code": "1", "display": "Glucose"}]}, "Sugar"),
        ({"coding": [{"code": "1"}, {"code": "2", "display": "Glucose"}]}, "Glucose"),
        ({"coding": [{"code": "1"}]}, "1"),
        ({"coding": [{"system": "x"}]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_concept_is_said_by_its_text_then_a_display_then_a_code(concept, said):
    assert fhir_json.words(concept) == said


def test_empty_parts_are_left_out_because_fhir_forbids_them():
    given = {"a": None, "b": [], "c": {"d": None}, "e": [None, {"f": []}], "g": 0, "h": False}
    assert fhir_json.without_empty(given) == {"g": 0, "h": False}
