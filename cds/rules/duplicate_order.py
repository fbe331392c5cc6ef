"""The same test, study or referral again within the days that it is not usually repeated. Never interrupts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cds.cards import Card, Reason, Rule, Severity, Source, Tier, fires
from cds.engine import Check
from cds.facts import Facts, Proposal
from cds.knowledge import override_reasons

AGAIN = Rule(
    "duplicate_order.again",
    "Ordered or done a short while ago",
    Severity.INFORMATION,
    Tier.INLINE,
    Source(
        citation="Almoner's own rule: the days within which each item of the order catalogue is not usually repeated.",
        written_on=date(2026, 11, 28),
        basis="seen",
    ),
    override_reasons=override_reasons("duplicate"),
)


def again(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    order = proposal.order
    if order is not None and order.earlier:
        yield fires(
            AGAIN,
            f"{order.name}: {order.earlier[0]}",
            because=tuple(map(Reason, order.earlier)),
            about=(order.code.token,),
        )


CHECKS = (Check((AGAIN,), again),)
