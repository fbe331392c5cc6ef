"""Alerts of the watch over the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.access import PatientNamed
from data_contracts.api.model import ApiModel

AlertOutcome = Literal["explained", "follow_up", "incident"]
ALERT_RULES: dict[str, str] = {
    "same_surname": "Chart of somebody of the same family name",
    "well_known_chart": "Chart of a well-known person or a colleague",
    "bulk_look_ups": "Very many charts in a short time",
    "impossible_hours": "Charts opened when the house is shut",
    "impossible_places": "Signed in from many networks at once",
    "repeated_refusals": "Refused again and again",
    "glass_cluster": "Glass broken again and again",
}
ALERT_OUTCOMES: dict[str, str] = {
    "explained": "Explained",
    "follow_up": "Talk to them about it",
    "incident": "An incident: handle it as one",
}


class Alert(ApiModel):
    alert_id: str
    rule: str = Field(description="A key of ALERT_RULES.")
    about: str
    account_id: str | None
    account_name: str | None
    address: str | None
    patient_ids: list[str]
    patients: list[PatientNamed] = Field(
        default=[], repr=False, description="The first ten of them, by name."
    )
    severity: Literal["look", "serious"]
    acts: int
    first_at: datetime
    last_at: datetime
    raised_at: datetime
    state: Literal["raised", "acknowledged", "closed"]
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    outcome: AlertOutcome | None
    words: str | None


class Alerts(ApiModel):
    alerts: list[Alert]


class CloseAlert(ApiModel):
    outcome: AlertOutcome
    words: str | None = Field(default=None, max_length=500, repr=False)
