"""The people and prescriptions of the tables about single drugs: one line each."""

from __future__ import annotations

from datetime import date, timedelta

from cds.cards import Outcome
from cds.engine import check, outcome
from cds.facts import Code, Condition, Facts, IngredientDose, Measurement, Medication, Proposal, Result
from cds.ingredients import rxcui_of

TODAY = date(2026, 11, 27)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
FIRES, QUIET, UNCHECKED = Outcome.FIRES, Outcome.DOES_NOT_FIRE, Outcome.COULD_NOT_CHECK


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def born(years: int = 0, months: int = 0) -> date:
    """The birth date of somebody who became that old today."""
    month = TODAY.year * 12 + TODAY.month - 1 - years * 12 - months
    return date(month // 12, month % 12 + 1, TODAY.day)


def person(years: int | None = 50, months: int = 0, *, weight_kg=None, weight_age_days=0, **more) -> Facts:
    """Somebody of that age (None: no birth date), with one weight if given."""
    weights = (Measurement(weight_kg, "kg", days_ago(weight_age_days)),) if weight_kg is not None else ()
    birth = None if years is None else born(years, months)
    return Facts(as_of=TODAY, birth_date=birth, weights_kg=weights, **more)


def drug(name: str, mg=None, times=None, *, route="oral", unit="mg", **more) -> Medication:
    """One ingredient: so much a dose, so many doses a day; None is not known."""
    rxcui = rxcui_of(name)
    doses = () if mg is None else (IngredientDose(rxcui, mg, unit),)
    return Medication(name, (rxcui,), route=route, ingredient_doses=doses, doses_per_day=times, **more)


def order(name: str, mg=None, times=None, **more) -> Proposal:
    return Proposal(drug(name, mg, times, **more))


def icd(code: str, **more) -> Condition:
    return Condition((Code(ICD, code),), code, **({"clinical_status": "active"} | more))


def lab(loinc: str, value: float | None, unit: str | None, age_days: int = 10, **more) -> Result:
    return Result(loinc, value, unit, days_ago(age_days), **more)


def says(topic: str, name: str, facts: Facts, proposal: Proposal) -> Outcome:
    """What one rule says: `says("dose_limits", "ibuprofen", …)`."""
    return outcome(f"{topic}.{name}", facts, proposal)


def cards_of(topic: str, facts: Facts, proposal: Proposal):
    return [card for card in check(facts, proposal) if card.rule.topic == topic]
