"""Builds the Observations of one set of vital signs: one a sign, the blood pressure as a pair. Pure.

Units are fixed by the field. An absent field gives no Observation: not recorded is never zero.
Codes: US Core 6.1 vital signs profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from data_contracts.api.chart import RecordVitals
from ehr_core.charting.parts import LOINC, Resource, category, concept, instant, quantity, reference
from ehr_core.charting.recordable import MOST_DECIMALS, refused

PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"


@dataclass(frozen=True)
class Sign:
    field: str
    code: str
    display: str
    unit: str
    profile: str
    also: tuple[tuple[str, str], ...] = ()


SIGNS = (
    Sign("heart_rate_per_minute", "8867-4", "Heart rate", "/min", "heart-rate"),
    Sign("respiratory_rate_per_minute", "9279-1", "Respiratory rate", "/min", "respiratory-rate"),
    Sign("temperature_celsius", "8310-5", "Body temperature", "Cel", "body-temperature"),
    Sign(
        "oxygen_saturation_percent",
        "59408-5",
        "Oxygen saturation by pulse oximetry",
        "%",
        "pulse-oximetry",
        (("2708-6", "Oxygen saturation in arterial blood"),),
    ),
    Sign("weight_kg", "29463-7", "Body weight", "kg", "body-weight"),
    Sign("height_cm", "8302-2", "Body height", "cm", "body-height"),
)
PRESSURES = (
    ("systolic_mmhg", "8480-6", "Systolic blood pressure"),
    ("diastolic_mmhg", "8462-4", "Diastolic blood pressure"),
)
MEASURES = (*(field for field, _, _ in PRESSURES), *(sign.field for sign in SIGNS))


def check_vitals(vitals: RecordVitals) -> None:
    """Raises InvalidResource, naming the field, for an empty set, half a blood pressure or an upside-down one.

    What a living person can have at all is bounded by the fields of RecordVitals themselves.
    """
    given = {field: getattr(vitals, field) for field in MEASURES if getattr(vitals, field) is not None}
    if not given:
        raise refused("vitals", "Enter at least one vital sign. A field left empty is not recorded.")
    for field, value in given.items():
        if -value.as_tuple().exponent > MOST_DECIMALS:
            raise refused(field, f"At most {MOST_DECIMALS} digits after the point can be recorded.")
    systolic, diastolic = vitals.systolic_mmhg, vitals.diastolic_mmhg
    if (systolic is None) != (diastolic is None):
        missing = "systolic_mmhg" if systolic is None else "diastolic_mmhg"
        raise refused(missing, "A blood pressure needs both numbers, systolic and diastolic.")
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        raise refused("diastolic_mmhg", "The diastolic pressure is below the systolic. Check both numbers.")


def build_vitals(
    vitals: RecordVitals, *, patient_id: str, performer: Resource, issued: str
) -> list[Resource]:
    """The Observations of a checked set, the blood pressure first."""
    shared = {
        "resourceType": "Observation",
        "status": "final",
        "category": [category("vital-signs")],
        "subject": reference("Patient", patient_id),
        "effectiveDateTime": instant(vitals.at),
        "issued": issued,
        "performer": [performer],
    }
    if vitals.encounter_id:
        shared["encounter"] = reference("Encounter", vitals.encounter_id)
    pressure = [_blood_pressure(vitals, shared)] if vitals.systolic_mmhg is not None else []
    return pressure + [
        _sign(sign, getattr(vitals, sign.field), shared)
        for sign in SIGNS
        if getattr(vitals, sign.field) is not None
    ]


def _sign(sign: Sign, value: Decimal, shared: Resource) -> Resource:
    named = concept(LOINC, sign.code, sign.display)
    named["coding"] += [{"system": LOINC, "code": code, "display": display} for code, display in sign.also]
    return {
        **shared,
        "meta": {"profile": [PROFILE + sign.profile]},
        "code": named,
        "valueQuantity": quantity(Decimal(f"{value:f}"), sign.unit),
    }


def _blood_pressure(vitals: RecordVitals, shared: Resource) -> Resource:
    return {
        **shared,
        "meta": {"profile": [PROFILE + "blood-pressure"]},
        "code": concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
        "component": [
            {
                "code": concept(LOINC, code, display),
                "valueQuantity": quantity(Decimal(f"{getattr(vitals, field):f}"), "mm[Hg]"),
            }
            for field, code, display in PRESSURES
        ],
    }
