"""One treatment given twice: the same ingredient in two medications, or two drugs of one class.

A renewal is no duplicate of what it replaces. A cream is no duplicate of a tablet: only drugs that reach the same place
are compared, an unknown route counts as any. Pairs that are meant are data, in duplicates.toml.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, fires
from cds.dosing import local_routes, route_of
from cds.engine import Check
from cds.facts import Facts, Medication, Proposal
from cds.ingredients import class_title, ingredient_name, members, names, resolve
from cds.knowledge import override_reasons, read_toml
from cds.sourced import source_of

KNOWLEDGE = "duplicates.toml"
SOURCE = source_of(KNOWLEDGE)
REASONS = override_reasons("duplicate")


def _rule(name: str, title: str, severity: Severity, tier: Tier) -> Rule:
    return Rule(f"duplicate_therapy.{name}", title, severity, tier, SOURCE, override_reasons=REASONS)


SAME = _rule("same_ingredient", "The same ingredient twice", Severity.SERIOUS, Tier.INLINE)
TWO_FORMS = _rule("two_forms", "Two products of one ingredient", Severity.INFORMATION, Tier.PASSIVE)
CLASS = _rule("class", "Two drugs of one class", Severity.MONITOR, Tier.INLINE)
ACROSS = _rule("alike", "Two drugs that do the same", Severity.MONITOR, Tier.INLINE)


def duplicates(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    drug = proposal.medication
    if drug is None or not drug.ingredients:
        return
    beside = [one for one in _beside(facts, proposal) if _same_place(drug, one)]
    for rxcui in drug.ingredients:
        if same := [one for one in beside if rxcui in one.ingredients]:
            yield _same(rxcui, drug, same)
    others = [(taken, one) for one in beside for taken in one.ingredients if taken not in drug.ingredients]
    for title, found in _alike(drug, others).items():
        yield _class(title, found)


def _beside(facts: Facts, proposal: Proposal) -> Iterator[Medication]:
    yield from (
        one for one in facts.medications if one.reference is None or one.reference not in proposal.replaces
    )
    yield from proposal.alongside


def _same_place(drug: Medication, other: Medication) -> bool:
    here, there = route_of(drug), route_of(other)
    if here is None or there is None:
        return True
    return here == there or not ({here, there} & local_routes("duplicates"))


def _same(rxcui: str, drug: Medication, found: list[Medication]) -> Card:
    name = names().get(rxcui, drug.name)
    meant = rxcui in _meant_ingredients()
    return fires(
        TWO_FORMS if meant else SAME,
        f"{name[:1].upper()}{name[1:]} is already taken: {_names(found)}.",
        detail=read_toml(KNOWLEDGE)["same_ingredient_meant"]["why"]
        if meant
        else "Renew, change or stop the earlier one.",
        because=tuple(_taken(one) for one in found),
        suggestions=tuple(_stops(found)),
        about=(rxcui,),
    )


def _alike(
    drug: Medication, others: list[tuple[str, Medication]]
) -> dict[str, list[tuple[str, str, Medication]]]:
    """What is shared, in words, with each proposed and taken ingredient that shares it."""
    found: dict[str, list[tuple[str, str, Medication]]] = {}
    for rxcui, (taken, medication) in product(drug.ingredients, others):
        if (shared := _shared().get(rxcui, {}).get(taken)) is not None:
            found.setdefault(shared, []).append((rxcui, taken, medication))
    return found


def _class(shared: str, found: list[tuple[str, str, Medication]]) -> Card:
    proposed = " and ".join(dict.fromkeys(ingredient_name(one) for one, _, _ in found))
    taken = " and ".join(dict.fromkeys(ingredient_name(one) for _, one, _ in found))
    medications = list({id(one): one for _, _, one in found}.values())
    return fires(
        ACROSS if shared in _across_words() else CLASS,
        f"{proposed[:1].upper()}{proposed[1:]} beside {taken}: {shared}.",
        detail="Ask whether both are meant; otherwise stop one.",
        because=tuple(_taken(one) for one in medications),
        suggestions=tuple(_stops(medications)),
        about=tuple(dict.fromkeys(one for pair in found for one in pair[:2])),
    )


def _names(found: list[Medication]) -> str:
    return ", ".join(one.name for one in found)


def _taken(one: Medication) -> Reason:
    return Reason(f"Takes {one.name}", None, one.started_on, one.reference)


def _stops(found: list[Medication]) -> Iterator[Suggestion]:
    return (Suggestion("stop", f"Stop {one.name}", reference=one.reference) for one in found if one.reference)


@cache
def _meant_ingredients() -> frozenset[str]:
    return resolve(read_toml(KNOWLEDGE)["same_ingredient_meant"]["ingredients"])


@cache
def _across_words() -> frozenset[str]:
    return frozenset(one["words"] for one in read_toml(KNOWLEDGE)["across"])


@cache
def _shared() -> dict[str, dict[str, str]]:
    """For two ingredients, what they share in words; nothing for pairs that are meant."""
    knowledge = read_toml(KNOWLEDGE)
    shared: dict[str, dict[str, str]] = {}
    for words, one, other in (*_within(knowledge), *_across(knowledge)):
        for first, second in product(one, other):
            if first != second:
                shared.setdefault(first, {}).setdefault(second, words)
                shared.setdefault(second, {}).setdefault(first, words)
    for pair in knowledge["meant"]:
        for first, second in product(resolve(pair["one"]), resolve(pair["other"])):
            shared.get(first, {}).pop(second, None)
            shared.get(second, {}).pop(first, None)
    return shared


def _within(knowledge: dict) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    for name in knowledge["looked_at"]["classes"]:
        title = class_title(name)
        words = title if title[1:2].isupper() else title[:1].lower() + title[1:]
        yield f"both are {words}", members(name), members(name)


def _across(knowledge: dict) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    for pair in knowledge["across"]:
        yield pair["words"], resolve(pair["one"]), resolve(pair["other"])


CHECKS = (Check((SAME, TWO_FORMS, CLASS, ACROSS), duplicates),)
