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
    gaps: list[WorklistGap] = Field(description="Gaps that want action, first priority first.")
    same_name_today: bool = False


class TodaySchedule(ApiModel):
    on: date
    time_zone: str
    visits: list[TodayVisit]
    unreviewed_results: int
    practitioners: list[tuple[str, str]] = Field(description="(id, name) of those with visits that day.")
