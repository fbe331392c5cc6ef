"""Says that a drug could not be identified, so that nobody takes the silence about it for safety."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cds.cards import Card, Rule, Severity, Source, Tier, could_not_check
from cds.engine import Check
from cds.facts import Facts, Proposal

OWN_SAFETY = Source(
    citation="Almoner's own safety rule: a check that could not be done is said, never left out.",
    written_on=date(2026, 11, 27),
    basis="seen",
)
PROPOSED = Rule(
    "unidentified_drug.proposed",
    "The drug could not be identified",
    Severity.SERIOUS,
    Tier.INLINE,
    OWN_SAFETY,
    retirable=False,
)
TAKEN = Rule(
    "unidentified_drug.taken",
    "A current medication could not be identified",
    Severity.MONITOR,
    Tier.INLINE,
    OWN_SAFETY,
    retirable=False,
)


def proposed(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    drug = proposal.medication
    if drug and (not drug.coded or not drug.ingredients):
        yield could_not_check(
            PROPOSED, f"'{drug.name}' has no ingredient that the checks know", about=(drug.name,)
        )


def taken(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """One card for all current medications and drafts that nobody could identify, or for a list that cannot be seen."""
    if proposal.medication is None:
        return
    unknown = [
        one.name for one in (*facts.medications, *proposal.alongside) if not one.coded or not one.ingredients
    ]
    if unknown:
        yield could_not_check(TAKEN, *(f"'{name}' against the proposed drug" for name in unknown))
    facts.need("medications")


CHECKS = (Check((PROPOSED,), proposed), Check((TAKEN,), taken))
