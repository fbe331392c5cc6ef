"""What a site may change about the rules, what that takes, and how often decision support interrupts.

A site may retire a rule, or move it to another tier, with a reason, a name and an end. What is contraindicated and
what warns of anaphylaxis is made quieter by two people only. The interruption budget is a report; no card waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from cds.cards import Rule, Tier

LONGEST = timedelta(days=366)
ONE_IN = 20


@dataclass(frozen=True, slots=True)
class SiteChoice:
    """One decision of a site about one rule. `tier` None retires the rule; `until` is its last day.

    `approved_by` are the people who agreed, apart from `chosen_by`; names are ids of actors.
    """

    rule_id: str
    tier: Tier | None
    reason: str
    chosen_by: str
    chosen_on: date
    until: date
    approved_by: frozenset[str] = frozenset()

    @property
    def retires(self) -> bool:
        return self.tier is None

    def quietens(self, rule: Rule) -> bool:
        return self.tier is None or self.tier > rule.tier


def why_refused(choice: SiteChoice, rule: Rule, approvals: Iterable[str] = ()) -> str | None:
    """Why this choice may not be followed, as a sentence with the way out; None where it may.

    `approvals` are people who agreed, besides those the choice already names. Nobody counts twice.
    """
    people = {choice.chosen_by, *choice.approved_by, *approvals} - {""}
    if not choice.chosen_by or not choice.reason.strip():
        return "A choice about a rule needs a name and a reason. Write both."
    if not choice.chosen_on <= choice.until <= choice.chosen_on + LONGEST:
        return "A choice about a rule ends within a year, so that it is looked at again. Give an earlier end date."
    if not rule.retirable and choice.quietens(rule):
        return "This rule says that something could not be checked. It cannot be retired or made quieter."
    if rule.about_care and choice.tier is Tier.INTERRUPTS:
        return "Care that is due never interrupts. Choose inline or passive."
    if rule.needs_two_to_retire and choice.quietens(rule) and len(people) < 2:
        return "It takes two people to make a contraindication or an anaphylaxis warning quieter. Ask a second one."
    return None


def in_force(choices: Iterable[SiteChoice], on: date) -> dict[str, SiteChoice]:
    """The choice that holds for each rule on that day: the latest one that has begun and not ended."""
    holding = [one for one in choices if one.chosen_on <= on <= one.until]
    return {one.rule_id: one for one in sorted(holding, key=lambda one: one.chosen_on)}


@dataclass(frozen=True, slots=True)
class Interruptions:
    """How many signed or attempted orders were checked and how many of them were interrupted, over some time."""

    orders: int
    interrupted: int

    @property
    def rate(self) -> float | None:
        """Interrupted orders of all orders; None where there were none: no orders is not a rate of zero."""
        return self.interrupted / self.orders if self.orders else None

    @property
    def over_budget_by(self) -> int:
        """Interruptions beyond one order in twenty, in whole orders; 0 where the budget is kept."""
        return max(0, self.interrupted - self.orders // ONE_IN)

    @property
    def words(self) -> str:
        if self.rate is None:
            return "No order has been checked yet."
        kept = "within" if not self.over_budget_by else f"{self.over_budget_by} over"
        return (
            f"{self.interrupted} of {self.orders} orders were interrupted ({100 * self.rate:.1f} %): {kept} the budget "
            f"of one in {ONE_IN}. The budget is a report; no card is held back for it."
        )
