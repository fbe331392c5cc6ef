"""Natives: functions of FHIRHelpers that are done by the engine itself, as they only convert FHIR types."""

from __future__ import annotations

FHIR_HELPERS = {
    "ToValue": "FhirToSystem",
    "ToString": "FhirToSystem",
    "ToBoolean": "FhirToSystem",
    "ToDate": "FhirToSystem",
    "ToDateTime": "FhirToSystem",
    "ToDecimal": "FhirToSystem",
    "ToInteger": "FhirToSystem",
    "ToTime": "FhirToSystem",
    "ToQuantity": "FhirToSystem",
    "ToInterval": "FhirToInterval",
    "ToRatio": "FhirToSystem",
    "ToCode": "FhirToSystem",
    "ToConcept": "FhirToSystem",
}


EXTERNAL = {
    ("extension", 2): "FhirExtension",
    ("modifierExtension", 2): "FhirModifierExtension",
    ("hasValue", 1): "FhirHasValue",
    ("getValue", 1): "FhirGetValue",
}
"""Those that it declares external, by how many operands they have."""


def native(library: str, function: str, operands: int) -> str | None:
    """The engine's operation for a library function, if it has one."""
    if library != "FHIRHelpers":
        return None
    found = FHIR_HELPERS.get(function) if operands == 1 else None
    return found or EXTERNAL.get((function, operands))
