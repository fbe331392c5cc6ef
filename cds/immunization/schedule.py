"""The schedule: an authority, a date, and a file a vaccine group, checked when it is read.

A folder of `cds/knowledge/immunization` with a `schedule.toml` is a schedule. One may be based on another and change
the advice of some groups: so a site sees and selects whose advice it follows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cds.immunization.span import SpanText
from cds.knowledge import FOLDER as KNOWLEDGE
from cds.knowledge import read_rows
from ehr_core.kernel.errors import NotFound

FOLDER = KNOWLEDGE / "immunization"
DEFAULT_SCHEDULE = "cdc_2025_11"
Strength = Literal["recommended", "individual", "none"]


class Strict(BaseModel):
    """An unknown field is refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Condition(Strict):
    """When a skip or a variant holds: all that is written must be true. Ages are those at the dose or the forecast."""

    from_age: SpanText | None = None
    before_age: SpanText | None = None
    first_from_age: SpanText | None = Field(
        None, description="The first counted dose was given from this age on."
    )
    first_before_age: SpanText | None = None
    last_from_age: SpanText | None = Field(
        None, description="The last counted dose was given from this age on."
    )
    last_before_age: SpanText | None = None
    any_from_age: SpanText | None = Field(
        None, description="One of the counted doses was given from this age on."
    )
    counted_at_least: int | None = None
    counted_at_most: int | None = None
    last_interval_at_least: SpanText | None = Field(
        None, description="Between the last two counted doses at least this long passed."
    )
    last_interval_below: SpanText | None = None
    given_from_age: SpanText | None = Field(
        None, description="A counted dose of `given_cvx` from this age on."
    )
    given_cvx: tuple[str, ...] = ()
    born_before: date | None = None


class Timing(Strict):
    """When a dose may, should and must have been given. Minima are shortened by the schedule's grace days."""

    min_age: SpanText | None = None
    age: SpanText | None = Field(None, description="Recommended age.")
    latest_age: SpanText | None = Field(
        None, description="From this age on it is overdue; 'never' in a variant."
    )
    max_age: SpanText | None = Field(None, description="From this age on it is neither valid nor asked for.")
    min_interval: SpanText | None = Field(
        None, description="From the dose before, whether that one counted or not."
    )
    interval: SpanText | None = Field(None, description="Recommended interval from the dose before.")
    latest_interval: SpanText | None = None
    min_from_first: SpanText | None = Field(None, description="From the first counted dose.")
    from_first: SpanText | None = Field(None, description="Recommended interval from the first counted dose.")
    latest_from_first: SpanText | None = None
    accepted_age: SpanText | None = Field(
        None, description="A dose from this age on counts, though later is advised."
    )
    accepted_interval: SpanText | None = Field(None, description="A dose after this interval counts.")
    accepted_from_first: SpanText | None = None
    cvx: tuple[str, ...] = Field((), description="Only these products; empty: every product of the group.")
    words: str = Field("", description="What to give, in words.")


class Variant(Timing):
    """Another timing of the dose under a condition; what it leaves open stays as the dose has it."""

    when: Condition


class Dose(Timing):
    """One step of a series."""

    skip: tuple[Condition, ...] = Field((), description="The step is passed over when one of these holds.")
    variant: tuple[Variant, ...] = ()
    repeats: bool = Field(False, description="Once reached, it is asked for again and again (boosters).")


class Series(Strict):
    """One way to complete a group. Products outside `cvx` do not count in it."""

    id: str
    title: str
    from_age: SpanText | None = Field(
        None, description="Offered from this age on, at the day of the forecast."
    )
    before_age: SpanText | None = None
    cvx: tuple[str, ...] = ()
    only_when_begun: bool = Field(False, description="Considered only once a dose of `cvx` was given.")
    dose: tuple[Dose, ...] = Field(min_length=1)


class Advice(Strict):
    """For whom the group is advised, by age; the first entry that holds speaks."""

    from_age: SpanText | None = None
    before_age: SpanText | None = None
    guideline: str | None = Field(None, description="Only for people of this guideline pack.")
    strength: Strength
    words: str


class Immunity(Strict):
    """Who counts as immune without a vaccine."""

    words: str
    born_before: date | None = None
    icd_10_cm: tuple[str, ...] = ()


