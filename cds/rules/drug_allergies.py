"""Drug allergies: the same ingredient, its class, a beta-lactam's side chain, and what could not be checked.

The nearest relation of each recorded allergy to each proposed ingredient is shown, graded by the recorded reaction;
a reaction that nobody recorded counts as an allergic one. Excipients, food and latex are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds.allergens import (
    KNOWLEDGE,
    Grade,
    Group,
    beta_lactams,
    crosses,
    grade,
    groups,
    recorded_groups,
    side_chains,
)
from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.engine import Check
from cds.facts import Allergy, Facts, Medication, Proposal
from cds.ingredients import names
from cds.knowledge import override_reasons, read_toml
from cds.sourced import source_of

PARAMETER = source_of(KNOWLEDGE)
SIDE_CHAINS = source_of(KNOWLEDGE, "source_side_chains")
REASONS = override_reasons("allergy")


def _rule(name: str, title: str, severity: Severity, tier: Tier, source=PARAMETER, **more) -> Rule:
    return Rule(f"drug_allergies.{name}", title, severity, tier, source, override_reasons=REASONS, **more)


UNIDENTIFIED = _rule(
    "unidentified",
    "An allergy could not be checked",
    Severity.SERIOUS,
    Tier.INLINE,
    retirable=False,
)
NOT_ASKED = _rule(
    "not_asked", "Nobody has asked about drug allergies", Severity.SERIOUS, Tier.INLINE, retirable=False
)
SAME_SEVERE = _rule(
    "same_ingredient_severe",
    "Severe reaction to this ingredient",
    Severity.CONTRAINDICATED,
    Tier.INTERRUPTS,
    anaphylaxis=True,
)
SAME = _rule("same_ingredient", "Allergy to this ingredient", Severity.SERIOUS, Tier.INTERRUPTS)
SAME_SIDE_EFFECT = _rule(
    "same_ingredient_side_effect", "Side effect of this ingredient before", Severity.MONITOR, Tier.INLINE
)
CLASS_SEVERE = _rule(
    "class_severe",
    "Severe reaction to a drug of this class",
    Severity.CONTRAINDICATED,
    Tier.INTERRUPTS,
    anaphylaxis=True,
)
CLASS = _rule("class", "Allergy to a drug of this class", Severity.SERIOUS, Tier.INLINE)
CLASS_SIDE_EFFECT = _rule(
    "class_side_effect", "Side effect of a drug of this class before", Severity.INFORMATION, Tier.PASSIVE
)
CHAIN_SEVERE = _rule(
    "side_chain_severe",
    "Severe reaction to a beta-lactam with the same side chain",
    Severity.SERIOUS,
    Tier.INTERRUPTS,
    SIDE_CHAINS,
    anaphylaxis=True,
)
CHAIN = _rule(
    "side_chain",
    "Allergy to a beta-lactam with the same side chain",
    Severity.SERIOUS,
    Tier.INLINE,
    SIDE_CHAINS,
)
DISTANT_SEVERE = _rule(
    "beta_lactam_severe",
    "Severe reaction to another kind of beta-lactam",
    Severity.MONITOR,
    Tier.INLINE,
    SIDE_CHAINS,
    anaphylaxis=True,
)
DISTANT = _rule(
    "beta_lactam",
    "Allergy to another kind of beta-lactam",
    Severity.INFORMATION,
    Tier.PASSIVE,
    SIDE_CHAINS,
)
RULES = (
    UNIDENTIFIED,
    NOT_ASKED,
    SAME_SEVERE,
    SAME,
    SAME_SIDE_EFFECT,
    CLASS_SEVERE,
    CLASS,
    CLASS_SIDE_EFFECT,
    CHAIN_SEVERE,
    CHAIN,
    DISTANT_SEVERE,
    DISTANT,
)
BY_GRADE = {
    "same": {Grade.SEVERE: SAME_SEVERE, Grade.ALLERGIC: SAME, Grade.SIDE_EFFECT: SAME_SIDE_EFFECT},
    "class": {Grade.SEVERE: CLASS_SEVERE, Grade.ALLERGIC: CLASS, Grade.SIDE_EFFECT: CLASS_SIDE_EFFECT},
    "side chain": {Grade.SEVERE: CHAIN_SEVERE, Grade.ALLERGIC: CHAIN},
    "distant": {Grade.SEVERE: DISTANT_SEVERE, Grade.ALLERGIC: DISTANT},
}


@dataclass(frozen=True, slots=True)
class Relation:
    """How a proposed ingredient is related to a recorded allergy: `kind` of BY_GRADE, and the words for it."""

    kind: str
    words: str


def allergies(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    if proposal.medication is None:
        return
    facts.need("allergies")
    if not facts.allergies and facts.allergy_list == "not_asked":
        yield could_not_check(
            NOT_ASKED,
            "whether the patient has a drug allergy (nobody has asked)",
            suggestions=(Suggestion("record", "Record drug allergies, or that none are known"),),
        )
    yield from _unidentified(facts)
    for allergy in facts.allergies:
        yield from _nearest(proposal.medication, allergy)


def _nearest(drug: Medication, allergy: Allergy) -> Iterator[Card]:
    """One card for an allergy, about the ingredients of the proposed drug that are nearest to it."""
    related = {one: relation for one in drug.ingredients if (relation := relation_of(one, allergy))}
    kind = next((one for one in BY_GRADE if any(relation.kind == one for relation in related.values())), None)
    rule = BY_GRADE[kind].get(grade(allergy)) if kind else None
    if rule:
        nearest = {one: relation for one, relation in related.items() if relation.kind == kind}
        yield _card(rule, drug, nearest, allergy)


def relation_of(rxcui: str, allergy: Allergy) -> Relation | None:
    """The nearest relation of an ingredient to what the allergy is about; None where they have nothing in common."""
    if rxcui in allergy.ingredients:
        return Relation("same", "the same ingredient")
    named = recorded_groups(allergy)
    if group := next((one for one in named if rxcui in one.members), None):
        return Relation("class", f"the allergy is recorded for all {group.title}")
    if group := next((one for one in groups() if _by_class(one, rxcui, allergy)), None):
        return Relation("class", f"both are {group.title}")
    allergens = _allergens(allergy, named)
    if chain := next((one for one in side_chains() if _shared(one, rxcui, allergens)), None):
        return Relation("side chain", f"both carry {chain.title}")
    if rxcui in beta_lactams() and not beta_lactams().isdisjoint(allergens):
        return Relation("distant", "both are beta-lactams, without a side chain in common")
    return None


def _by_class(group: Group, rxcui: str, allergy: Allergy) -> bool:
    meets = rxcui in group.members and not group.members.isdisjoint(allergy.ingredients)
    return meets and crosses(group, allergy, recorded_for_all=False)


def _allergens(allergy: Allergy, named: tuple[Group, ...]) -> frozenset[str]:
    """What may have caused it: where only a class is named, and the reaction was severe, any member of it."""
    known = frozenset(allergy.ingredients)
    whole = frozenset().union(*(one.members for one in named))
    if grade(allergy) is Grade.SEVERE:
        return known | whole
    return known | (whole & beta_lactams() - _with_chain())


def _with_chain() -> frozenset[str]:
    return frozenset().union(*(one.members for one in side_chains()))


def _shared(chain: Group, rxcui: str, allergens: frozenset[str]) -> bool:
    return rxcui in chain.members and not chain.members.isdisjoint(allergens)


def _unidentified(facts: Facts) -> Iterator[Card]:
    unknown = [
        one for one in facts.allergies if (not one.coded or not one.ingredients) and not recorded_groups(one)
    ]
    if unknown:
        yield could_not_check(UNIDENTIFIED, *(f"the allergy to '{one.name}'" for one in unknown))


def _card(rule: Rule, drug: Medication, nearest: dict[str, Relation], allergy: Allergy) -> Card:
    named = " and ".join(names().get(one, drug.name) for one in nearest)
    words = next(iter(nearest.values())).words
    said = read_toml(KNOWLEDGE)["said"][grade(allergy).value]
    return fires(
        rule,
        f"{named[:1].upper()}{named[1:]}: {said} to {allergy.name} is on record ({words}).",
        title=f"{rule.title}: {named}",
        detail=_advice(rule, allergy),
        because=tuple(_reasons(allergy)),
        suggestions=(Suggestion("replace", f"Choose a drug that is not related to {allergy.name}"),),
        about=(*nearest, allergy.reference or allergy.name),
    )


def _advice(rule: Rule, allergy: Allergy) -> str:
    unconfirmed = " The allergy is not confirmed." if allergy.verification == "unconfirmed" else ""
    return read_toml(KNOWLEDGE)["advice"][rule.id.partition(".")[2]] + unconfirmed


def _reasons(allergy: Allergy) -> Iterator[Reason]:
    yield Reason(f"Allergy to {allergy.name}", _reaction(allergy), allergy.recorded_on, allergy.reference)
    if allergy.last_reaction_on:
        yield Reason("Last reaction", None, allergy.last_reaction_on, allergy.reference)


def _reaction(allergy: Allergy) -> str:
    words = [", ".join(allergy.reactions) or "reaction not recorded"]
    if allergy.severity:
        words.append(allergy.severity)
    if allergy.criticality:
        words.append(f"criticality {allergy.criticality}")
    return "; ".join(words)


CHECKS = (Check(RULES, allergies),)
