"""An official measure as its publisher scores it: the score, and the strata that the publisher asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from data_contracts.api.official_measures import OfficialMeasure, OfficialPopulation
from data_contracts.api.quality import OfficialScore, PublishedStratum
from data_contracts.suppression import hidden_groups
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.quality.population_counts import FLAG_OF, Counted, count_members, of_code, score, strata_of


def official_score(
    work: UnitOfWork, measure: OfficialMeasure | None, period: date, *, hidden: bool
) -> OfficialScore | None:
    """What the publisher's scoring gives, where the counts of people do not say it; nothing that is hidden."""
    if measure is None or hidden or (measure.basis == "boolean" and measure.scoring == "proportion"):
        return None
    counted = count_members(work, measure, period)
    what = "people" if measure.basis == "boolean" else f"{measure.basis} resources"
    observing = of_code(measure, "measure-observation")
    return OfficialScore(
        counts=_by_code(measure, counted.members),
        value=score(measure, counted),
        words=f"Scored as the publisher does ({measure.scoring}), counting {what}.",
        aggregate=observing[0].aggregate if len(observing) == 1 else None,
        observations=sum(len(counted.observed.get(one.id, ())) for one in observing) if observing else None,
        unit=measure.unit,
    )


def published_strata(
    work: UnitOfWork, measure: OfficialMeasure | None, period: date, *, limit: int, hidden: bool
) -> list[PublishedStratum]:
    """By the measure's own stratifiers; small ones are hidden, and others with which they would follow.

    Of values that are hidden only how many there are is told: a rare value may itself say who it is.
    """
    named = [] if measure is None else of_code(measure, "stratifier")
    if measure is None or not named:
        return []
    counted = count_members(work, measure, period)
    families: dict[str, list[tuple[OfficialPopulation, str, str | None]]] = {}
    for one in named:
        for stratum, value in strata_of(counted, one):
            families.setdefault("" if value is None else one.id, []).append((one, stratum, value))
    return [
        made
        for family in families.values()
        for made in _family(measure, counted, family, limit, hidden=hidden)
    ]


def _family(
    measure: OfficialMeasure,
    counted: Counted,
    family: Sequence[tuple[OfficialPopulation, str, str | None]],
    limit: int,
    *,
    hidden: bool,
) -> list[PublishedStratum]:
    """The strata of one stratifier by value, or all of those that are true or false."""
    counts = [_by_code(measure, counted.members, f"{stratum}/") for _, stratum, _ in family]
    everybody = _by_code(measure, counted.members)
    small = hidden_groups(_with_rest(everybody), [_with_rest(each) for each in counts], limit)
    shown, left_out = [], []
    for (one, stratum, value), found, is_small in zip(family, counts, small, strict=True):
        told = not is_small and not hidden
        made = PublishedStratum(
            definition=one.definition,
            words=one.words,
            stratum_value=value,
            counts=found if told else None,
            value=score(measure, counted, f"{stratum}/") if told else None,
        )
        (shown if told or value is None else left_out).append(made)
    if left_out:
        nameless = {"stratum_value": None, "together": len(left_out)}
        shown.append(left_out[0].model_copy(update=nameless))
    return shown


def _with_rest(counts: Mapping[str, int]) -> dict[str, int]:
    """Beside the counts those who are left over in the denominator: a small rest is as telling as a small numerator."""
    below = counts.get("denominator", 0) - counts.get("denominator-exclusion", 0)
    return {**counts, "rest": below - counts.get("denominator-exception", 0) - counts.get("numerator", 0)}


def _by_code(measure: OfficialMeasure, members: Mapping[str, int], stratum: str = "") -> dict[str, int]:
    by_code: dict[str, int] = {}
    for one in measure.populations:
        if one.code in FLAG_OF or one.code == "numerator-exclusion":
            by_code[one.code] = by_code.get(one.code, 0) + members.get(f"{stratum}{one.id}", 0)
    return by_code
