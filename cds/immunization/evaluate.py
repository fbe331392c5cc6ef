"""Counts the doses that were given against one series: which one fills which step, which does not count, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cds.facts import Immunization
from cds.immunization.schedule import Condition, Dose, Series, Timing, Vaccine, plain, vaccines


@dataclass(frozen=True, slots=True)
class Given:
    """One dose that was given, as the group sees it."""

    on: date
    vaccine: Vaccine
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one dose. `step` is the number in the series it fills, None where it does not count."""

    given: Given
    step: int | None
    why: str

    @property
    def counts(self) -> bool:
        return self.step is not None


@dataclass(frozen=True)
class Course:
    """Where a person stands in a series: verdicts, counted doses, and the index of the next step (None: complete)."""

    series: Series
    verdicts: tuple[Verdict, ...]
    counted: tuple[Given, ...]
    next_step: int | None

    @property
    def is_complete(self) -> bool:
        return self.next_step is None


@dataclass(frozen=True, slots=True)
class Rules:
    """The person's birth, the grace, the distance of live vaccines, and the day from which the group is too late."""

    born: date
    grace: timedelta
    live_days: int
    live_given: tuple[Given, ...]
    too_old_on: date | None = None


def given_doses(immunizations: Iterable[Immunization], group_id: str, as_of: date) -> list[Given]:
    """The doses of a group on or before that day, oldest first."""
    found = []
    for one in immunizations:
        vaccine = vaccines().get(plain(one.cvx)) if one.cvx else None
        if vaccine and one.on <= as_of and group_id in vaccine.groups:
            found.append(Given(one.on, vaccine, one.reference))
    return sorted(found, key=lambda given: given.on)


def evaluate(series: Series, doses: Sequence[Given], rules: Rules, as_of: date) -> Course:
    """Walks through the doses in order. A dose that does not count leaves its step open for the next one."""
    step, counted, verdicts = 0, [], []
    for index, given in enumerate(doses):
        reached = given.on + rules.grace  # an age that is met within the grace days is met
        step = passed_over(series, step, counted, reached, rules)
        if step >= len(series.dose):
            verdicts.append(Verdict(given, None, "beyond what the series asks for"))
            continue
        previous = last_before(series, doses[:index])
        timing = timing_of(series.dose[step], counted, reached, rules)
        if why := why_not(timing, given, previous, counted, series, rules):
            verdicts.append(Verdict(given, None, why))
            continue
        counted.append(given)
        verdicts.append(Verdict(given, step + 1, f"counts as dose {len(counted)}"))
        step += 0 if series.dose[step].repeats else 1
    step = passed_over(series, step, counted, as_of, rules)
    next_step = step if step < len(series.dose) else None
    return Course(series, tuple(verdicts), tuple(counted), next_step)


def last_before(series: Series, doses: Sequence[Given]) -> Given | None:
    """The newest dose that intervals are counted from: a product foreign to the series pushes nothing back."""
    own = [one for one in doses if not series.cvx or one.vaccine.cvx in series.cvx]
    return own[-1] if own else None


def passed_over(series: Series, step: int, counted: Sequence[Given], on: date, rules: Rules) -> int:
    """The first step from `step` on that is not skipped on that day."""
    while step < len(series.dose) and any(holds(one, counted, on, rules) for one in series.dose[step].skip):
        step += 1
    return step


def timing_of(dose: Dose, counted: Sequence[Given], on: date, rules: Rules) -> Timing:
    """The dose's timing, with the first variant that holds on that day laid over it."""
    for variant in dose.variant:
        if holds(variant.when, counted, on, rules):
            overlaid = {name: getattr(variant, name) for name in variant.model_fields_set - {"when"}}
            return dose.model_copy(update=overlaid)
    return dose


def holds(condition: Condition, counted: Sequence[Given], on: date, rules: Rules) -> bool:
    """Whether everything that the condition writes is true on that day."""
    return all(
        (
            _ages_hold(condition, on, rules),
            _doses_hold(condition, counted, rules),
            _intervals_hold(condition, counted),
        )
    )


