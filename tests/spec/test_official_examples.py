"""HL7's own R4 examples: every valid one is accepted with the profiles it claims, and goes out as it came in.

The package `hl7.fhir.r4.examples` is fetched by hand (`npm pack hl7.fhir.r4.examples`, then unpacked); the setting
ALMONER_FHIR_EXAMPLES names its folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ehr_core.kernel.errors import InvalidResource
from ehr_core.store.guides.guides import SHIPPED
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.validation import peek_type, validate
from tests.lib.published_examples import goes_out_as_it_came

FOLDER = os.environ.get("ALMONER_FHIR_EXAMPLES", "")
CONTRADICT_R4 = {
    "Questionnaire-qs1.json": "items without the linkId that R4 requires",
    "MedicationRequest-medrx0301.json": "a Practitioner dispenses; R4 lets only an Organization",
    "Observation-clinical-gender.json": "a performer of a type that R4 does not let perform",
}
"""Published, and refused: each breaks a rule of the standard itself."""

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="ALMONER_FHIR_EXAMPLES names no folder of HL7's R4 examples"
)


def examples() -> list[Path]:
    found = sorted(Path(FOLDER).glob("*.json"))
    return [path for path in found if path.name.partition("-")[0] in RESOURCE_TYPES]


def test_every_valid_example_is_accepted_and_goes_out_as_it_came():
    refused, changed, read, claimed = [], [], 0, 0
    for path in examples():
        body = path.read_bytes()
        type_name = peek_type(body)
        if type_name not in RESOURCE_TYPES:
            continue
        read += 1
        try:
            resource = validate(type_name, body)
            claimed += bool(SHIPPED.asked_of(type_name, resource))
            SHIPPED.require(type_name, resource, body)
        except InvalidResource:
            refused.append(path.name)
            continue
        if not goes_out_as_it_came(body):
            changed.append(path.name)
    assert sorted(refused) == sorted(CONTRADICT_R4)
    assert not changed
    assert (read > 400, claimed > 10) == (True, True)
