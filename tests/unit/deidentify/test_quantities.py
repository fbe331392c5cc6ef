"""A quantity keeps what the record has of it, digit for digit; a missing unit never loses the result."""

import json

import pytest

from pipelines.deidentify import Deidentifier, PseudonymKey, load_profile

KEY = PseudonymKey("k", b"x" * 32)
UCUM = "http://unitsofmeasure.org"


@pytest.mark.parametrize(
    "quantity",
    [
        '{"value":7.4}',
        '{"value":7.40,"unit":"%"}',
        '{"unit":"%","value":7.4}',
        '{"value":7.4,"code":"%","system":"http://unitsofmeasure.org"}',
        '{"value":7.4,"comparator":"<","unit":"%","system":"http://unitsofmeasure.org","code":"%"}',
        '{"value":-0.5,"unit":"mmol/L"}',
        '{"value":1.0e2,"unit":"mg/dL"}',
        '{"unit":"%"}',
    ],
)
def test_a_quantity_passes_whole_whatever_it_holds_and_in_whatever_order(quantity):
    line = (
        '{"resourceType":"Observation","id":"a","status":"final","code":{"coding":[{"code":"4548-4"}]},'
        f'"subject":{{"reference":"Patient/1"}},"valueQuantity":{quantity}}}'
    )
    deidentifier = Deidentifier(load_profile("limited"), KEY)
    for _ in range(2):
        scrubbed = deidentifier.scrub("Observation", line.encode())
        assert scrubbed is not None
        kept = json.loads(scrubbed, parse_float=str)["valueQuantity"]
        assert kept == json.loads(quantity, parse_float=str)
