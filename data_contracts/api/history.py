"""What was before and what is aimed at: histories of all kinds, goals, care plans, procedures, documents."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

PartialDate = Annotated[str, Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
"""A year, a month or a day, as far as it is known."""


class RecordFamilyHistory(ApiModel):
    """What one relative had, or that nothing is known of one. Silence is recorded nowhere."""

    relationship: str = Field(description="One of /api/history-words.")
    condition: str | None = Field(default=None, max_length=200)
    condition_code: str | None = Field(default=None, description="ICD-10-CM.")
    onset_age_years: int | None = Field(default=None, ge=0, le=120)
    deceased: bool | None = Field(default=None, description="Null: not asked.")
    nothing_known: bool = Field(default=False, description="Asked, and nothing is known of this relative.")
    note: str | None = Field(default=None, max_length=1000)


class RecordSurgery(ApiModel):
    """An operation of the past, as told by the patient."""

    name: str = Field(min_length=2, max_length=200)
    on: PartialDate | None = None
    where: str | None = Field(default=None, max_length=200)
    note: str | None = Field(default=None, max_length=1000)


class RecordObstetric(ApiModel):
    """Counts and dates as told; what is left out is not recorded, never zero."""

    at: datetime
    pregnancies: int | None = Field(default=None, ge=0, le=30)
    term_births: int | None = Field(default=None, ge=0, le=30)
    preterm_births: int | None = Field(default=None, ge=0, le=30)
    abortions: int | None = Field(default=None, ge=0, le=30, description="Spontaneous and induced.")
    living_children: int | None = Field(default=None, ge=0, le=30)
    last_menstrual_period: date | None = None
    delivery_due: date | None = None
    pregnancy: Literal["pregnant", "not_pregnant", "unknown"] | None = None


class RecordSocial(ApiModel):
    """One item of the social history, in words or as a number where the item has one."""

    item: str = Field(description="One of /api/history-words.")
    at: datetime
    words: str | None = Field(default=None, max_length=500)
    number: Decimal | None = None


class HistoryWords(ApiModel):
    """What may be chosen: (code, words)."""

    relationships: list[tuple[str, str]]
    social: list[tuple[str, str, str | None]] = Field(description="(item, words, unit of its number or null)")
    document_kinds: list[tuple[str, str]]
    vaccine_sites: list[tuple[str, str]]
    vaccine_routes: list[tuple[str, str]]
    vaccine_funding: list[tuple[str, str]]


class HistoryLine(ApiModel):
    resource_type: str
    resource_id: str
    version_id: int
    words: str
    details: str | None
    on: str | None
    by: str | None


class HistoryView(ApiModel):
    """Empty lists say that nothing is recorded, never that there was nothing."""

    patient_id: str
    family: list[HistoryLine]
    surgical: list[HistoryLine]
    obstetric: list[HistoryLine]
    social: list[HistoryLine]


class RecordGoal(ApiModel):
    description: str = Field(min_length=3, max_length=500)
    condition_ids: list[str] = Field(default=[], max_length=10)
    due_on: date | None = None
    measure_code: str | None = Field(default=None, description="LOINC of what is measured.")
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str | None = Field(default=None, max_length=30, description="UCUM; with low or high.")


GoalStatus = Literal["active", "on-hold", "completed", "cancelled"]
Achievement = Literal["in-progress", "improving", "no-change", "worsening", "achieved", "not-achieved"]


class ChangeGoal(ApiModel):
    version_id: int
    status: GoalStatus
    achievement: Achievement | None = None
    note: str | None = Field(default=None, max_length=1000)


class RecordCarePlan(ApiModel):
    title: str = Field(min_length=3, max_length=200)
    condition_ids: list[str] = Field(default=[], max_length=10)
    goal_ids: list[str] = Field(default=[], max_length=20)
    activities: list[Annotated[str, Field(min_length=2, max_length=300)]] = Field(min_length=1, max_length=20)
    review_on: date | None = None


class ChangeCarePlan(ApiModel):
    """`done` names the activities, by their place, that are done; the others are open."""

    version_id: int
    status: Literal["active", "on-hold", "completed", "revoked"]
    done: list[int] = []


class GoalLine(ApiModel):
    goal_id: str
    version_id: int
    description: str
    status: str
    achievement: str | None
    target: str | None
    due_on: str | None
    notes: list[str]


class CarePlanLine(ApiModel):
    plan_id: str
    version_id: int
    title: str
    status: str
    activities: list[tuple[str, bool]] = Field(description="(words, whether it is done)")
    goals: list[str]
    review_on: str | None


class PlansView(ApiModel):
    patient_id: str
    goals: list[GoalLine]
    plans: list[CarePlanLine]


class RecordProcedure(ApiModel):
    """Something done here. A CPT or HCPCS number is kept as typed; its description is the person's own words."""

    name: str = Field(min_length=2, max_length=200)
    at: datetime
    code: str | None = Field(default=None, pattern=r"^([0-9]{4}[0-9A-Z]|[A-V][0-9]{4})$")
    body_site: str | None = Field(default=None, max_length=100)
    side: Literal["left", "right", "both"] | None = None
    outcome: str | None = Field(default=None, max_length=500)
    note: str | None = Field(default=None, max_length=2000)
    encounter_id: str | None = None


class RecordDocument(ApiModel):
    """A document or picture for the chart. Its type is read from its first bytes, whatever its name says."""

    title: str = Field(min_length=2, max_length=200)
    kind: str = Field(description="LOINC document type, one of /api/history-words.")
    on: date
    source: str = Field(min_length=2, max_length=200)
    document_name: str = Field(max_length=200)
    document_base64: str = Field(max_length=14_000_000)
    encounter_id: str | None = None
