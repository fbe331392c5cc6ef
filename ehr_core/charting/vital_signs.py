"""Builds the Observations of one set of vital signs: one a sign, the blood pressure as a pair. Pure.

Units are fixed by the field. An absent field gives no Observation: not recorded is never zero.
Codes: US Core 6.1 vital signs profiles.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    Sign(
        "head_circumference_cm",
        "9843-4",
        "Head occipital-frontal circumference",
        "cm",
        "head-circumference",
    ),
)
BMI = Sign("bmi", "39156-5", "Body mass index (BMI)", "kg/m2", "bmi")
BMI_PERCENTILE = Sign(
    "bmi_percentile", "59576-9", "BMI percentile for age and sex", "%", "pediatric-bmi-for-age"
)
PAIN = ("72514-3", "Pain severity, 0 to 10")
OXYGEN_FLOW = ("3151-8", "Inhaled oxygen flow rate")
BODY_POSITION = ("8361-8", "Body position")
PRESSURES = (
    ("systolic_mmhg", "8480-6", "Systolic blood pressure"),
    ("diastolic_mmhg", "8462-4", "Diastolic blood pressure"),
)
MEASURES = (*(field for field, _, _ in PRESSURES), *(sign.field for sign in SIGNS), "pain_score")


def check_vitals(vitals: RecordVitals) -> None:
    """Raises InvalidResource, naming the field, for an empty set, half a blood pressure or an upside-down one.

    What a living person can have at all is bounded by the fields of RecordVitals themselves.
    """
    given = {field: getattr(vitals, field) for field in MEASURES if getattr(vitals, field) is not None}
    if not given:
        raise refused("vitals", "Enter at least one vital sign. A field left empty is not recorded.")
    for field, value in given.items():
        if -Decimal(value).as_tuple().exponent > MOST_DECIMALS:
            raise refused(field, f"At most {MOST_DECIMALS} digits after the point can be recorded.")
    systolic, diastolic = vitals.systolic_mmhg, vitals.diastolic_mmhg
    if (systolic is None) != (diastolic is None):
        missing = "systolic_mmhg" if systolic is None else "diastolic_mmhg"
        raise refused(missing, "A blood pressure needs both numbers, systolic and diastolic.")
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        raise refused("diastolic_mmhg", "The diastolic pressure is below the systolic. Check both numbers.")
    if vitals.oxygen_flow_l_per_minute is not None and vitals.oxygen_saturation_percent is None:
        raise refused(
            "oxygen_flow_l_per_minute", "Oxygen is recorded with a saturation. Enter the saturation too."
        )


def build_vitals(
    vitals: RecordVitals,
    *,
    patient_id: str,
    performer: Resource,
    issued: str,
    typed: Mapping[str, str] | None = None,
) -> list[Resource]:
    """The Observations of a checked set, the blood pressure first. `typed` is what was entered in other units."""
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
    pain = [_pain(vitals.pain_score, shared)] if vitals.pain_score is not None else []
    return (
        pressure
        + [
            _with_words(sign, _sign(sign, getattr(vitals, sign.field), shared), vitals, typed or {})
            for sign in SIGNS
            if getattr(vitals, sign.field) is not None
        ]
        + pain
    )


def build_derived(sign: Sign, value: Decimal, of: list[tuple[Resource, str]]) -> Resource:
    """A value reckoned from stored observations: (resource, id) of each, the newest first."""
    first = {
        key: held
        for key, held in of[0][0].items()
        if key not in ("meta", "code", "valueQuantity", "method", "bodySite", "note", "component")
    }
    return {
        **_sign(sign, value, first),
        "derivedFrom": [reference("Observation", identity) for _, identity in of],
    }


def _with_words(sign: Sign, built: Resource, vitals: RecordVitals, typed: Mapping[str, str]) -> Resource:
    """How and where it was measured, and in which unit it was typed, as far as anybody said."""
    if sign.field == "temperature_celsius" and vitals.temperature_site:
        built["bodySite"] = {"text": vitals.temperature_site}
    if sign.field == "height_cm" and vitals.height_position:
        built["method"] = {"text": vitals.height_position}
    if sign.field == "oxygen_saturation_percent" and vitals.oxygen_flow_l_per_minute is not None:
        flow = quantity(Decimal(f"{vitals.oxygen_flow_l_per_minute:f}"), "L/min")
        built["component"] = [{"code": concept(LOINC, *OXYGEN_FLOW), "valueQuantity": flow}]
    if sign.field in typed:
        built["note"] = [{"text": f"Entered as {typed[sign.field]}"}]
    return built


def _pain(score: int, shared: Resource) -> Resource:
    return {
        **shared,
        "code": concept(LOINC, *PAIN),
        "valueQuantity": quantity(Decimal(score), "{score}"),
    }


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
    measured: Resource = {}
    if vitals.pressure_method:
        measured["method"] = {"text": vitals.pressure_method}
    if vitals.pressure_site:
        measured["bodySite"] = {"text": vitals.pressure_site}
    position = (
        [{"code": concept(LOINC, *BODY_POSITION), "valueCodeableConcept": {"text": vitals.body_position}}]
        if vitals.body_position
        else []
    )
    return {
        **shared,
        **measured,
        "meta": {"profile": [PROFILE + "blood-pressure"]},
        "code": concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
        "component": [
            {
                "code": concept(LOINC, code, display),
                "valueQuantity": quantity(Decimal(f"{getattr(vitals, field):f}"), "mm[Hg]"),
            }
            for field, code, display in PRESSURES
        ]
        + position,
    }
