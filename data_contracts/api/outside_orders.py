"""Orders that came over FHIR and that nobody here has looked at, with what decision support says of them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from data_contracts.api.decision_support import Acknowledged, CheckedCards
from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientName


class OutsideOrder(ApiModel):
    """`requester` is whom the order itself names; null where it names nobody in words."""

    reference: str
    version_id: int
    name: str
    written_at: datetime
    requester: str | None
    may_review: bool
    checked: CheckedCards


class OutsideOrders(ApiModel):
    orders: list[OutsideOrder]


class ReviewOutsideOrder(ApiModel):
    """Somebody has looked; a warning that interrupts needs a reason."""

    reference: str = Field(max_length=100)
    version_id: int
    acknowledged: list[Acknowledged] = Field(default_factory=list, max_length=50)


class WaitingOutsideOrder(ApiModel):
    """A patient with such orders against which a warning stands."""

    patient_id: str
    name: PatientName
    birth_date: str | None
    mrn: str | None
    same_name: bool = False
    since: datetime
    orders: int


class WaitingOutsideOrders(ApiModel):
    patients: list[WaitingOutsideOrder]
