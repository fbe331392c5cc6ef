"""The accounting of disclosures: to whom outside a record went, when, what and why."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

Purpose = Literal["public_health", "law", "court", "oversight", "research", "other"]
PURPOSES: dict[str, str] = {
    "public_health": "Public health authority",
    "law": "Required by law",
    "court": "Court order or subpoena",
    "oversight": "Health oversight",
    "research": "Research without authorization",
    "other": "Other",
    "application": "An application that was let in",
}
"""The words of each purpose, in the order of the list on the screen; the last is told by the audit log."""


class NewDisclosure(ApiModel):
    patient_id: str = Field(min_length=1, max_length=64)
    disclosed_on: date
    recipient: str = Field(min_length=1, max_length=200, repr=False)
    recipient_address: str | None = Field(default=None, max_length=300, repr=False)
    what: str = Field(min_length=1, max_length=500, repr=False)
    purpose: Purpose
    basis: str = Field(min_length=1, max_length=500, repr=False, description="The law, order or request.")


class Disclosed(ApiModel):
    day: date
    recipient: str
    recipient_address: str | None
    what: str
    purpose: str = Field(description="A key of PURPOSES.")
    basis: str | None
    by_hand: bool = Field(description="False: the audit log tells it.")
    times: int


class Accounting(ApiModel):
    """The last six years, the newest first."""

    disclosures: list[Disclosed]


class DisclosureMade(ApiModel):
    disclosure_id: str