class Contraindication(Strict):
    """Why a group is not given: a recorded problem or allergy, a drug class, or pregnancy."""

    words: str
    value_sets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    drug_classes: tuple[str, ...] = ()
    pregnancy: bool = False


class Season(Strict):
    """A group given anew each season. `months` are those in which it is asked for."""

    begins_month: int = Field(ge=1, le=12)
    asked_from_month: int = Field(ge=1, le=12)
    asked_to_month: int = Field(ge=1, le=12)
    two_doses_before_age: SpanText | None = Field(
        None, description="Two doses in a season below this age, unless two were given in seasons before."
    )
    two_doses_apart: SpanText | None = None
    once: bool = Field(False, description="One dose for life, in any season.")


class Group(Strict):
    """One vaccine group: what people ask for by one name."""

    id: str
    title: str
    order: int
    source: str
    basis: Literal["seen", "memory"]
    finish_once_begun: bool = Field(
        False, description="A begun series is completed though it was an individual decision."
    )
    advice: tuple[Advice, ...] = Field(min_length=1)
    immune: tuple[Immunity, ...] = ()
    contraindicated: tuple[Contraindication, ...] = ()
    caution: tuple[Contraindication, ...] = ()
    min_age: SpanText | None = None
    max_age: SpanText | None = None
    season: Season | None = None
    series: tuple[Series, ...] = ()


class Change(Advice):
    """What a schedule that is based on another says otherwise about a group."""

    group: str


class ScheduleFile(Strict):
    """`schedule.toml` of a folder."""

    id: str
    title: str
    authority: str
    dated: date
    reviewed_on: date
    words: str
    source: tuple[str, ...] = Field(min_length=1)
    based_on: str | None = None
    grace_days: int = Field(4, ge=0, le=4)
    live_days: int = Field(28, ge=28)
    change: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Vaccine:
    """One product by CVX: the groups it counts in, and whether it is a live one that keeps distance from others."""

    cvx: str
    name: str
    groups: tuple[str, ...]
    live: bool


@dataclass(frozen=True)
class Schedule:
    """A schedule with all its groups. `printed` is what every page that shows a forecast prints."""

    file: ScheduleFile
    groups: Mapping[str, Group]

    @property
    def printed(self) -> str:
        return f"{self.file.title}: {self.file.authority}, {self.file.dated.isoformat()}."


@lru_cache(maxsize=1)
def vaccines() -> Mapping[str, Vaccine]:
    """Every product that the schedules know, by CVX code without leading zeros."""
    rows = read_rows("immunization/vaccines.csv")
    return {
        plain(row["cvx"]): Vaccine(
            plain(row["cvx"]), row["name"], tuple(row["groups"].split()), row["live"] == "yes"
        )
        for row in rows
    }


def plain(cvx: str) -> str:
    """The CVX code without leading zeros: 03 and 3 are one."""
    return cvx.lstrip("0") or "0"


@lru_cache(maxsize=8)
def schedule(name: str = DEFAULT_SCHEDULE) -> Schedule:
    """One schedule; raises NotFound naming those there are."""
    folder = FOLDER / name
    if not (folder / "schedule.toml").is_file():
        raise NotFound(f"There is no immunization schedule '{name}'. Known: {', '.join(schedules())}.")
    file = ScheduleFile.model_validate(_read(folder / "schedule.toml"))
    base = schedule(file.based_on).groups if file.based_on else {}
    own = [
        Group.model_validate(_read(path)) for path in sorted(folder.glob("*.toml")) if path.stem != "schedule"
    ]
    groups = {**base, **{group.id: group for group in own}}
    changed = {group.id: _changed(group, file.change) for group in groups.values()}
    return Schedule(file, dict(sorted(changed.items(), key=lambda item: item[1].order)))


def schedules() -> tuple[str, ...]:
    """The ids of the schedules that ship, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/schedule.toml")))


def _changed(group: Group, changes: tuple[Change, ...]) -> Group:
    """The group with the changes put before its own advice."""
    own = tuple(change for change in changes if change.group == group.id)
    return group.model_copy(update={"advice": (*own, *group.advice)}) if own else group


def _read(path: Path) -> dict:
    return tomllib.loads(path.read_text(encoding="utf-8"))
