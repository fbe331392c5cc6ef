"""The day's schedule, in order, each visit with its patient's gaps."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from data_contracts.api.care_gaps import WorklistGap
from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientName


class TodayVisit(ApiModel):
    appointment_id: str
    starts_at: datetime
    minutes: int | None
    status: str
    reason: str | None
    patient_id: str
    patient_name: PatientName
    age_years: int | None
    sex: str | None
    language: str | None
    interpreter_required: bool | None
    practitioner: str | None
    practitioner_id: str | None
    gaps: list[WorklistGap] | None = Field(
        description="Gaps that want action, first priority first. Null: not computed yet, or not for this reader."
    )
    same_name_today: bool = False


class TodaySchedule(ApiModel):
    on: date
    time_zone: str
    visits: list[TodayVisit]
    unreviewed_results: int | None = Field(description="Null: not for this reader.")
    gaps_shown: bool = Field(description="False: this reader's role sees no gaps.")
    practitioners: list[tuple[str, str]] = Field(description="(id, name) of those with visits that day.")
