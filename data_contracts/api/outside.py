"""What goes out to other systems: subscriptions as administrators see them, and outside decision support."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.medications import PrescriptionDraft
from data_contracts.api.model import ApiModel

SubscriptionStatus = Literal["requested", "active", "error", "off"]
Hook = Literal["patient-view", "order-select", "order-sign"]


class SubscriptionInfo(ApiModel):
    """`waiting` are events that were not delivered yet; `failure` is why the last try failed."""

    subscription_id: str
    application: str
    topic: str
    endpoint: str
    content: str
    status: SubscriptionStatus
    events: int
    waiting: int
    tries: int
    failure: str | None
    failed_at: datetime | None
    next_try_at: datetime | None
    last_sent_at: datetime | None

    @property
    def fails(self) -> bool:
        return self.failure is not None


class Subscriptions(ApiModel):
    subscriptions: list[SubscriptionInfo]


class NewCdsService(ApiModel):
    """An outside CDS Hooks service. `prefetch` are its templates, each a read or a search of FHIR."""

    service_id: str = Field(
        min_length=1,
        max_length=80,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Its id there, and its name here.",
    )
    hook: Hook
    title: str = Field(min_length=1, max_length=100, description="As people read it beside its cards.")
    url: str = Field(
        max_length=2000, description="The service's own address, such as https://…/cds-services/x."
    )
    prefetch: dict[str, str] = Field(default={}, max_length=20)
    known_as: str | None = Field(
        default=None,
        max_length=200,
        description="Issuer by which the service knows us; without one our address.",
    )


class CdsServiceInfo(ApiModel):
    """`rests_until`: after several failures in a row it is not asked until then."""

    service_id: str
    hook: Hook
    title: str
    url: str
    prefetch: dict[str, str]
    known_as: str | None
    disabled: bool
    failures: int
    rests_until: datetime | None
    last_failure: str | None
    last_failed_at: datetime | None
    last_answered_at: datetime | None


class CdsServices(ApiModel):
    services: list[CdsServiceInfo]


class OutsideLink(ApiModel):
    label: str
    url: str


class OutsideReason(ApiModel):
    system: str
    code: str
    display: str


class OutsideCard(ApiModel):
    """A card from outside, as plain text: `detail` is not formatted, and `suggestions` are words, never acts."""

    card_id: str
    service_id: str
    service: str
    summary: str
    detail: str
    indicator: Literal["info", "warning", "critical"]
    source: str
    source_url: str | None
    links: list[OutsideLink]
    suggestions: list[str]
    reasons: list[OutsideReason]


class NotChecked(ApiModel):
    """A service that gave no answer in time, and why."""

    service: str
    why: str


class OutsideCards(ApiModel):
    """`asked` is how many services were asked; `could_not` are those of which nothing can be said."""

    asked: int
    cards: list[OutsideCard]
    could_not: list[NotChecked]


class WrittenPrescription(ApiModel):
    """A prescription that is being written; `draft_id` is the form's, the same while it is open."""

    draft_id: str = Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9.-]+$")
    draft: PrescriptionDraft


class RenewedPrescription(ApiModel):
    """A refill that is about to be approved; `request_id` is that of the request for it."""

    request_id: str = Field(min_length=1, max_length=64)
    refills: int = Field(ge=0, le=99)


class AskOutside(ApiModel):
    """The orders are those that wait in the patient's basket and the prescriptions that wait for a prescriber, with the
    one that is being written or renewed; `chosen` are the newest orders, for order-select, where there is none such.
    """

    patient_id: str = Field(min_length=1, max_length=64)
    hook: Hook = "patient-view"
    encounter_id: str | None = Field(default=None, max_length=64)
    chosen: list[str] = Field(default=[], max_length=100)
    prescription: WrittenPrescription | None = None
    renewal: RenewedPrescription | None = None


class AnswerCard(ApiModel):
    outcome: Literal["accepted", "overridden"]
    reason: OutsideReason | None = None
