"""The day's schedule."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter

from data_contracts.api.schedule import TodaySchedule
from ehr_core.api.dependencies import Work
from ehr_core.workflows.todays_visits import read_schedule

router = APIRouter(prefix="/api", tags=["scheduling"])


@router.get("/schedule")
def schedule(work: Work, on: date | None = None, practitioner_id: str | None = None) -> TodaySchedule:
    return read_schedule(work, on=on, practitioner_id=practitioner_id)
