"""The portal: a person's own record in plain words."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel


class ThingToDo(ApiModel):
    """One thing to do. `already_said` is when the person told us that it is done; it is being checked."""

    gap_id: str
    title: str
    text: str = Field(description="'We have no record of …': plain words, never 'overdue'.")
    action: str
    version: int
    already_said: datetime | None = None
    scheduled_on: date | None = None


class OwnAppointment(ApiModel):
    starts_at: datetime
    minutes: int | None
    with_whom: str | None
    where: str | None
    reason: str | None


class OwnResult(ApiModel):
    observation_id: str
    name: str
    on: str | None
    text: str
    number: Decimal | None
    unit: str | None
    low: Decimal | None = Field(description="Numeric range; both null: no number line.")
    high: Decimal | None
    words: str | None = Field(description="'a little above the usual range'; null when there is no range.")
    reviewed: bool
    comment: str | None = None
    status: Literal["final", "amended", "corrected"]
    earlier: list[tuple[str | None, str]] = Field(default=[], description="(date, value) of earlier ones.")


class PortalHome(ApiModel):
    patient_id: str
    first_name: str | None
    language: str
    things_to_do: list[ThingToDo]
    next_visit: OwnAppointment | None
    new_results: int
    site_name: str
    hidden_items: bool = Field(default=False, description="Some items are not shown here; ask the clinic.")


class OwnResults(ApiModel):
    results: list[OwnResult]
    hidden_items: bool = False


class AlreadyHadThis(ApiModel):
    """'I already had this': goes to review and closes nothing by itself."""

    version: int
    when: str | None = Field(default=None, max_length=100)
    where: str | None = Field(default=None, max_length=200)


class ReplyReceived(ApiModel):
    gap_id: str
    received_at: datetime
    message: str
