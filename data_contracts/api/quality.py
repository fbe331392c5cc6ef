"""Measures as the screens show them: rate, counts beside it, strata, trend, and the patients behind."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel, Page
from data_contracts.api.patients import PatientName

StratumKind = Literal["all", "clinic", "clinician", "sex", "age_band", "race", "ethnicity", "payer"]
FUNNEL_KINDS: tuple[StratumKind, ...] = ("clinic", "clinician")
"""Groups that do the same work: only these are held against what chance gives around everyone's rate."""


class Counts(ApiModel):
    """The counts behind a rate. A count is null when it is suppressed for this reader, never when it is zero."""

    initial_population: int | None
    denominator: int | None = Field(description="After exclusions and exceptions.")
    exclusions: int | None
    exceptions: int | None
    numerator: int | None
    not_evaluable: int | None
    rate: float | None = Field(
        description="numerator / denominator; null when the denominator is 0 or suppressed."
    )
    rate_low: float | None = Field(default=None, description="95 % Wilson interval, lower bound.")
    rate_high: float | None = Field(default=None, description="95 % Wilson interval, upper bound.")
    suppressed: bool = False


class Stratum(ApiModel):
    kind: StratumKind
    value: str
    label: str
    counts: Counts


class RatePoint(ApiModel):
    """One night; the counts are what the period had reached by then."""

    on: date
    period_begin: date
    counts: Counts


class RateShift(ApiModel):
    """A change that chance alone does not explain: overnight (jump), or lasting against the period before (drift)."""

    kind: Literal["jump", "drift"]
    since: date
    change: float = Field(description="Rate minus the rate that it is compared with.")
    low: float = Field(description="95 % interval of the change, lower bound.")
    high: float = Field(description="95 % interval of the change, upper bound.")


Scoring = Literal["proportion", "ratio", "cohort", "continuous-variable"]


class MeasureLine(ApiModel):
    measure_id: str
    official: bool = Field(default=False, description="A measure that was imported, not one of our own.")
    scoring: Scoring = "proportion"
    version: str
    title: str
    counts_words: str | None = Field(
        default=None, description="Of a publication with several rates: what this one counts, in its words."
    )
    improvement: Literal["increase", "decrease"]
    period_begin: date
    period_end: date
    counts: Counts
    change: float | None = Field(
        default=None, description="Rate now minus the rate about 30 days before, in the same period."
    )
    change_low: float | None = Field(default=None, description="95 % interval of the change, lower bound.")
    change_high: float | None = Field(default=None, description="95 % interval of the change, upper bound.")
    score: float | None = Field(
        default=None,
        description="Official, no proportion: what the publisher's scoring gives; null without one.",
    )
    unit: str | None = Field(default=None, description="Unit of the score, where its publisher gives one.")


class MeasureList(ApiModel):
    measures: list[MeasureLine]
    nobody: list[str] = Field(
        default=[], description="Titles of active official measures in whose population nobody was found."
    )
    as_of: datetime | None
    stale: str | None = Field(
        default=None, description="A sentence when the last good results are older than planned."
    )


class MeasureDefinition(ApiModel):
    """The definition in the words of its pack."""

    purpose: str
    why_it_matters: str
    source: str
    version: str
    population: str
    denominator: str
    numerator: str
    exclusions: list[str]
    exceptions: list[str]
    evidence: list[str]
    missing_data: str
    code_systems_not_loaded: list[str] = []
    logic: dict[str, str] = Field(default={}, description="Official: each definition, explained.")
    value_sets_cut: dict[str, str] = Field(
        default={}, description="Official: value sets of which the package holds a part, and which part."
    )
    counts_what: str | None = Field(
        default=None, description="Official: the type of resource that is counted, where it is not people."
    )


class OfficialScore(ApiModel):
    """What the publisher's own scoring gives, where it counts something other than people."""

    counts: dict[str, int] = Field(description="Members by the population's code.")
    value: float | None = Field(description="Rate, ratio or what observations come to; null without one.")
    words: str
    aggregate: str | None = Field(default=None, description="How the observations become one number.")
    observations: int | None = Field(default=None, description="How many there are; null where none is made.")
    unit: str | None = None


class PublishedStratum(ApiModel):
    """One of the groups that the measure's publisher asks to be told apart. All null where a small cell hides it."""

    definition: str
    words: str = Field(default="", description="What the publisher says of it.")
    stratum_value: str | None = Field(
        default=None, description="The value by which it is parted; null where it is true or false."
    )
    together: int = Field(
        default=0, description="How many small groups by value are hidden together in this one."
    )
    counts: dict[str, int] | None = Field(description="Members by the population's code.")
    value: float | None

    @property
    def value_words(self) -> str:
        if self.together:
            return f"{self.together} small {'group' if self.together == 1 else 'groups'}"
        return self.stratum_value or "true"


class MeasurePage(ApiModel):
    line: MeasureLine
    definition: MeasureDefinition
    strata: list[Stratum]
    trend: list[RatePoint]
    shifts: list[RateShift] = []
    provenance: dict[str, str] = Field(description="Snapshot, profile, key id, code version, computed at.")
    as_of: datetime | None
    score: OfficialScore | None = None
    published_strata: list[PublishedStratum] = Field(default=[], description="Official: by its stratifiers.")
    stale: str | None = None


MembershipStatus = Literal["numerator", "not_in_numerator", "excluded", "excepted", "not_evaluable"]


class MeasurePatient(ApiModel):
    patient_id: str
    name: PatientName
    birth_date: str | None
    mrn: str | None
    same_name: bool = Field(default=False, description="Somebody else on this page has a name like this one.")
    membership: MembershipStatus
    reason: str | None
    evidence_on: date | None
    evidence_value: str | None


class MeasureFact(ApiModel):
    """A fact that an official measure rests on; without its value and day where a label hides it."""

    population: str
    definition: str
    holds: bool
    facts_found: int
    resource_type: str
    resource_id: str | None
    on: date | None
    what: str | None
    code: str | None
    value: str | None
    masked: bool = False


class MeasureFacts(ApiModel):
    """Why one person stands where they stand in an official measure."""

    measure_id: str
    patient_id: str
    membership: MembershipStatus | None
    decided_by: str | None = Field(description="The definition that decides.")
    facts: list[MeasureFact]


class MeasurePatients(ApiModel):
    measure_id: str
    rows: list[MeasurePatient]
    page: Page
