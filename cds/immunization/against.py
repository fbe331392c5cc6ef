"""What speaks against a vaccine in one person, and who counts as immune without it."""

from __future__ import annotations

from collections.abc import Iterator

from cds.cards import Reason
from cds.coded import CodeGroup, active_conditions, codes_of, condition_group, ever_conditions, icd_10_cm
from cds.facts import Facts
from cds.immunization.schedule import Contraindication, Group, plain, vaccines
from cds.ingredients import members
from data_contracts.code_systems import CVX

CVX_PREFIX = f"{CVX.uri}|"


def immunity(group: Group, facts: Facts) -> str | None:
    """Why the person counts as immune; None where nothing says so. Raises MissingFact where problems cannot be seen."""
    for one in group.immune:
        if one.born_before and facts.birth_date and facts.birth_date < one.born_before:
            return one.words
        if one.icd_10_cm and ever_conditions(facts, icd_10_cm(*one.icd_10_cm)):
            return one.words
    return None


def reasons_against(listed: tuple[Contraindication, ...], group: Group, facts: Facts) -> tuple[Reason, ...]:
    """The facts that speak against the group. Raises MissingFact where the part that decides could not be seen."""
    return tuple(reason for one in listed for reason in _found(one, group, facts))


def _found(one: Contraindication, group: Group, facts: Facts) -> Iterator[Reason]:
    yield from _problems(one, facts)
    yield from _drugs(one, facts)
    if one.pregnancy and facts.pregnancy.state == "pregnant":
        yield Reason(one.words, "pregnant")
    if one.value_sets:
        yield from _allergies(one, group, facts)


def _problems(one: Contraindication, facts: Facts) -> Iterator[Reason]:
    groups: list[CodeGroup] = [condition_group(name) for name in one.groups]
    for codes in groups:
        for problem in active_conditions(facts, codes):
            yield Reason(one.words, problem.name, problem.onset, problem.reference)
    for name in one.value_sets:
        for problem in ever_conditions(facts, codes_of(name)):
            yield Reason(one.words, problem.name, problem.onset, problem.reference)


def _drugs(one: Contraindication, facts: Facts) -> Iterator[Reason]:
    if not one.drug_classes:
        return
    facts.need("medications")
    wanted = frozenset().union(*(members(name) for name in one.drug_classes))
    for drug in facts.medications:
        if not wanted.isdisjoint(drug.ingredients):
            yield Reason(one.words, drug.name, drug.started_on, drug.reference)


def _allergies(one: Contraindication, group: Group, facts: Facts) -> Iterator[Reason]:
    """An allergy to a product of the group, by CVX, or one of the value sets named."""
    facts.need("allergies")
    products = {cvx for cvx, vaccine in vaccines().items() if group.id in vaccine.groups}
    named = codes_of(*one.value_sets)
    for allergy in facts.allergies:
        cvx = {plain(code.code) for code in allergy.codes if code.system == CVX.uri}
        if cvx & products or named.holds(allergy.codes):
            yield Reason(one.words, allergy.name, allergy.recorded_on, allergy.reference)
