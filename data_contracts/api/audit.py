"""The audit log as people read it: one line an event, in a plain sentence."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from data_contracts.api.access import PatientNamed
from data_contracts.api.model import ApiModel, Page


class AuditEvent(ApiModel):
    event_id: str
    at: datetime
    actor_id: str | None = Field(description="Null when nobody was signed in.")
    actor_name: str | None
    actor_kind: str | None
    act: str
    sentence: str = Field(description="What happened, in words: 'Dr Chen read Observation 123 (v2)'.")
    outcome: str = Field(description="`success`, `refused` or `failure`.")
    resource_type: str | None
    resource_id: str | None
    patient_id: str | None
    patient: PatientNamed | None = Field(default=None, repr=False)


class AuditPage(ApiModel):
    """One page of the events that match, newest first."""

    events: list[AuditEvent]
    page: Page
    counted_all: bool = Field(description="False: more match than `page.total`; counting stopped there.")


class AuditPeople(ApiModel):
    """What may be asked for: whose acts, as (id, name) pairs, and which, as (act, words) pairs."""

    people: list[tuple[str, str]]
    acts: list[tuple[str, str]] = []
