"""Asks a guideline pack about one person's Facts: whom it speaks of, and what keeps somebody out.

The recommendations ask the same packs over tables, and they alone say what is due. Here the packs give ages, groups and
limits to rules that add safety, risk and the order to propose, so that no number stands in two places.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cds.cards import Reason
from cds.coded import CodeGroup, codes_of
from cds.dates import months_after
from cds.facts import Facts, Result
from data_contracts.code_systems import LOINC, RXNORM
from data_contracts.guidelines import guidelines
from data_contracts.guidelines.criterion import Criterion, Exclusion
from data_contracts.guidelines.duration import Duration
from data_contracts.guidelines.pack import Pack, Population
from data_contracts.units import load_analytes

ALLERGY = "allergy: "
EVENTS = frozenset({"procedure", "encounter", "discharge"})
RX, LOINC_ = f"{RXNORM.uri}|", f"{LOINC.uri}|"


def population_of(pack: Pack, facts: Facts) -> tuple[Population, tuple[Reason, ...]] | None:
    """The first group of the pack that this person is in, and the facts that say so; None where in none.

    Raises MissingFact without a birth date, or where the part of the record that decides could not be seen.
    """
    for population in pack.population:
        until = population.until_months
        if facts.age_months < population.from_months or (until is not None and facts.age_months >= until):
            continue
        if population.condition is None:
            return population, ()
        if found := evidence_of(population.condition, facts):
            return population, found
    return None


def kept_out(pack: Pack, facts: Facts) -> tuple[Exclusion, tuple[Reason, ...]] | None:
    """The first exclusion of the pack that holds, and why; None where none does. Raises MissingFact as above."""
    for name in pack.exclusions:
        exclusion = guidelines().exclusions[name]
        if (found := why_excluded(exclusion, facts)) is not None:
            return exclusion, found
    return None


def why_excluded(exclusion: Exclusion, facts: Facts) -> tuple[Reason, ...] | None:
    for way in exclusion.ways:
        if way.age_at_least is not None and facts.age_years < way.age_at_least:
            continue
        parts = [evidence_of(criterion, facts) for criterion in way.all_of]
        if all(parts):
            return tuple(reason for part in parts for reason in part)
    return None


def evidence_of(criterion: Criterion, facts: Facts) -> tuple[Reason, ...]:
    """The facts that satisfy a criterion today. Raises MissingFact where their part of the record could not be seen."""
    return tuple(
        reason
        for recorded in criterion.recorded
        for place in recorded.places
        for reason in _found(place, codes_of(recorded.value_set), criterion, facts)
    )


def _found(place: str, group: CodeGroup, criterion: Criterion, facts: Facts) -> Iterator[Reason]:
    if place == "condition":
        yield from _conditions(group, criterion.counts_for, facts)
    elif place == "observation":
        yield from _observations(group, criterion, facts)
    elif place == "medication_request":
        yield from _medications(group, facts)
    elif place == "allergy":
        yield from _allergies(group, facts)
    elif place in EVENTS:
        yield from _events(group, criterion.counts_for, facts)


def _conditions(group: CodeGroup, counts: Duration, facts: Facts) -> Iterator[Reason]:
    for one in facts.conditions_with(group.tokens, group.prefixes):
        goes_on = one.is_active and (
            counts.months is None or counts.mode == "after" or _within(one.onset, counts, facts)
        )
        ended_lately = (
            counts.mode == "after" and one.abated_on is not None and _within(one.abated_on, counts, facts)
        )
        if counts.mode == "ever" or goes_on or ended_lately:
            yield Reason(one.name, None, one.onset, one.reference)


def _within(day: date | None, counts: Duration, facts: Facts) -> bool:
    """An unknown day counts as within: what may hold is not taken for over."""
    if day is None or counts.months is None:
        return True
    return months_after(facts.as_of, -counts.months) <= day <= facts.as_of


def _observations(group: CodeGroup, criterion: Criterion, facts: Facts) -> Iterator[Reason]:
    facts.need("results")
    for loinc in sorted(token.removeprefix(LOINC_) for token in group.tokens if token.startswith(LOINC_)):
        for one in facts.results_by_loinc.get(loinc, ()):
            number = _normalised(one)
            if criterion.number_at_least is not None and (
                number is None or number < criterion.number_at_least
            ):
                continue
            if criterion.counts_for.mode == "ever" or _within(one.on, criterion.counts_for, facts):
                yield Reason(one.name or loinc, _figure(one), one.on, one.reference)


def _normalised(result: Result) -> float | None:
    """The value in its analyte's standard unit; None where it has no number, or a unit that is not known."""
    analyte = next((one for one in load_analytes() if result.loinc in one.loinc), None)
    if analyte is None or result.value is None:
        return None
    return analyte.normalise(result.value, result.unit)


def _figure(result: Result) -> str | None:
    if result.value is None:
        return result.words
    return f"{result.comparator or ''}{result.value:g} {result.unit or ''}".strip()


def _medications(group: CodeGroup, facts: Facts) -> Iterator[Reason]:
    facts.need("medications")
    for one in facts.medications:
        codes = (*one.ingredients, *((one.product,) if one.product else ()))
        if any(f"{RX}{code}" in group.tokens for code in codes):
            yield Reason(one.name, None, one.started_on, one.reference)


def _allergies(group: CodeGroup, facts: Facts) -> Iterator[Reason]:
    facts.need("allergies")
    for one in facts.allergies:
        if group.holds(one.codes) or any(f"{RX}{code}" in group.tokens for code in one.ingredients):
            yield Reason(f"{ALLERGY}{one.name}", None, one.recorded_on, one.reference)


def _events(group: CodeGroup, counts: Duration, facts: Facts) -> Iterator[Reason]:
    facts.need("events")
    for one in facts.events:
        if (
            group.holds(one.codes)
            and one.on <= facts.as_of
            and (counts.mode == "ever" or _within(one.on, counts, facts))
        ):
            yield Reason(one.name or one.kind, None, one.on, one.reference)
