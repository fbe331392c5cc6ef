"""Asks the rules that a proposal touches and answers with cards, most pressing first.

A rule file in `cds/rules` offers `CHECKS`. A check names the ingredients it is about (None: every proposal), the
moments at which it is asked, the rules it may speak for, and a function `(facts, proposal) -> cards` that yields
`fires(...)` or `could_not_check(...)`, yields nothing where the rule does not fire, and may raise MissingFact.
MissingFact and any other exception become could-not-check cards of that check's first rule: never silence.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from cds import rules as rule_files
from cds.cards import Card, Outcome, Rule, could_not_check
from cds.facts import Facts, MissingFact, Moment, Proposal
from cds.oversight import SiteChoice, in_force, why_refused
from ehr_core.kernel.logging import get_logger

log = get_logger(__name__)
RULE_FAILED = "the rule itself failed; tell whoever looks after decision support"


@dataclass(frozen=True, slots=True)
class Check:
    """One function and the rules it speaks for. `rules[0]` is named where the check as a whole could not be done.

    `ingredients` None: asked at every proposal of a medication. `moments` tell when it is asked at all.
    """

    rules: tuple[Rule, ...]
    run: Callable[[Facts, Proposal], Iterable[Card]]
    ingredients: frozenset[str] | None = None
    moments: frozenset[Moment] = frozenset({"order"})


class Registry:
    """The checks by moment and ingredient, so that an order asks only those that it touches."""

    def __init__(self, checks: Iterable[Check]):
        self.checks = tuple(checks)
        self.rules = _rules_by_id(self.checks)
        self._always: dict[Moment, list[Check]] = {"order": [], "patient_view": []}
        self._by_ingredient: dict[str, list[Check]] = {}
        for check in self.checks:
            self._index(check)

    def _index(self, check: Check) -> None:
        if check.ingredients is None or "patient_view" in check.moments:
            for moment in check.moments:
                self._always[moment].append(check)
            return
        for rxcui in check.ingredients:
            self._by_ingredient.setdefault(rxcui, []).append(check)

    def touched_by(self, proposal: Proposal) -> list[Check]:
        """The checks to ask, each once."""
        found = list(self._always[proposal.moment])
        if proposal.moment == "order":
            found += [one for rxcui in proposal.ingredients for one in self._by_ingredient.get(rxcui, ())]
        return list({id(one): one for one in found}.values())


@lru_cache(maxsize=1)
def registry() -> Registry:
    """Every check of every file in cds/rules, in the order of the file names."""
    names = sorted(one.name for one in pkgutil.iter_modules(rule_files.__path__))
    found = (importlib.import_module(f"{rule_files.__name__}.{name}") for name in names)
    return Registry(check for module in found for check in getattr(module, "CHECKS", ()))


def check(
    facts: Facts, proposal: Proposal, choices: Iterable[SiteChoice] = (), *, among: Registry | None = None
) -> tuple[Card, ...]:
    """The cards of a proposal, sorted by tier, severity and title; a site's choices are followed where they may be.

    Writes nothing and looks at nothing but its arguments. No card is not "no danger": print `coverage_words` with it.
    """
    asked = (among or registry()).touched_by(proposal)
    cards = [card for one in asked for card in answers(one, facts, proposal)]
    chosen = in_force(choices, facts.as_of)
    kept = (_as_chosen(card, chosen) for card in cards)
    return tuple(sorted((card for card in kept if card), key=_pressing))


def review(
    facts: Facts, choices: Iterable[SiteChoice] = (), *, among: Registry | None = None
) -> tuple[Card, ...]:
    """The cards of a whole medication list, as reconciliation asks: each medication as if it were ordered now.

    What two medications say of each other is said once.
    """
    chosen = tuple(choices)
    found: dict[tuple[str, frozenset[str]], Card] = {}
    for place, one in enumerate(facts.medications):
        others = facts.medications[:place] + facts.medications[place + 1 :]
        for card in check(replace(facts, medications=others), Proposal(one), chosen, among=among):
            found.setdefault((card.rule.id, frozenset(card.about)), card)
    return tuple(sorted(found.values(), key=_pressing))


def outcome(rule_id: str, facts: Facts, proposal: Proposal, *, among: Registry | None = None) -> Outcome:
    """What one rule says of a proposal: for tables of examples, and for telling that it was asked."""
    said = [card.outcome for card in check(facts, proposal, among=among) if card.rule.id == rule_id]
    if Outcome.FIRES in said:
        return Outcome.FIRES
    return said[0] if said else Outcome.DOES_NOT_FIRE


def answers(one: Check, facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """The cards of one check; what it lacked, and its own failure, are cards too."""
    try:
        yield from one.run(facts, proposal)
    except MissingFact as missing:
        yield could_not_check(one.rules[0], *missing.what, about=proposal.ingredients)
    except Exception as failure:
        log.error("decision_support_rule_failed", rule=one.rules[0].id, kind=type(failure).__name__)
        yield could_not_check(one.rules[0], RULE_FAILED, about=proposal.ingredients)


def _as_chosen(card: Card, chosen: dict[str, SiteChoice]) -> Card | None:
    """A choice that lacks what it takes (two people for a contraindication) is not followed."""
    choice = chosen.get(card.rule.id)
    if choice is None or why_refused(choice, card.rule):
        return card
    if choice.tier is None:
        return None
    return card if card.outcome is Outcome.COULD_NOT_CHECK else card.on_tier(choice.tier)


def _pressing(card: Card) -> tuple:
    return (card.tier, card.severity, card.outcome is Outcome.COULD_NOT_CHECK, card.title, card.key)


def _rules_by_id(checks: Iterable[Check]) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for rule in (rule for check in checks for rule in check.rules):
        if found.setdefault(rule.id, rule) is not rule:
            raise ValueError(f"Two rules are called '{rule.id}'. Give one of them another id.")
    return found
