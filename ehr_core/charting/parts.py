"""The parts that every resource we build is made of: references, concepts, quantities. Pure."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ehr_core.access.actor import Actor

Resource = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ACCOUNT_SYSTEM = "https://almoner.dev/fhir/NamingSystem/account"

CATEGORY_WORDS = {
    "vital-signs": "Vital Signs",
    "laboratory": "Laboratory",
    "survey": "Survey",
    "social-history": "Social History",
    "imaging": "Imaging",
}
INTERPRETATION_WORDS = {
    "N": "Normal",
    "A": "Abnormal",
    "H": "High",
    "L": "Low",
    "POS": "Positive",
    "NEG": "Negative",
}


def reference(resource_type: str, resource_id: str, display: str | None = None) -> Resource:
    found = {"reference": f"{resource_type}/{resource_id}"}
    return {**found, "display": display} if display else found


def person(actor: Actor) -> Resource:
    """A reference to who acts: the clinician's directory entry, else the account."""
    if actor.practitioner_id:
        return reference("Practitioner", actor.practitioner_id, actor.name)
    return {
        "identifier": {"system": ACCOUNT_SYSTEM, "value": actor.actor_id},
        "display": actor.name,
    }


def concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def category(code: str) -> Resource:
    return {"coding": [{"system": OBSERVATION_CATEGORY, "code": code, "display": CATEGORY_WORDS[code]}]}


def interpretation(code: str) -> Resource:
    return {"coding": [{"system": INTERPRETATION, "code": code, "display": INTERPRETATION_WORDS[code]}]}


def quantity(value: Decimal, unit: str) -> Resource:
    """A UCUM quantity; the Decimal's digits are the digits that are stored."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def reference_range(low: Decimal | None, high: Decimal | None, unit: str) -> list[Resource]:
    bounds = {
        name: quantity(bound, unit) for name, bound in (("low", low), ("high", high)) if bound is not None
    }
    return [bounds] if bounds else []


def instant(at: datetime) -> str:
    """An instant to the second with its offset, as it was given."""
    return at.replace(microsecond=0).isoformat()


def day(on: date) -> str:
    return on.isoformat()
