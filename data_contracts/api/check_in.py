"""What is gone through with a person who has come: identity, coverage, forms, copay, and what they report."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientName
from data_contracts.api.scheduling import VisitCard
from data_contracts.api.visit_flow import Stage


class CoverageShown(ApiModel):
    coverage_id: str
    payer: str | None
    member_id: str | None
    order: int | None
    status: str
    until: str | None
    copay: str | None = Field(
        description="What the coverage says a visit costs, with its currency; null: not said."
    )


class FormItem(ApiModel):
    link_id: str
    text: str
    kind: Literal["display", "boolean", "string", "choice"]
    required: bool
    options: list[str] = []


class DueForm(ApiModel):
    form_id: str
    title: str
    items: list[FormItem]


class NotedCopay(ApiModel):
    amount: str = Field(description="Decimal digits, such as '25.00'.")
    currency: str
    how: str
    noted_at: datetime


class CheckInSheet(ApiModel):
    """What is gone through with a person who has come."""

    visit: VisitCard
    version: str
    stage: Stage
    name: PatientName
    birth_date: str | None
    mrn: str | None
    sex: str | None
    phone: str | None
    email: str | None
    address: str | None
    coverages: list[CoverageShown]
    forms: list[DueForm]
    copay: NotedCopay | None
    identity_checked_at: datetime | None
    coverage_answer: str | None
    coverage_note: str | None
    reported: bool = Field(description="The person has told about allergies and medicines for this visit.")
    preparation: str | None


class FormAnswer(ApiModel):
    form_id: str
    answers: dict[str, bool | str]
    signed_by: str = Field(
        min_length=2, max_length=120, description="The name as it was written by who signs."
    )


class NoteCopay(ApiModel):
    amount: str | None = Field(
        default=None, description="Decimal digits, such as '25.00'; null with none_due."
    )
    how: Literal["cash", "card", "check", "pays_later", "none_due"]


class ReportedChanges(ApiModel):
    """In the person's own words; null: nothing has changed."""

    allergies: str | None = Field(default=None, max_length=1000)
    medications: str | None = Field(default=None, max_length=1000)


class CheckIn(ApiModel):
    version: str
    identity: Literal["two_identifiers"] | None = None
    coverage: Literal["as_shown", "changed", "no_coverage"] | None = None
    coverage_note: str | None = Field(default=None, max_length=300)
    forms: list[FormAnswer] = []
    copay: NoteCopay | None = None
    reported: ReportedChanges | None = None
    arrive: bool = Field(default=True, description="False keeps the answers and leaves the person expected.")


class ReportedChange(ApiModel):
    """What a person told about allergies and medicines, until a clinician has looked."""

    task_id: str
    version: int
    patient_id: str
    patient_name: str | None
    birth_date: str | None
    mrn: str | None
    reported_at: datetime
    reported_by: str
    allergies: str | None
    medications: str | None


class ReportedList(ApiModel):
    changes: list[ReportedChange]
