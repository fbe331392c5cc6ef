"""Values of FHIR's types that the logic makes itself are as good as those of the record."""

import pytest

from tests.lib.elm import FHIR, date, items, literal, op, part, quantity, value
from tests.lib.made_measure import helper


def made(kind: str, **parts: dict) -> dict:
    element = [{"name": name, "value": each} for name, each in parts.items()]
    return {"type": "Instance", "classType": f"{FHIR}{kind}", "element": element}


def text(content: str) -> dict:
    return made("string", value=literal(content))


DOSE = made("Quantity", value=made("decimal", value=literal(5.0)), unit=text("milligram"), code=text("mg"))
CODING = made("Coding", system=text("urn:s"), code=text("a"), display=text("A"))
CONCEPT = made("CodeableConcept", coding=items(CODING), text=text("words"))
STAY = made("Period", start=made("dateTime", value=date("2026-01-01T08:00:00.0")))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (op("Equal", helper("ToQuantity", DOSE), quantity(0.005, "g")), True),
        (part(part(DOSE, "unit"), "value"), "mg"),
        (part(DOSE, "code"), "mg"),
        (part(helper("ToCode", CODING), "display"), "A"),
        (op("Equivalent", helper("ToConcept", CONCEPT), op("ToConcept", helper("ToCode", CODING))), True),
        (part(CONCEPT, "text"), "words"),
        (op("After", op("End", helper("ToInterval", STAY)), date("2030-01-01T00:00:00.0")), True),
        (op("IsNull", part(STAY, "end")), True),
        (op("IsNull", helper("ToQuantity", made("Quantity", code=text("mg")))), True),
    ],
)
def test_an_instance_is_converted_and_keeps_its_parts(expression, expected):
    helpers = {"localIdentifier": "FHIRHelpers", "path": "FHIRHelpers"}
    assert value(expression, includes=[helpers]) == expected
