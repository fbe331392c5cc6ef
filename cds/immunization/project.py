"""When the next dose of a series may be given, should be given, and is overdue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cds.immunization.evaluate import Course, Given, Rules, last_before, timing_of
from cds.immunization.schedule import Timing


@dataclass(frozen=True, slots=True)
class NextDose:
    """Dates of the next dose. `past_due_on` is the last day on which it is not overdue; None: never overdue."""

    number: int
    earliest_on: date
    recommended_on: date
    past_due_on: date | None
    aged_out_on: date | None
    cvx: tuple[str, ...]
    words: str


def next_dose(
    course: Course, doses: Sequence[Given], rules: Rules, as_of: date, is_live: bool
) -> NextDose | None:
    """The next dose; None where the series is complete. Doses that did not count still push it back."""
    if course.next_step is None:
        return None
    step = course.series.dose[course.next_step]
    timing = timing_of(step, course.counted, as_of, rules)
    previous = last_before(course.series, doses)
    last = previous.on if previous else None
    earliest = _earliest(timing, course, last, rules, is_live)
    first = course.counted[0].on if course.counted else None
    recommended = max(earliest, *_recommended(timing, first, last, rules))
    past_due = _past_due(timing, first, last, rules)
    return NextDose(
        number=len(course.counted) + 1,
        earliest_on=earliest,
        recommended_on=recommended,
        past_due_on=None if past_due is None else max(past_due, recommended),
        aged_out_on=timing.max_age.after(rules.born) if timing.max_age else None,
        cvx=timing.cvx or course.series.cvx,
        words=timing.words,
    )


def _earliest(timing: Timing, course: Course, last: date | None, rules: Rules, is_live: bool) -> date:
    days = [rules.born]
    if timing.min_age:
        days.append(timing.min_age.after(rules.born))
    if timing.min_interval and last:
        days.append(timing.min_interval.after(last))
    if timing.min_from_first and course.counted:
        days.append(timing.min_from_first.after(course.counted[0].on))
    if is_live and rules.live_given:
        days.append(rules.live_given[-1].on + timedelta(days=rules.live_days))
    return max(days)


def _recommended(timing: Timing, first: date | None, last: date | None, rules: Rules) -> list[date]:
    days = [rules.born]
    if timing.age:
        days.append(timing.age.after(rules.born))
    if timing.interval and last:
        days.append(timing.interval.after(last))
    if timing.from_first and first:
        days.append(timing.from_first.after(first))
    return days


def _past_due(timing: Timing, first: date | None, last: date | None, rules: Rules) -> date | None:
    days = []
    if timing.latest_age and not timing.latest_age.is_never:
        days.append(timing.latest_age.after(rules.born))
    if timing.latest_interval and last:
        days.append(timing.latest_interval.after(last))
    if timing.latest_from_first and first:
        days.append(timing.latest_from_first.after(first))
    return max(days) - timedelta(days=1) if days else None
