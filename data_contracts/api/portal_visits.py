"""A person's own visits in the portal: what is booked, what can be booked, what was offered."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from data_contracts.api.model import ApiModel


class OwnVisit(ApiModel):
    appointment_id: str
    version: int
    starts_at: datetime
    time_zone: str = Field(description="Of the place: its clock counts.")
    minutes: int | None
    kind: str | None = Field(description="What the visit is, in the person's language.")
    with_whom: str | None
    where: str | None
    confirmed: bool
    can_cancel: bool
    can_check_in: bool
    checked_in: bool = Field(description="The questions before the visit were answered.")
    preparation: str | None


class OwnVisitType(ApiModel):
    code: str
    name: str
    minutes: int
    preparation: str | None


class OwnWait(ApiModel):
    """A place on the waitlist; with `offered_at` a time that is kept for the person."""

    entry_id: str
    version: int
    kind: str | None
    first_day: str
    last_day: str
    offered_at: datetime | None
    offered_with: str | None
    offered_until: datetime | None
    time_zone: str


class OwnVisits(ApiModel):
    patient_id: str
    visits: list[OwnVisit] = Field(description="Still to come, in order.")
    types: list[OwnVisitType] = Field(description="What the person may book themselves.")
    waits: list[OwnWait]
