"""HbA1c results as other systems send them: odd, wrong, huge and impossible, each with what must come of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.integration.chart_records import CATEGORY, LOINC, of

UCUM = "http://unitsofmeasure.org"
MEGABYTE = 1_000_000

EVIDENCE, NO_RECORD, UNREADABLE, TOO_OLD = "at_goal", "never_done", "unreadable_result", "interval_lapsed"
"""It closes the gap · it is no HbA1c of this patient · it is one, and its value cannot be used · it is long ago."""


@dataclass(frozen=True)
class Odd:
    """One result. `refused`: the element that the FHIR door must name; otherwise `leaves` is what the gap says."""

    name: str
    changes: dict[str, Any]
    leaves: str = NO_RECORD
    refused: str | None = None
    text: tuple[str, str] = ("", "")

    @property
    def patient_id(self) -> str:
        return self.name.replace(" ", "-")

    def body(self) -> bytes:
        """The result as sent; `text` is replaced in it at the end, for what no JSON writer would write."""
        resource = {
            "resourceType": "Observation",
            "id": f"r-{self.patient_id}",
            "status": "final",
            "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
            "code": {"coding": [{"system": LOINC, "code": "4548-4"}]},
            "subject": of(self.patient_id),
            "effectiveDateTime": "2026-11-01T09:00:00-05:00",
            "valueQuantity": quantity(7.1),
        } | self.changes
        kept = {name: value for name, value in resource.items() if value is not None}
        return json.dumps(kept).replace(*self.text).encode()


def quantity(value: float, **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": "%", "system": UCUM, "code": "%"} | more


def coded(code: str, system: str | None = LOINC) -> dict[str, Any]:
    return {"coding": [{"code": code} | ({"system": system} if system else {})]}


ODD = (
    Odd("a plain result", {}, EVIDENCE),
    Odd("a megabyte of note", {"note": [{"text": "x" * MEGABYTE}]}, EVIDENCE),
    Odd("a megabyte of words for the code", {"code": coded("4548-4") | {"text": "y" * MEGABYTE}}, EVIDENCE),
    Odd("sixty digits", {}, EVIDENCE, text=("7.1", "7." + "1" * 60)),
    Odd("an unknown code", {"code": coded("99999-9")}),
    Odd("the code of another system", {"code": coded("4548-4", "http://snomed.info/sct")}),
    Odd("a code of no system", {"code": coded("4548-4", None)}),
    Odd("words in place of a code", {"code": {"text": "HbA1c 4548-4"}}),
    Odd("a megabyte of code", {"code": coded("4" * MEGABYTE)}),
    Odd("another unit", {"valueQuantity": quantity(7.1, unit="mg/dL", code="mg/dL")}, UNREADABLE),
    Odd("no unit", {"valueQuantity": {"value": 7.1}}, UNREADABLE),
    Odd("a megabyte of unit", {"valueQuantity": {"value": 7.1, "unit": "u" * MEGABYTE}}, UNREADABLE),
    Odd("words in place of a value", {"valueQuantity": None, "valueString": "7.1 %"}, UNREADABLE),
    Odd("no value", {"valueQuantity": None}, UNREADABLE),
    Odd("preliminary", {"status": "preliminary"}),
    Odd("entered in error", {"status": "entered-in-error"}),
    Odd("not yet", {"effectiveDateTime": "2026-12-24"}),
    Odd("the end of the calendar", {"effectiveDateTime": "9999-12-31T23:59:59-05:00"}),
    Odd("before the calendar", {"effectiveDateTime": "0001-01-01T00:00:00Z"}),
    Odd("a mistyped year", {"effectiveDateTime": "0206-11-01"}, TOO_OLD),
    Odd("undated", {"effectiveDateTime": None}),
    Odd("below nothing", {"valueQuantity": quantity(-7.1)}, UNREADABLE),
    Odd("nothing at all", {"valueQuantity": quantity(0)}, UNREADABLE),
    Odd("three hundred digits", {}, UNREADABLE, text=("7.1", "9" * 300)),
    Odd("more than it could tell", {"valueQuantity": quantity(7.1, comparator=">")}, UNREADABLE),
    Odd("of nobody", {"subject": of("nobody-at-all")}),
    Odd("of a group", {"subject": {"reference": "Group/of-a-group"}}),
    Odd("without a subject", {"subject": None}),
    Odd(
        "of somebody elsewhere",
        {"subject": {"reference": "https://other.example/fhir/Patient/of-somebody-elsewhere"}},
        refused="Observation.subject",
    ),
    Odd(
        "given twice", {}, refused="Observation.status", text=('"final"', '"final", "status": "preliminary"')
    ),
    Odd("a day that is not", {"effectiveDateTime": "2026-02-30"}, refused="Observation.effectiveDateTime"),
    Odd("a month that is not", {"effectiveDateTime": "2026-13"}, refused="Observation.effectiveDateTime"),
    Odd("a number in quotes", {}, refused="Observation.valueQuantity.value", text=("7.1", '"7.1"')),
    Odd("beyond all numbers", {}, refused="Observation.valueQuantity.value", text=("7.1", "1e400")),
    Odd("a status that is not", {"status": "definitive"}, refused="Observation.status"),
    Odd("a list in place of a status", {"status": ["final"]}, refused="Observation.status"),
    Odd("an element that is not", {"colour": "red"}, refused="Observation.colour"),
)
TAKEN = tuple(odd for odd in ODD if odd.refused is None)
REFUSED = tuple(odd for odd in ODD if odd.refused is not None)
