"""Drug with drug: what is proposed against everything taken, drafted beside it, or ended too recently.

One card for each written pair, naming every medication it is about; of several pairs with one concern between the same
two drugs only the gravest is shown. Drops, creams and inhalers do not count unless the pair says so. What is not
written in cds/knowledge/interactions is not known here: `cds.coverage` says so beside the cards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from cds.cards import Card, Reason, Suggestion, could_not_check, fires
from cds.dosing import local_routes, route_of
from cds.engine import Check
from cds.facts import Facts, Medication, MissingFact, Proposal
from cds.ingredients import ingredient_name
from cds.lab_values import analyte, latest_value
from cds.pairs import Pair, pairs, pairs_by_ingredient, washouts_by_ingredient

NEVER_COUNTS = "intrauterine"
LOINC = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class Meeting:
    """The proposed ingredient and one taken ingredient, with the medication that brings it."""

    proposed: str
    taken: str
    medication: Medication
    pair: Pair


@dataclass
class Found:
    """What one pair is about in this patient."""

    meetings: list[Meeting] = field(default_factory=list)

    def names(self, side: str) -> str:
        return " and ".join(dict.fromkeys(ingredient_name(getattr(one, side)) for one in self.meetings))

    @property
    def about(self) -> tuple[str, ...]:
        proposed = {one.proposed for one in self.meetings}
        return (*sorted(proposed), *sorted({one.taken for one in self.meetings} - proposed))


def interactions(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Cards for each pair; a medication that ended on an unknown day within a washout could not be checked."""
    found: dict[str, Found] = {}
    unknown_end: dict[tuple[str, str], tuple[Pair, Medication]] = {}
    for meeting in _meetings(facts, proposal, unknown_end):
        found.setdefault(meeting.pair.rule.id, Found()).meetings.append(meeting)
    for one in found.values():
        yield _card(one, facts)
    for pair, ended in unknown_end.values():
        yield could_not_check(
            pair.rule, f"when {ended.name} was stopped", about=tuple(sorted(set(proposal.ingredients)))
        )


def _meetings(facts: Facts, proposal: Proposal, unknown_end: dict) -> Iterator[Meeting]:
    drug = proposal.medication
    if drug is None:
        return
    index = pairs_by_ingredient()
    for rxcui in drug.ingredients:
        partners = index.get(rxcui)
        if not partners:
            continue
        for taken, medication in _taken(facts, proposal):
            if taken in partners:
                yield from _gravest(rxcui, taken, drug, medication, partners[taken])
        yield from _ended(rxcui, drug, facts, partners, unknown_end)


def _taken(facts: Facts, proposal: Proposal) -> Iterator[tuple[str, Medication]]:
    for rxcui, medications in facts.medications_by_ingredient.items():
        for one in medications:
            if one.reference is None or one.reference not in proposal.replaces:
                yield rxcui, one
    for one in proposal.alongside:
        for rxcui in one.ingredients:
            yield rxcui, one


def _gravest(
    rxcui: str, taken: str, drug: Medication, medication: Medication, between: tuple[Pair, ...]
) -> Iterator[Meeting]:
    """The gravest pair of each concern, where both drugs reach the body."""
    seen: set[str] = set()
    for pair in between:
        if pair.concern not in seen and _counts(rxcui, drug, pair) and _counts(taken, medication, pair):
            seen.add(pair.concern)
            yield Meeting(rxcui, taken, medication, pair)


def _counts(rxcui: str, medication: Medication, pair: Pair) -> bool:
    """An unknown route counts."""
    route = route_of(medication)
    if route == NEVER_COUNTS:
        return False
    return route not in local_routes("interactions") or rxcui in pair.any_route


def _ended(
    rxcui: str, drug: Medication, facts: Facts, partners: dict[str, tuple[Pair, ...]], unknown_end: dict
) -> Iterator[Meeting]:
    """Medications that ended so recently that they still count."""
    washouts = washouts_by_ingredient()
    for taken, medications in facts.stopped_by_ingredient.items():
        days = washouts.get(taken)
        if not days or taken not in partners or taken in facts.medications_by_ingredient:
            continue
        for medication in medications:
            still = [
                one for one in partners[taken] if _still_counts(one, days, medication, facts, unknown_end)
            ]
            yield from _gravest(rxcui, taken, drug, medication, tuple(still))


def _still_counts(
    pair: Pair, days: dict[str, int], medication: Medication, facts: Facts, unknown_end: dict
) -> bool:
    """The last day of the washout counts too."""
    if pair.rule.id not in days:
        return False
    if medication.stopped_on is None:
        unknown_end.setdefault((pair.rule.id, medication.name), (pair, medication))
        return False
    return medication.stopped_on + timedelta(days=days[pair.rule.id]) >= facts.as_of


def _card(found: Found, facts: Facts) -> Card:
    pair = found.meetings[0].pair
    proposed, taken = found.names("proposed"), found.names("taken")
    return fires(
        pair.rule,
        f"{_begun(proposed)} with {taken}: {_continued(pair.effect)}",
        title=f"{_begun(proposed)} with {taken}",
        detail=f"Why: {pair.mechanism} What can happen: {pair.effect} What to do: {pair.management}",
        because=(*_medications(found), *(_value(key, facts) for key in pair.watch)),
        suggestions=(*_stops(found), *_labs(pair)),
        about=found.about,
    )


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]


def _continued(words: str) -> str:
    """Small first letter, but not of an abbreviation or a name ("INR", "Stevens–Johnson")."""
    first = words.split(" ")[0]
    keeps = first[1:2].isupper() or "–" in first or "'" in first
    return words if keeps else words[:1].lower() + words[1:]


def _medications(found: Found) -> Iterator[Reason]:
    for one in {id(one.medication): one.medication for one in found.meetings}.values():
        if one.stopped_on:
            yield Reason(f"{one.name}, stopped", None, one.stopped_on, one.reference)
        else:
            yield Reason(f"Takes {one.name}", _dose(one), one.started_on, one.reference)


def _dose(medication: Medication) -> str | None:
    if medication.dose_amount is None or medication.dose_unit is None:
        return None
    often = "" if medication.doses_per_day is None else f", {medication.doses_per_day:g} a day"
    return f"{medication.dose_amount:g} {medication.dose_unit}{often}"


def _value(key: str, facts: Facts) -> Reason:
    """The last value of what to watch; what cannot be read is said, and does not take the card away."""
    try:
        value = latest_value(facts, key)
    except MissingFact as missing:
        return Reason(f"Could not be read: {missing}")
    return Reason(f"No {_analyte(key)} on record") if value is None else value.reason(facts.as_of)


def _analyte(key: str) -> str:
    return analyte(key).name.split(" in ")[0]


def _stops(found: Found) -> Iterator[Suggestion]:
    for one in {id(one.medication): one.medication for one in found.meetings}.values():
        if one.reference and not one.stopped_on:
            yield Suggestion("stop", f"Stop {one.name}", reference=one.reference)


def _labs(pair: Pair) -> Iterator[Suggestion]:
    for key in pair.watch:
        yield Suggestion("lab", f"Check {_analyte(key)}", code=f"{LOINC}|{analyte(key).loinc[0]}")


CHECKS = (
    Check(tuple(pair.rule for pair in pairs()), interactions, ingredients=frozenset(pairs_by_ingredient())),
)
