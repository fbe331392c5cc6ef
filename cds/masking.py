"""Checks the whole record for somebody who may see only part of it, and tells no more than that something bears on it.

A restricted part never silences a check. What the whole record says beyond the visible one becomes one masked card: its
grade and tier, no drug, no diagnosis, no rule; with the ways on, breaking the glass or asking a pharmacist.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from cds.cards import Card, Outcome, Rule, Severity, Source, Suggestion, Tier
from cds.engine import check
from cds.facts import Facts, Proposal
from cds.knowledge import override_reasons
from cds.oversight import SiteChoice

HIDDEN = Rule(
    "restricted_record.bears_on_order",
    "Something in a restricted part of the record bears on this order",
    Severity.CONTRAINDICATED,
    Tier.INTERRUPTS,
    Source(
        citation="Almoner's own safety rule: a restricted record never silences a check.",
        written_on=date(2026, 11, 27),
        basis="seen",
    ),
    retirable=False,
    override_reasons=override_reasons("general"),
)
WAYS_ON = (
    Suggestion("read", "Open the restricted part with a reason"),
    Suggestion("refer", "Ask a pharmacist who may see it"),
)


def check_for(
    visible: Facts, whole: Facts, proposal: Proposal, choices: Iterable[SiteChoice] = ()
) -> tuple[Card, ...]:
    """What the reader may see, and one masked card for all that the whole record says beyond it.

    `visible` is the part that the reader may see, `whole` the same patient without restriction; where nothing is
    restricted, call `check`. A check that the visible part alone could not do, and the whole can, is done.
    """
    chosen = tuple(choices)
    told, cards = check(visible, proposal, chosen), check(whole, proposal, chosen)
    hidden = [card for card in cards if card not in told]
    seen = [card for card in told if card.outcome is Outcome.FIRES or card in cards]
    if hidden:
        seen.append(_masked(hidden))
    return tuple(sorted(seen, key=lambda card: (card.tier, card.severity, card.title)))


def _masked(hidden: list[Card]) -> Card:
    """One card as grave and as loud as the worst of them; it fires where any of them does."""
    fired = [card for card in hidden if card.outcome is Outcome.FIRES]
    worst = min(fired or hidden, key=lambda card: (card.tier, card.severity))
    return Card(
        rule=HIDDEN,
        outcome=Outcome.FIRES if fired else Outcome.COULD_NOT_CHECK,
        title=HIDDEN.title,
        sentence=f"A restricted part of the record bears on this order ({_grade(worst, bool(fired))}).",
        detail="What it says is not shown to you. Open it with a reason, or ask a pharmacist, before you go on.",
        missing=() if fired else ("a restricted part of the record",),
        suggestions=WAYS_ON,
        tier=worst.tier,
        severity=worst.severity,
    )


def _grade(worst: Card, fired: bool) -> str:
    return worst.severity.word if fired else "a check could not be done"
