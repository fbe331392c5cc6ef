"""Builds a result measured here, and the new version of a corrected one. Pure."""

from __future__ import annotations

from decimal import Decimal

from data_contracts.api.chart import RecordResult
from ehr_core.charting.flags import flag_by_range, usual_range
from ehr_core.charting.parts import (
    LOINC,
    Resource,
    category,
    concept,
    instant,
    interpretation,
    quantity,
    reference,
    reference_range,
)
from ehr_core.charting.recordable import Answer, Recordable, UnitRange, find_recordable, recordables, refused
from ehr_core.charting.reviews import without_review
from ehr_core.charting.series import correctable
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import codings

LABORATORY_PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"
CORRECTABLE_STATUSES = frozenset({"final", "amended", "corrected", "entered-in-error"})
"""A retracted result may be set right too: it comes back as `corrected`, with the reason."""


def build_result(result: RecordResult, *, patient_id: str, performer: Resource, issued: str) -> Resource:
    """The Observation of a result entered at the chart. Raises InvalidResource naming the field that is wrong."""
    item = find_recordable(result.code, kind="result")
    resource = {
        **observation_of(item, patient_id=patient_id),
        "effectiveDateTime": instant(result.at),
        "issued": issued,
        "performer": [performer],
        **value_of(item, value=result.value, unit=result.unit, answer_code=result.value_code, required=True),
    }
    if result.encounter_id:
        resource["encounter"] = reference("Encounter", result.encounter_id)
    if result.note:
        resource["note"] = [{"text": result.note}]
    return resource


def observation_of(item: Recordable, *, patient_id: str) -> Resource:
    """A final Observation of that item, without value, time or performer yet."""
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": [category(item.category)] if item.category else [],
        "code": concept(item.system.uri, item.code, item.name),
        "subject": reference("Patient", patient_id),
    }
    return (
        {**resource, "meta": {"profile": [LABORATORY_PROFILE]}} if item.category == "laboratory" else resource
    )


def value_of(
    item: Recordable, *, value: Decimal | None, unit: str | None, answer_code: str | None, required: bool
) -> Resource:
    """The value elements of an Observation. Raises InvalidResource for a wrong, doubled or missing value."""
    if value is not None and answer_code is not None:
        raise refused("value", f"{item.name} has a number or an answer, not both.")
    if value is None and unit is not None:
        raise refused("value", "A unit needs its number. Enter the value, or leave the unit out.")
    if value is not None:
        if not item.units:
            raise refused("value", f"{item.name} has no number. {_what_it_has(item)}")
        number, units = item.checked_number(value, unit)
        return number_elements(number, units)
    if answer_code is not None:
        return answer_elements(item, item.checked_answer(answer_code))
    if required:
        raise refused("value", f"{item.name} needs a value. {_what_it_has(item)}")
    return {}


def _what_it_has(item: Recordable) -> str:
    if item.units:
        return f"Enter a number in {' or '.join(listed.unit for listed in item.units)}."
    if item.answers:
        return (
            f"Send value_code: {', '.join(f'{answer.code} ({answer.display})' for answer in item.answers)}."
        )
    return "Record it as an outside result, with its finding."


def number_elements(number: Decimal, units: UnitRange) -> Resource:
    """Quantity with its digits, the usual range and the flag that follows from it."""
    elements: Resource = {"valueQuantity": quantity(number, units.unit)}
    bounds = reference_range(units.reference_low, units.reference_high, units.unit)
    flag = flag_by_range(number, units.reference_low, units.reference_high)
    if bounds:
        elements["referenceRange"] = bounds
    if flag:
        elements["interpretation"] = [interpretation(flag)]
    return elements


def answer_elements(item: Recordable, answer: Answer) -> Resource:
    elements: Resource = {"valueCodeableConcept": concept(LOINC, answer.code, answer.display)}
    if answer.finding == "abnormal" and item.abnormal_interpretation:
        elements["interpretation"] = [interpretation(item.abnormal_interpretation)]
    elif answer.finding == "normal":
        elements["interpretation"] = [interpretation("NEG" if item.abnormal_interpretation == "POS" else "N")]
    return elements


def corrected(observation: Resource, *, value: Decimal, unit: str, issued: str) -> Resource:
    """The next version: status `corrected`, the new value, its flag judged anew, and no review.

    Raises BadRequest when this kind of result cannot be corrected, InvalidResource when the value cannot be true.
    """
    if not correctable(observation):
        raise BadRequest(
            "Only a single number can be corrected. Mark this result as entered in error and record it again."
        )
    if observation.get("status") not in CORRECTABLE_STATUSES:
        raise BadRequest(
            f"A result that is '{observation.get('status')}' is not final yet, so there is nothing to correct."
        )
    elements = _new_value(observation, value, unit)
    kept = {
        key: item
        for key, item in without_review(observation).items()
        if key not in ("interpretation", "valueQuantity", "referenceRange")
    }
    return {**kept, **elements, "status": "corrected", "issued": issued}


def _new_value(observation: Resource, value: Decimal, unit: str) -> Resource:
    """The value elements anew. The laboratory's own range stays while the unit does; ours otherwise.

    A test that is not on our list keeps its unit, and only its own range can flag it.
    """
    item = _listed_item(observation)
    written = observation["valueQuantity"]
    same_unit = unit in (written.get("code"), written.get("unit"))
    if item is None and not same_unit:
        raise refused(
            "unit", "The unit of this test cannot be changed. Mark it in error and record it again."
        )
    if item is not None and item.units:
        number, units = item.checked_number(value, unit)
        if not same_unit or "referenceRange" not in observation:
            return number_elements(number, units)
    number = Decimal(f"{value:f}")
    elements: Resource = {"valueQuantity": {**written, "value": number}}
    if "referenceRange" in observation:
        elements["referenceRange"] = observation["referenceRange"]
        usual = usual_range(observation, unit)
        flag = flag_by_range(number, usual.low, usual.high)
        if flag:
            elements["interpretation"] = [interpretation(flag)]
    return elements


def _listed_item(observation: Resource) -> Recordable | None:
    found = set(codings(observation.get("code")))
    return next((item for item in recordables() if (item.system.uri, item.code) in found), None)
