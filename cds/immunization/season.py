"""Vaccines that are given anew each season, and the one that is given once in a season."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cds.immunization.evaluate import Given, Rules, Verdict
from cds.immunization.schedule import Group, Season


@dataclass(frozen=True, slots=True)
class SeasonStanding:
    """Where a person stands in this season. Dates of the next dose are None where nothing more is asked for."""

    verdicts: tuple[Verdict, ...]
    is_complete: bool
    needed: int
    counted: int
    earliest_on: date | None
    recommended_on: date | None


def standing(group: Group, doses: Sequence[Given], rules: Rules, as_of: date) -> SeasonStanding:
    """Counts the doses of this season, or of all seasons where one dose is enough for life."""
    season = group.season
    begins = season_begins(season, as_of)
    verdicts = _verdicts(group, doses, rules, begins)
    counted = [one.given for one in verdicts if one.counts]
    needed = _needed(season, doses, rules, begins, as_of)
    if len(counted) >= needed:
        return _complete(season, verdicts, needed, len(counted), as_of)
    earliest = _earliest(group, counted, doses, rules, begins)
    recommended = max(earliest, _asked_from(season, max(earliest, as_of)))
    return SeasonStanding(verdicts, False, needed, len(counted), earliest, recommended)


def season_begins(season: Season, on: date) -> date:
    """The first day of the season that day lies in."""
    begins = date(on.year, season.begins_month, 1)
    return begins if begins <= on else begins.replace(year=on.year - 1)


def _verdicts(group: Group, doses: Sequence[Given], rules: Rules, begins: date) -> tuple[Verdict, ...]:
    verdicts, last = [], None
    for given in doses:
        why = _why_not(group, given, last, rules, begins)
        number = sum(1 for one in verdicts if one.counts) + 1
        verdicts.append(
            Verdict(given, None if why else number, why or f"counts as dose {number} of this season")
        )
        last = given
    return tuple(verdicts)


def _why_not(group: Group, given: Given, last: Given | None, rules: Rules, begins: date) -> str | None:
    if not group.season.once and given.on < begins:
        return "given in a season before"
    if group.min_age and given.on < group.min_age.after(rules.born) - rules.grace:
        return f"given too young: from {group.min_age}"
    apart = group.season.two_doses_apart
    if apart and last and last.on >= begins and given.on < apart.after(last.on) - rules.grace:
        return f"given too soon: at least {apart} after the dose before"
    if given.vaccine.live:
        for other in rules.live_given:
            if 0 < (given.on - other.on).days < rules.live_days:
                return f"given too soon after another live vaccine: {rules.live_days} days are needed"
    return None


def _needed(season: Season, doses: Sequence[Given], rules: Rules, begins: date, as_of: date) -> int:
    """Two doses for a young child in its first seasons, otherwise one."""
    if season.two_doses_before_age is None:
        return 1
    first = next((one.on for one in doses if one.on >= begins), as_of)
    is_young = first < season.two_doses_before_age.after(rules.born)
    before = [one for one in doses if one.on < begins]
    return 2 if is_young and not _had_two(season, before) else 1


def _had_two(season: Season, before: Sequence[Given]) -> bool:
    apart = season.two_doses_apart
    if len(before) < 2:
        return False
    return apart is None or before[-1].on >= apart.after(before[0].on)


def _earliest(
    group: Group, counted: Sequence[Given], doses: Sequence[Given], rules: Rules, begins: date
) -> date:
    days = [rules.born, begins]
    if group.min_age:
        days.append(group.min_age.after(rules.born))
    if counted and group.season.two_doses_apart:
        days.append(group.season.two_doses_apart.after(doses[-1].on))
    return max(days)


def _asked_from(season: Season, on: date) -> date:
    """The first day on or after `on` that lies in the months in which the vaccine is asked for."""
    day = on
    while not _is_asked(season, day):
        day = date(day.year + (day.month == 12), day.month % 12 + 1, 1)
    return day if day > on else _begin_of_window(season, on)


def _begin_of_window(season: Season, on: date) -> date:
    begins = date(on.year, season.asked_from_month, 1)
    return begins if begins <= on else begins.replace(year=on.year - 1)


def _is_asked(season: Season, on: date) -> bool:
    first, last = season.asked_from_month, season.asked_to_month
    return first <= on.month <= last if first <= last else on.month >= first or on.month <= last


def _complete(season: Season, verdicts, needed: int, counted: int, as_of: date) -> SeasonStanding:
    if season.once:
        return SeasonStanding(verdicts, True, needed, counted, None, None)
    following = season_begins(season, as_of + timedelta(days=0))
    following = following.replace(year=following.year + 1)
    return SeasonStanding(verdicts, True, needed, counted, following, _asked_from(season, following))
