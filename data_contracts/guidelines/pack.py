"""A guideline pack: one topic as a clinician reads it and as the engines run it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from data_contracts.code_systems import code_system
from data_contracts.guidelines.criterion import Criterion, Organ, Recorded, Strict, known_value_set
from data_contracts.guidelines.duration import Duration, DurationText, WindowText, read_duration
from ehr_core.kernel.errors import BadRequest

GapKind = Literal["due", "above_goal", "follow_up_due"]
Kind = Literal["screening", "control", "paired_tests", "therapy", "screen_and_follow_up", "immunization"]


class Source(Strict):
    """Where the knowledge comes from. `basis`: 'seen' was read, 'memory' must be checked before a patient sees it."""

    organization: str
    title: str
    published: int = Field(ge=1990, le=2100)
    basis: Literal["seen", "memory"]
    seen_at: str | None = None
    says: str


class Population(Strict):
    """People the care is for. Ages in completed years, both ends included."""

    id: str
    words: str
    age_from_years: int | None = Field(None, ge=0, le=120)
    age_from_months: int | None = Field(None, ge=0, le=1440)
    age_to_years: int | None = Field(None, ge=0, le=120)
    organ: Organ | None = None
    condition: Criterion | None = None

    @property
    def from_months(self) -> int:
        if self.age_from_months is not None:
            return self.age_from_months
        return 12 * (self.age_from_years or 0)

    @property
    def until_months(self) -> int | None:
        """First age in months that is too old; null when there is no upper end."""
        return None if self.age_to_years is None else 12 * (self.age_to_years + 1)


class Evidence(Criterion):
    """One way to show that care was given. Parts of one alternative are all needed; one alternative is enough."""

    id: str
    title: str
    populations: tuple[str, ...] = ()
    alternative: str = "care"
    part: str = "care"
    waiting: bool = Field(False, description="Not complete, only not due yet: never counts in the measure.")
    in_measure: bool = True


class FollowUp(Criterion):
    """What answers an abnormal result, from `earliest_day` days after it (negative: already before it)."""

    title: str
    counts_for: DurationText = read_duration("ever")
    earliest_day: int = 0


class Abnormal(Strict):
    """A result that opens follow-up, with its deadline and what answers it."""

    id: str
    words: str
    evidence: tuple[str, ...] = Field(min_length=1)
    result_in: tuple[str, ...] = ()
    number_at_least: float | None = None
    only_latest: bool = Field(False, description="Only when no newer result of the same kind exists.")
    relevant_for_months: int | None = Field(
        None, ge=1, le=600, description="How long it asks for follow-up; null: until it was followed up."
    )
    deadline_days: int = Field(ge=0, le=730)
    follow_up: tuple[FollowUp, ...] = Field(min_length=1)

    @field_validator("result_in")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known_value_set(name) for name in names)


class Goal(Strict):
    """The number that is at goal when it is below the limit(s), in `unit`."""

    words: str
    unit: str
    below: float
    diastolic_below: float | None = None
    recheck_months: int = Field(ge=0, le=24, description="When to look again while above goal.")


class Order(Strict):
    """What a clinician would order, by a code that may be shipped."""

    system: str
    code: str
    display: str

    @model_validator(mode="after")
    def _is_a_code(self) -> Order:
        try:
            code_system(self.system).checked(self.code)
        except BadRequest as problem:
            raise ValueError(problem.message.rstrip(".")) from problem
        return self

    @property
    def system_uri(self) -> str:
        return code_system(self.system).uri


class NextStep(Strict):
    """What to do about an open gap of one kind."""

    words: str
    priority: int = Field(ge=1, le=5)
    orders: tuple[Order, ...] = ()


class PatientText(Strict):
    """Plain words for the person, reading age 9 to 11. 'We have no record of', never 'overdue'."""

    title: str
    words: str
    what_to_do: str


class PatientWords(Strict):
    """What the person sees about one kind of gap, in English and Spanish."""

    en: PatientText
    es: PatientText


class Measure(Strict):
    """Accountability over a period. `populations` default to the recommendation's."""

    title: str
    period: Literal["calendar_year", "influenza_season"] = "calendar_year"
    age_on: Literal["first_day", "last_day"] = "last_day"
    improvement: Literal["increase", "decrease"] = "increase"
    denominator: str
    numerator: str
    populations: tuple[Population, ...] = ()
    exclusions: tuple[str, ...] | None = None
    exceptions: tuple[str, ...] = ()
    goal_below: float | None = None
    goal_diastolic_below: float | None = None
    abnormal_needs_follow_up_within_days: int | None = Field(None, ge=0, le=730)


class Pack(Strict):
    """One topic: recommendation, measure and words."""

    id: str
    title: str
    short_title: str
    kind: Kind
    version: str
    reviewed_on: date
    purpose: str
    source: tuple[Source, ...] = Field(min_length=1)
    population: tuple[Population, ...] = Field(min_length=1)
    exclusions: tuple[str, ...]
    asked_from_month: int | None = Field(
        None,
        ge=7,
        le=12,
        description="Care of a season: nothing is due from 1 July until this month begins. Null: due all year.",
    )
    evidence: tuple[Evidence, ...] = Field(min_length=1)
    abnormal: tuple[Abnormal, ...] = ()
    goal: Goal | None = None
    next_step: dict[GapKind, NextStep]
    reasons: dict[str, str] = {}
    patient_visible: dict[GapKind, bool]
    patient: dict[GapKind, PatientWords] = {}
    measure: Measure

    @property
    def basis(self) -> str:
        """'memory' as soon as one source is from memory."""
        return "memory" if any(source.basis == "memory" for source in self.source) else "seen"

    @property
    def gap_kinds(self) -> tuple[GapKind, ...]:
        """The kinds of open gap this topic can raise."""
        kinds: list[GapKind] = ["due"]
        if self.goal:
            kinds.append("above_goal")
        if self.abnormal:
            kinds.append("follow_up_due")
        return tuple(kinds)

    def visible_to_patient(self, gap_kind: str) -> bool:
        """Whether the person sees an open gap of that kind; a kind that is not named is not seen."""
        return self.patient_visible.get(gap_kind, False)  # type: ignore[call-overload]


__all__ = [
    "Abnormal",
    "Duration",
    "Evidence",
    "FollowUp",
    "GapKind",
    "Goal",
    "Measure",
    "NextStep",
    "Order",
    "Pack",
    "PatientText",
    "PatientWords",
    "Population",
    "Recorded",
    "Source",
    "WindowText",
]
