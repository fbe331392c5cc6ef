"""How much of an ingredient is taken: by one dose, over days, by which route, and against which weight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Literal

from cds.facts import Facts, Medication, MissingFact, Proposal
from cds.knowledge import read_toml

IN_MG = {"g": 1000.0, "mg": 1.0, "ug": 0.001, "mcg": 0.001, "ng": 0.000001}
LocalFor = Literal["doses", "interactions", "duplicates"]
UNIT_WORDS = {"meq": "mEq"}


@cache
def _routes() -> dict[str, str]:
    return {word: route for route, words in read_toml("dosing.toml")["routes"].items() for word in words}


@cache
def _route_of_words(route: str | None, form: str | None) -> str | None:
    if route and route.strip():
        return _routes().get(route.strip().lower(), route.strip().lower())
    if form:
        forms = read_toml("dosing.toml")["forms"].items()
        found = [one for one, words in forms if any(word in form.lower() for word in words)]
        return next((one for one in found if one != "oral"), found[0] if found else None)
    return None


def route_of(medication: Medication) -> str | None:
    """One of our route words, from the recorded route or else the form; None where neither says it."""
    return _route_of_words(medication.route, medication.form)


@cache
def local_routes(question: LocalFor) -> frozenset[str]:
    """The routes that count as local where that question is asked."""
    return frozenset(read_toml("dosing.toml")["local"][question])


def is_local(medication: Medication) -> bool:
    """Whether the drug goes where it acts (skin, eye, ear, airway, vagina) and little of it elsewhere."""
    return route_of(medication) in local_routes("doses")


def taken_with(facts: Facts, proposal: Proposal, rxcui: str) -> tuple[Medication, ...]:
    """Every medication with that ingredient if this is signed: current ones that stay, other drafts, the proposed one.

    Does not say whether the list could be seen: ask `facts.need("medications")`.
    """
    current = facts.medications_by_ingredient.get(rxcui, ())
    staying = [one for one in current if one.reference is None or one.reference not in proposal.replaces]
    drafts = [one for one in (*proposal.alongside, proposal.medication) if one and rxcui in one.ingredients]
    return (*staying, *drafts)


def amount(medication: Medication, rxcui: str, unit: str) -> float:
    """What one dose gives, in mg or meq. Raises MissingFact where it is unknown or its unit does not compare."""
    dose = medication.dose_of(rxcui)
    if dose is None:
        raise MissingFact(f"how much one dose of {medication.name} gives")
    if dose.unit == unit:
        return dose.amount
    if unit != "mg" or dose.unit not in IN_MG:
        raise MissingFact(f"the dose of {medication.name} in {unit}")
    return dose.amount * IN_MG[dose.unit]


def amount_over(medication: Medication, rxcui: str, unit: str, days: float) -> float:
    """What is taken in so many days at the most: "as needed" counts in full. Raises MissingFact."""
    if medication.doses_per_day is None:
        raise MissingFact(f"how often {medication.name} is taken")
    return amount(medication, rxcui, unit) * medication.doses_per_day * days


@dataclass(frozen=True, slots=True)
class Sum:
    """What several medications give together. `missing` says what is not known: the true sum is then larger."""

    known: float
    parts: tuple[tuple[Medication, float], ...]
    missing: tuple[str, ...]


def sum_over(medications: tuple[Medication, ...], rxcui: str, unit: str, days: float) -> Sum:
    """Adds up one ingredient over medications; an unknown dose is said, never counted as zero."""
    parts, missing = [], []
    for one in medications:
        try:
            parts.append((one, amount_over(one, rxcui, unit, days)))
        except MissingFact as unknown:
            missing += unknown.what
    return Sum(sum(part for _, part in parts), tuple(parts), tuple(missing))


def daily_mg(facts: Facts, proposal: Proposal, rxcui: str) -> float | None:
    """All that is taken of an ingredient a day, in mg; None where any part of it is not known."""
    summed = sum_over(taken_with(facts, proposal, rxcui), rxcui, "mg", 1)
    return None if summed.missing else summed.known


def weight_window_days(age_months: int) -> int:
    """How old a weight may be for dosing at that age, in days."""
    windows = read_toml("dosing.toml")["weight_windows"]
    return next(one["days"] for one in windows if age_months < one.get("below_months", age_months + 1))


def dosing_weight_kg(facts: Facts) -> float:
    """The newest weight, if it is recent enough for the age; raises MissingFact saying how recent it must be."""
    days = weight_window_days(facts.age_months)
    latest = facts.latest_weight_kg
    if latest is None or latest.on < facts.as_of - timedelta(days=days):
        last = f"the last one is of {latest.on.isoformat()}" if latest else "there is none"
        raise MissingFact(f"a weight in kilograms from the last {days} days ({last})")
    if latest.unit != "kg":
        raise MissingFact("a weight in kilograms")
    return latest.value


def figure(value: float, unit: str) -> str:
    """An amount as people write it: 4,000 mg, 0.61 mg, 12.5 mcg, 20 mEq."""
    if unit == "mg" and 0 < value < 0.5:
        value, unit = value * 1000, "mcg"
    digits = 3 if value < 10 else 1
    return f"{round(value, digits):,.10g} {UNIT_WORDS.get(unit, unit)}"