def _ages_hold(condition: Condition, on: date, rules: Rules) -> bool:
    if condition.born_before and rules.born >= condition.born_before:
        return False
    if condition.from_age and on < condition.from_age.after(rules.born):
        return False
    return not (condition.before_age and on >= condition.before_age.after(rules.born))


def _doses_hold(condition: Condition, counted: Sequence[Given], rules: Rules) -> bool:
    if condition.counted_at_least is not None and len(counted) < condition.counted_at_least:
        return False
    if condition.counted_at_most is not None and len(counted) > condition.counted_at_most:
        return False

    def was_at(given: Given | None, span) -> bool:
        return given is not None and given.on >= span.after(rules.born) - rules.grace

    first, last = (counted[0], counted[-1]) if counted else (None, None)
    if condition.first_from_age and not was_at(first, condition.first_from_age):
        return False
    if condition.first_before_age and (first is None or was_at(first, condition.first_before_age)):
        return False
    if condition.last_from_age and not was_at(last, condition.last_from_age):
        return False
    if condition.last_before_age and (last is None or was_at(last, condition.last_before_age)):
        return False
    if condition.any_from_age and not any(was_at(one, condition.any_from_age) for one in counted):
        return False
    if condition.given_from_age or condition.given_cvx:
        wanted = [one for one in counted if not condition.given_cvx or one.vaccine.cvx in condition.given_cvx]
        span = condition.given_from_age
        return any(span is None or was_at(one, span) for one in wanted)
    return True


def _intervals_hold(condition: Condition, counted: Sequence[Given]) -> bool:
    if not condition.last_interval_at_least and not condition.last_interval_below:
        return True
    if len(counted) < 2:
        return False
    before, last = counted[-2].on, counted[-1].on
    grace = timedelta(days=4)
    if condition.last_interval_at_least:
        return last >= condition.last_interval_at_least.after(before) - grace
    return last < condition.last_interval_below.after(before) - grace


def why_not(
    timing: Timing,
    given: Given,
    previous: Given | None,
    counted: Sequence[Given],
    series: Series,
    rules: Rules,
) -> str | None:
    """Why a dose does not fill the step; None where it does."""
    if series.cvx and given.vaccine.cvx not in series.cvx:
        return "this product does not count in the series"
    if timing.cvx and given.vaccine.cvx not in timing.cvx:
        return "this product does not count as this dose"
    youngest = timing.accepted_age or timing.min_age
    if youngest and given.on < youngest.after(rules.born) - rules.grace:
        return f"given too young: from {timing.min_age or youngest}"
    if timing.max_age and given.on >= timing.max_age.after(rules.born):
        return f"given too old: before {timing.max_age}"
    if rules.too_old_on and given.on >= rules.too_old_on:
        return "given too old for this vaccine"
    if why := _too_soon(timing, given, previous, counted, rules):
        return why
    return _near_a_live_vaccine(given, rules)


def _too_soon(
    timing: Timing, given: Given, previous: Given | None, counted: Sequence[Given], rules: Rules
) -> str | None:
    shortest = timing.accepted_interval or timing.min_interval
    if shortest and previous and given.on < shortest.after(previous.on) - rules.grace:
        return f"given too soon: at least {timing.min_interval or shortest} after the dose before"
    from_first = timing.accepted_from_first or timing.min_from_first
    if from_first and counted and given.on < from_first.after(counted[0].on) - rules.grace:
        return f"given too soon: at least {timing.min_from_first or from_first} after the first dose"
    return None


def _near_a_live_vaccine(given: Given, rules: Rules) -> str | None:
    """Live vaccines are given on one day or at least 28 days apart; no grace."""
    if not given.vaccine.live:
        return None
    for other in rules.live_given:
        apart = (given.on - other.on).days
        if 0 < apart < rules.live_days:
            needed = f"{rules.live_days} days are needed"
            return f"given {apart} days after another live vaccine ({other.vaccine.name}): {needed}"
    return None
