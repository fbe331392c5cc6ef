"""People and proposals of the decision-support tables, drawn in a line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from cds.cards import Card
from cds.engine import check
from cds.facts import (
    Code,
    Condition,
    Event,
    Facts,
    IngredientDose,
    Medication,
    Proposal,
    Result,
)
from cds.ingredients import rxcui_of

TODAY = date(2026, 6, 15)
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ADULT = Facts(as_of=TODAY, birth_date=date(1970, 1, 15), sex="female", allergy_list="none_known")


def problem(code: str, name: str = "", **said) -> Condition:
    """A problem by its ICD-10-CM code, active unless told otherwise."""
    return Condition(
        codes=(Code(ICD_10_CM, code),), name=name or code, **({"clinical_status": "active"} | said)
    )


def drug(name: str, mg: float | None = None, a_day: float | None = None, **said) -> Medication:
    """One ingredient, `mg` of it each time, so many times a day."""
    unit = said.pop("unit", "mg")
    rxcui = rxcui_of(name)
    doses = () if mg is None else (IngredientDose(rxcui, mg, unit),)
    return Medication(name=name, ingredients=(rxcui,), ingredient_doses=doses, doses_per_day=a_day, **said)


def happened(kind: str, on: date, **said) -> Event:
    return Event(kind=kind, on=on, **said)


def measured(loinc: str, value: float | None, unit: str, on: date = TODAY, **said) -> Result:
    return Result(loinc=loinc, value=value, unit=unit, on=on, **said)


def ordering(medication: Medication, **said) -> Proposal:
    return Proposal(medication=medication, **said)


def cards_of(topic: str, facts: Facts, proposal: Proposal) -> dict[str, Card]:
    """The cards of one rule file, by the entry after the topic."""
    return {
        card.rule.id.partition(".")[2]: card for card in check(facts, proposal) if card.rule.topic == topic
    }


def said_by(topic: str, facts: Facts, proposal: Proposal) -> dict[str, str]:
    """What each rule of a file answered, by its entry: fires or could_not_check."""
    return {entry: card.outcome.value for entry, card in cards_of(topic, facts, proposal).items()}


def adult(**said) -> Facts:
    return replace(ADULT, **said)
