"""The forecast of one person: for each vaccine group what is next, when, and which doses counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from cds.cards import Reason
from cds.facts import Facts, MissingFact
from cds.guideline import population_of
from cds.immunization.against import immunity, reasons_against
from cds.immunization.evaluate import Course, Given, Rules, Verdict, evaluate, given_doses
from cds.immunization.project import NextDose, next_dose
from cds.immunization.schedule import (
    DEFAULT_SCHEDULE,
    Advice,
    Group,
    Schedule,
    Series,
    plain,
    schedule,
    vaccines,
)
from cds.immunization.season import standing
from data_contracts.guidelines import definition

Status = Literal[
    "complete",
    "due",
    "due_later",
    "overdue",
    "individual_decision",
    "not_recommended",
    "contraindicated",
    "could_not_be_checked",
]
OPEN: tuple[Status, ...] = ("due", "due_later", "overdue", "individual_decision")


@dataclass(frozen=True)
class GroupForecast:
    """One vaccine group. Dates are those of the next dose; `past_due_on` is the last day on which it is not overdue.

    `verdicts` say of every dose that was given whether it counts and why not. `missing` names what could not be seen.
    """

    group: str
    title: str
    status: Status
    why: str
    verdicts: tuple[Verdict, ...] = ()
    series: str | None = None
    dose_number: int | None = None
    earliest_on: date | None = None
    recommended_on: date | None = None
    past_due_on: date | None = None
    advice: str | None = None
    against: tuple[Reason, ...] = ()
    cautions: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImmunizationForecast:
    """All groups by one schedule, whose authority and date are printed with it. `unread` are doses of no known code."""

    schedule: Schedule
    as_of: date
    groups: tuple[GroupForecast, ...]
    unread: tuple[str, ...] = ()

    @property
    def printed(self) -> str:
        return self.schedule.printed

    def of(self, group: str) -> GroupForecast:
        """One group; raises KeyError where the schedule has none of that name."""
        return {one.group: one for one in self.groups}[group]


def forecast(facts: Facts, schedule_id: str = DEFAULT_SCHEDULE) -> ImmunizationForecast:
    """What the schedule asks for on `facts.as_of`.

    Without a birth date or a readable history every group is 'could not be checked'. A dose whose vaccine is not known
    leaves every group that is not complete without it 'could not be checked': it may be the one that is missing.
    """
    chosen = schedule(schedule_id)
    unread = tuple(
        sorted(
            f"{one.name or 'a vaccine'} of {one.on.isoformat()}"
            for one in facts.immunizations
            if _unread(one)
        )
    )
    groups = tuple(_group(facts, chosen, group, unread) for group in chosen.groups.values())
    return ImmunizationForecast(chosen, facts.as_of, groups, unread)


def _unread(immunization) -> bool:
    return immunization.cvx is None or plain(immunization.cvx) not in vaccines()


def _group(facts: Facts, chosen: Schedule, group: Group, unread: tuple[str, ...]) -> GroupForecast:
    try:
        facts.need("immunizations")
        if facts.birth_date is None:
            raise MissingFact("the birth date")
        return _read_group(facts, chosen, group, unread)
    except MissingFact as absent:
        return _unknown(group, absent.what)


def _read_group(facts: Facts, chosen: Schedule, group: Group, unread: tuple[str, ...]) -> GroupForecast:
    rules = _rules(facts, chosen, group)
    doses = given_doses(facts.immunizations, group.id, facts.as_of)
    found = _by_season(facts, group, doses, rules) if group.season else _by_series(facts, group, doses, rules)
    if found.status in OPEN and unread:
        missing = tuple(f"which vaccine this was: {one}" for one in unread)
        why = f"Could not be checked: {'; '.join(missing)}."
        return replace(found, status="could_not_be_checked", why=why, missing=missing)
    return _weighed(facts, group, found) if found.status in OPEN else found


def _unknown(group: Group, missing: tuple[str, ...]) -> GroupForecast:
    why = f"Could not be checked: {'; '.join(missing)}."
    return GroupForecast(group.id, group.title, "could_not_be_checked", why, missing=missing)


def _rules(facts: Facts, chosen: Schedule, group: Group) -> Rules:
    live = sorted(
        (
            Given(one.on, vaccines()[plain(one.cvx)], one.reference)
            for one in facts.immunizations
            if not _unread(one) and vaccines()[plain(one.cvx)].live and one.on <= facts.as_of
        ),
        key=lambda given: given.on,
    )
    grace = timedelta(days=chosen.file.grace_days)
    too_old_on = group.max_age.after(facts.birth_date) if group.max_age else None
    return Rules(facts.birth_date, grace, chosen.file.live_days, tuple(live), too_old_on)


def _by_series(facts: Facts, group: Group, doses: Sequence[Given], rules: Rules) -> GroupForecast:
    course = _best_course(facts, group, doses, rules)
    found = GroupForecast(group.id, group.title, "complete", "", course.verdicts, course.series.title)
    if course.is_complete:
        return replace(
            found, why=f"Complete: {course.series.title}, {_doses_words(len(course.counted))} counted."
        )
    coming = next_dose(course, doses, rules, facts.as_of, _is_live(group))
    return _dated(facts, group, found, coming, rules, begun=bool(course.counted))


def _doses_words(count: int) -> str:
    return "1 dose" if count == 1 else f"{count} doses"


def _is_live(group: Group) -> bool:
    """Whether every product of the group is a live one, so that the next dose keeps its distance."""
    own = [one for one in vaccines().values() if group.id in one.groups]
    return bool(own) and all(one.live for one in own)


def _best_course(facts: Facts, group: Group, doses: Sequence[Given], rules: Rules) -> Course:
    """A complete series first, then the one with most doses counted, then the one that ends soonest."""
    offered = [one for one in group.series if _is_offered(one, facts, doses, rules)] or list(group.series[:1])
    courses = [evaluate(series, doses, rules, facts.as_of) for series in offered]

    def rank(course: Course) -> tuple:
        left = 0 if course.is_complete else len(course.series.dose) - course.next_step
        return (not course.is_complete, -len(course.counted), left)

    return min(courses, key=rank)


def _is_offered(series: Series, facts: Facts, doses: Sequence[Given], rules: Rules) -> bool:
    if series.only_when_begun and not any(one.vaccine.cvx in series.cvx for one in doses):
        return False
    if series.from_age and facts.as_of < series.from_age.after(rules.born):
        return False
    return not (series.before_age and facts.as_of >= series.before_age.after(rules.born))


def _dated(
    facts: Facts, group: Group, found: GroupForecast, coming: NextDose, rules: Rules, begun: bool
) -> GroupForecast:
    """The status by age, advice and dates."""
    if too_old := _aged_out(facts, group, coming, rules):
        return replace(found, status="not_recommended", why=too_old)
    if (immune := immunity(group, facts)) is not None:
        return replace(found, status="not_recommended", why=f"Counts as immune: {immune}.")
    advice, begins = _advice(facts, group, max(facts.as_of, coming.recommended_on), rules)
    if advice is None or (advice.strength == "none" and not (begun and group.finish_once_begun)):
        words = advice.words if advice else "Not asked for at this age."
        return replace(found, status="not_recommended", why=words, advice=words)
    recommended = max(coming.recommended_on, begins)
    dated = replace(
        found,
        dose_number=coming.number,
        earliest_on=coming.earliest_on,
        recommended_on=recommended,
        past_due_on=None if coming.past_due_on is None else max(coming.past_due_on, recommended),
        advice=advice.words,
    )
    status = _status(facts.as_of, dated)
    if advice.strength == "individual" and not (begun and group.finish_once_begun) and status != "due_later":
        status = "individual_decision"
    return replace(dated, status=status, why=_why(dated, coming, advice, status))


def _aged_out(facts: Facts, group: Group, coming: NextDose, rules: Rules) -> str | None:
    limits = [day for day in (coming.aged_out_on, rules.too_old_on) if day]
    if limits and max(facts.as_of, coming.earliest_on) >= min(limits):
        return "Too old for the next dose: not asked for any more."
    return None


def _advice(facts: Facts, group: Group, on: date, rules: Rules) -> tuple[Advice | None, date]:
    """The advice that holds on that day, or the next that will; with the day from which it holds."""
    for advice in group.advice:
        begins = advice.from_age.after(rules.born) if advice.from_age else rules.born
        ended = advice.before_age is not None and on >= advice.before_age.after(rules.born)
        if begins <= on and not ended and _is_in_guideline(advice, facts):
            return advice, begins if advice.guideline is None else rules.born
    later = [
        (advice.from_age.after(rules.born), advice)
        for advice in group.advice
        if advice.from_age and advice.guideline is None and advice.from_age.after(rules.born) > on
    ]
    begins, advice = min(later, key=lambda pair: pair[0], default=(on, None))
    return advice, begins


def _is_in_guideline(advice: Advice, facts: Facts) -> bool:
    return advice.guideline is None or population_of(definition(advice.guideline), facts) is not None


def _status(as_of: date, dated: GroupForecast) -> Status:
    if as_of < dated.recommended_on:
        return "due_later"
    if dated.past_due_on is not None and as_of > dated.past_due_on:
        return "overdue"
    return "due"


def _why(dated: GroupForecast, coming: NextDose, advice: Advice, status: Status) -> str:
    words = f" {coming.words}" if coming.words else ""
    when = f"from {dated.recommended_on.isoformat()}" if status == "due_later" else "now"
    return f"Dose {coming.number} {when}. {advice.words}{words}"


def _by_season(facts: Facts, group: Group, doses: Sequence[Given], rules: Rules) -> GroupForecast:
    now = standing(group, doses, rules, facts.as_of)
    found = GroupForecast(group.id, group.title, "complete", "", now.verdicts, "Each season")
    if now.is_complete:
        why = "Given." if group.season.once else "Given this season."
        return replace(found, why=why, earliest_on=now.earliest_on, recommended_on=now.recommended_on)
    coming = NextDose(now.counted + 1, now.earliest_on, now.recommended_on, None, None, (), _of(now.needed))
    return _dated(facts, group, found, coming, rules, begun=now.counted > 0)


def _of(needed: int) -> str:
    return "Two doses are needed in this first season." if needed == 2 else ""


def _weighed(facts: Facts, group: Group, found: GroupForecast) -> GroupForecast:
    """What speaks against an open vaccine; where that cannot be seen, nothing is said to be clear."""
    try:
        against = reasons_against(group.contraindicated, group, facts)
        cautions = reasons_against(group.caution, group, facts)
    except MissingFact as absent:
        why = f"Could not be checked: {'; '.join(absent.what)}."
        return replace(found, status="could_not_be_checked", why=why, missing=absent.what)
    words = tuple(f"{one.words}{f' ({one.value})' if one.value else ''}" for one in cautions)
    if against:
        why = f"Not to be given: {against[0].words}."
        return replace(found, status="contraindicated", why=why, against=against, cautions=words)
    return replace(found, cautions=words)
