"""Leaves out of the chart's cards what an open care gap beside them says already. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds.cards import Card, Outcome
from cds.knowledge import read_toml

KNOWLEDGE = "said_by_gaps.toml"


def without_repeats(cards: Iterable[Card], open_gaps: Iterable[str]) -> tuple[Card, ...]:
    """The cards that say more than the open gaps do. A card that could not be checked goes only where all that it lacks
    is asked for by a gap, and only where its rule is about due care: a safety rule always says what it lacks.
    """
    gaps = tuple(open_gaps)
    rules, missing = frozenset(_listed(gaps, "rules")), frozenset(_listed(gaps, "missing"))
    return tuple(card for card in cards if not _is_repeat(card, rules, missing))


def vaccines_of(open_gaps: Iterable[str]) -> frozenset[str]:
    """The vaccine groups of which an open gap speaks."""
    return frozenset(_listed(open_gaps, "vaccines"))


def _is_repeat(card: Card, rules: frozenset[str], missing: frozenset[str]) -> bool:
    if card.outcome is Outcome.FIRES:
        return card.rule.id in rules
    return card.rule.about_care and bool(card.missing) and set(card.missing) <= missing


def _listed(open_gaps: Iterable[str], kind: str) -> Iterator[str]:
    known = read_toml(KNOWLEDGE)
    return (one for gap in open_gaps for one in known.get(gap, {}).get(kind, ()))
