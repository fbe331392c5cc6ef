"""Adds up opioids as morphine milligram equivalents (MME) a day, one line of arithmetic a medication."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds.coded import condition_group
from cds.facts import Facts, IngredientDose, Medication, Proposal
from cds.ingredients import ingredient_name, members
from cds.knowledge import read_toml

KNOWLEDGE = "opioids.toml"
PATCH_UNIT = "ug/h"
MG_IN = {"mg": 1.0, "ug": 0.001, "g": 1000.0}


@dataclass(frozen=True, slots=True)
class MorphineLine:
    """One opioid of one medication. `mme` None: `problem` says what is not known, or that it is not to be converted."""

    medication: Medication
    opioid: str
    arithmetic: str
    mme: float | None
    problem: str | None = None
    is_left_out: bool = False


@dataclass(frozen=True)
class MorphineTotal:
    """All lines. `known` is the sum of what could be converted: the true total is at least that."""

    lines: tuple[MorphineLine, ...]

    @property
    def known(self) -> float:
        return sum(line.mme or 0.0 for line in self.lines)

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(line.problem for line in self.lines if line.problem)

    @property
    def is_complete(self) -> bool:
        return not self.problems


def opioids() -> frozenset[str]:
    """RxCUIs of every opioid that the rules know, partial agonists included."""
    return members("opioids") | members("opioid_partial_agonists")


def taken_together(facts: Facts, proposal: Proposal) -> tuple[Medication, ...]:
    """What the person takes if this is signed: current ones that stay, the other drafts, and the proposed one."""
    staying = [
        one for one in facts.medications if one.reference is None or one.reference not in proposal.replaces
    ]
    proposed = (proposal.medication,) if proposal.medication else ()
    return (*staying, *proposal.alongside, *proposed)


def holds_any(medication: Medication, rxcuis: frozenset[str]) -> bool:
    return not rxcuis.isdisjoint(medication.ingredients)


def morphine_total(medications: Iterable[Medication]) -> MorphineTotal:
    """MME a day of these medications. "As needed" counts at its maximum; an unknown dose is a problem, never zero.

    Not for converting one opioid to another. Source: CDC 2022 guideline, table of conversion factors.
    """
    return MorphineTotal(tuple(line for one in medications for line in _lines(one)))


def _lines(medication: Medication) -> Iterator[MorphineLine]:
    for rxcui in medication.ingredients:
        if rxcui in opioids():
            yield _line(medication, rxcui)


def _line(medication: Medication, rxcui: str) -> MorphineLine:
    opioid = ingredient_name(rxcui)
    if why := _left_out(medication, opioid):
        return MorphineLine(medication, opioid, f"not converted ({why})", None, is_left_out=True)
    dose = medication.dose_of(rxcui)
    if dose is None:
        return _unknown(medication, opioid, f"the dose of {medication.name}")
    if dose.unit == PATCH_UNIT:
        return _patch(medication, opioid, dose)
    return _daily(medication, opioid, dose)


def _left_out(medication: Medication, opioid: str) -> str | None:
    if opioid in (known := read_toml(KNOWLEDGE)["not_converted"]):
        return known[opioid]
    if opioid == "methadone" and condition_group("opioid_use_disorder").holds(medication.indications):
        return "given for opioid use disorder, not for pain"
    return None


def _patch(medication: Medication, opioid: str, dose: IngredientDose) -> MorphineLine:
    factor = read_toml(KNOWLEDGE)["patch_factor"].get(opioid)
    if factor is None:
        return _unknown(medication, opioid, f"a conversion factor for a patch of {opioid}")
    mme = dose.amount * factor
    return MorphineLine(medication, opioid, f"{dose.amount:g} mcg/h × {factor:g} = {mme:g} MME/day", mme)


def _daily(medication: Medication, opioid: str, dose: IngredientDose) -> MorphineLine:
    factor = read_toml(KNOWLEDGE)["factor"].get(opioid)
    if factor is None:
        return _unknown(medication, opioid, f"a conversion factor for {medication.name}")
    if dose.unit not in MG_IN:
        return _unknown(medication, opioid, f"the dose of {medication.name} in milligrams")
    if medication.doses_per_day is None:
        return _unknown(medication, opioid, f"how often {medication.name} is taken")
    each, often = dose.amount * MG_IN[dose.unit], medication.doses_per_day
    daily = each * often
    mme = daily * factor
    at_most = ", as needed: counted at its maximum" if medication.prn else ""
    return MorphineLine(
        medication,
        opioid,
        f"{each:g} mg × {often:g} a day = {daily:g} mg; × {factor:g} = {mme:g} MME/day{at_most}",
        mme,
    )


def _unknown(medication: Medication, opioid: str, problem: str) -> MorphineLine:
    return MorphineLine(medication, opioid, f"could not be converted: {problem} is not known", None, problem)
