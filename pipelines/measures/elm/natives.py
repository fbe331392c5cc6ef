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


def native(library: str, function: str, operands: int) -> str | None:
    """The engine's operation for a library function, if it has one."""
    if library == "FHIRHelpers" and operands == 1:
        return FHIR_HELPERS.get(function)
    return None
