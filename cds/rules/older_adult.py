"""The older-adult caution list: drugs to think twice about from 65 years on, alone or with a problem, a drug or a time.

Our own list from labels and STOPP/START version 3; not complete. A problem that is not recorded does not count; a list
of problems that cannot be seen is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from cds.cards import Card, Reason, Rule, Tier, could_not_check, fires
from cds.coded import CodeGroup, active_conditions, codes_of, condition_group, ever_conditions
from cds.dosing import daily_mg, figure
from cds.drug_groups import DrugGroup, checks_of
from cds.facts import Facts, Medication, MissingFact, Proposal
from cds.ingredients import resolve
from cds.knowledge import read_toml
from cds.label_rules import capital
from cds.morphine import taken_together
from data_contracts.valuesets import value_sets

TOPIC = "older_adult"
FILE = "older_adult.toml"
FROM_YEARS = read_toml(FILE)["asked"]["from_years"]
EVER = frozenset({"peptic_ulcer", "gastrointestinal_bleeding", "ascvd"})
QUALIFIERS = (
    "from_years",
    "with_problems",
    "without_problems",
    "with_drugs",
    "without_drugs",
    "over_days",
    "over_daily_mg",
    "immediate_release",
)


class DoesNotHold(Exception):
    """One of an entry's conditions is not met."""


def check_older_adult(rule: Rule, group: DrugGroup, facts: Facts, proposal: Proposal) -> Iterator[Card]:
    meant = group.meant_by(proposal.medication)
    if not meant:
        return
    try:
        years = facts.age_years
        if years < group.more.get("from_years", FROM_YEARS):
            return
        because = tuple(_because(group, meant, facts, proposal))
    except DoesNotHold:
        return
    except MissingFact as missing:
        yield could_not_check(rule, *missing.what, about=meant).on_tier(max(group.tier, Tier.INLINE))
        return
    yield fires(
        rule,
        f"{capital(proposal.medication.name)} at {years} years: on the older-adult caution list.",
        detail=group.words,
        because=(Reason("age", f"{years} years"), *because),
        suggestions=group.suggestions(),
        about=meant,
    )


def _because(group: DrugGroup, meant: tuple[str, ...], facts: Facts, proposal: Proposal) -> Iterator[Reason]:
    """A reason for each condition of the entry; raises DoesNotHold at the first that is not met, or MissingFact."""
    more = group.more
    if more.get("immediate_release"):
        _need_immediate_release(proposal.medication)
    if "with_problems" in more:
        yield from _problems(more["with_problems"], facts)
    if "without_problems" in more and _found(more["without_problems"], facts):
        raise DoesNotHold
    if "with_drugs" in more:
        yield from _drugs(more["with_drugs"], meant, facts, proposal)
    if "without_drugs" in more and _others(more["without_drugs"], meant, facts, proposal):
        raise DoesNotHold
    if "over_daily_mg" in more:
        yield _daily(more["over_daily_mg"], meant, facts, proposal)
    if "over_days" in more:
        yield _long(more["over_days"], group, facts, proposal)


def _need_immediate_release(medication: Medication) -> None:
    if medication.extended_release is None:
        raise MissingFact(f"whether {medication.name} is extended-release")
    if medication.extended_release:
        raise DoesNotHold


def _problems(names: list[str], facts: Facts) -> Iterator[Reason]:
    found = _found(names, facts)
    if not found:
        raise DoesNotHold
    for one in found:
        yield Reason(one.name, None, one.onset, one.reference)


def _found(names: list[str], facts: Facts):
    """Problems of any of these groups: active ones, or of any status where an old one still counts."""
    return tuple(
        one
        for name in names
        for one in (ever_conditions if name in EVER else active_conditions)(facts, _problem_group(name))
    )


@cache
def _problem_group(name: str) -> CodeGroup:
    return codes_of(name) if name in value_sets() else condition_group(name)


def _others(
    names: list[str], meant: tuple[str, ...], facts: Facts, proposal: Proposal
) -> tuple[Medication, ...]:
    """Other medications with one of these drugs, besides the ingredients that the entry already speaks of."""
    facts.need("medications")
    wanted = resolve(names) - frozenset(meant)
    return tuple(
        one
        for one in taken_together(facts, proposal)
        if one is not proposal.medication and not wanted.isdisjoint(one.ingredients)
    )


def _drugs(names: list[str], meant: tuple[str, ...], facts: Facts, proposal: Proposal) -> Iterator[Reason]:
    found = _others(names, meant, facts, proposal)
    if not found:
        raise DoesNotHold
    for one in found:
        yield Reason(f"taken as well: {one.name}", None, one.started_on, one.reference)


def _daily(most: float, meant: tuple[str, ...], facts: Facts, proposal: Proposal) -> Reason:
    daily = daily_mg(facts, proposal, meant[0])
    if daily is None:
        raise MissingFact(f"how much {proposal.medication.name} is taken a day")
    if daily <= most * 1.01:
        raise DoesNotHold
    return Reason("dose", f"{figure(daily, 'mg')} a day")


def _long(days: int, group: DrugGroup, facts: Facts, proposal: Proposal) -> Reason:
    """How long it is taken: since the earliest start of one of the entry's drugs, and as ordered."""
    facts.need("medications")
    current = [one for one in facts.medications if not group.members.isdisjoint(one.ingredients)]
    starts = [one.started_on for one in current if one.started_on is not None]
    taken = max(((facts.as_of - start).days for start in starts), default=0)
    total = taken + (proposal.duration_days or 0)
    if total > days:
        return Reason("taken for", f"{total:g} days")
    if proposal.duration_days is None:
        raise MissingFact(f"how long {proposal.medication.name} will be taken")
    if len(starts) < len(current):
        raise MissingFact(f"since when {group.title.lower()} have been taken")
    raise DoesNotHold


CHECKS = checks_of(TOPIC, FILE, "Older-adult caution list: {drug}", check_older_adult)
