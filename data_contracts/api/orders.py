"""Orders: the catalogue, the basket with its drafts, what was signed, and how it goes on from there."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.decision_support import Acknowledged, CheckedCards
from data_contracts.api.model import ApiModel, Page
from data_contracts.api.patients import PatientName

OrderKind = Literal["laboratory", "imaging", "referral", "nursing", "immunization", "other"]
KIND_WORDS: dict[OrderKind, str] = {
    "laboratory": "Laboratory",
    "imaging": "Imaging",
    "referral": "Referral",
    "nursing": "Nursing",
    "immunization": "Immunization",
    "other": "Other",
}

Priority = Literal["routine", "urgent", "asap", "stat"]
PRIORITY_WORDS: dict[Priority, str] = {
    "routine": "Routine",
    "urgent": "Urgent",
    "asap": "As soon as possible",
    "stat": "STAT",
}

Laterality = Literal["left", "right", "bilateral"]
Contrast = Literal["without", "with", "without_and_with", "radiologist_decides"]
CONTRAST_WORDS: dict[Contrast, str] = {
    "without": "Without contrast",
    "with": "With contrast",
    "without_and_with": "Without and with contrast",
    "radiologist_decides": "As the radiologist decides",
}
Pregnancy = Literal["not_pregnant", "pregnant", "unknown"]
PREGNANCY_WORDS: dict[Pregnancy, str] = {
    "not_pregnant": "Not pregnant",
    "pregnant": "Pregnant",
    "unknown": "Not known",
}

OrderStatus = Literal["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"]
ORDER_STATUS_WORDS: dict[str, str] = {
    "draft": "To be signed",
    "active": "Active",
    "on-hold": "On hold",
    "revoked": "Revoked",
    "completed": "Completed",
    "entered-in-error": "Entered in error",
    "unknown": "State not known",
}

RepeatUnit = Literal["day", "week", "month"]


class Repeat(ApiModel):
    """The same again in a rhythm, the first one at once. It ends: on a day, after a number of times, or both."""

    every: int = Field(ge=1, le=60)
    unit: RepeatUnit
    until: date | None = Field(default=None, description="Last day on which one may be made.")
    times: int | None = Field(default=None, ge=2, le=120, description="How many in all.")


class OrderDetails(ApiModel):
    """How it is to be done. What a kind of order needs is checked before it is signed, not before it is prepared."""

    priority: Priority = "routine"
    start_on: date | None = Field(default=None, description="Not before this day; null: now.")
    indication: str | None = Field(default=None, max_length=500, description="Why, in words.")
    question: str | None = Field(default=None, max_length=2000, description="What is asked of a specialist.")
    note: str | None = Field(default=None, max_length=2000, description="For who carries it out.")
    specimen: str | None = Field(default=None, max_length=200)
    fasting: bool | None = Field(default=None, description="Null: not said.")
    laterality: Laterality | None = None
    contrast: Contrast | None = None
    pregnancy: Pregnancy | None = None
    pregnancy_reason: str | None = Field(
        default=None, max_length=500, description="Why it is done although pregnant, or without knowing."
    )
    repeat: Repeat | None = None
    standing_until: date | None = Field(
        default=None, description="A standing order: staff release one as needed until this day."
    )


class CatalogueItem(ApiModel):
    """Something that can be ordered, with what its form must ask."""

    key: str
    kind: OrderKind
    name: str
    code_system: str
    code: str
    also: list[str] = Field(default=[], description="Other words that people type for it.")
    members: list[tuple[str, str]] = Field(default=[], description="(LOINC code, name) of a panel's tests.")
    specimen: str | None = None
    fasting: bool | None = Field(default=None, description="Null: not asked.")
    modality: str | None = None
    ionising: bool = False
    sides: bool = False
    usual_side: Laterality | None = None
    contrast: bool = False
    again_days: int = Field(description="The same within so many days is warned of as a duplicate (days).")
    due_days: dict[Priority, int] = Field(description="When its result is expected after its start (days).")


class OrderSet(ApiModel):
    key: str
    name: str
    items: list[str] = Field(description="Names of what is in it.")


class OrderCatalogue(ApiModel):
    items: list[CatalogueItem]
    sets: list[OrderSet]


class DraftOrder(ApiModel):
    """One line of the basket: prepared, not signed."""

    draft_id: str
    version: int
    patient_id: str
    item_key: str | None
    kind: OrderKind
    name: str
    details: OrderDetails
    prepared_by: str
    prepared_at: datetime
    gap_id: str | None = None
    missing: list[tuple[str, str]] = Field(
        default=[], description="(field, sentence) of what must be filled in before it can be signed."
    )


class Basket(ApiModel):
    patient_id: str
    drafts: list[DraftOrder]
    may_sign: bool = Field(description="This reader may sign orders.")
    asks_pregnancy: bool = Field(description="The pregnancy question is asked of this patient.")


class AddDrafts(ApiModel):
    """One item with its details, or a whole set."""

    item_key: str | None = None
    set_key: str | None = None
    details: OrderDetails = OrderDetails()
    result_item_id: str | None = Field(default=None, description="The inbox item that this order answers.")


class ChangeDraft(ApiModel):
    version: int
    details: OrderDetails


class DiscardDraft(ApiModel):
    version: int


class DraftChecked(ApiModel):
    """What decision support says of one line of a basket."""

    draft_id: str
    version: int
    checked: CheckedCards


class BasketChecked(ApiModel):
    patient_id: str
    drafts: list[DraftChecked]


class SignOrders(ApiModel):
    """Signs exactly these drafts in exactly these versions, all or none. The same key again signs nothing more."""

    sign_key: str = Field(max_length=36, description="A UUID, made when the button was drawn.")
    drafts: list[tuple[str, int]] = Field(min_length=1, max_length=60, description="(draft id, version).")
    acknowledged: dict[str, list[Acknowledged]] = Field(
        default={}, description="By draft id: why it is signed although a safety warning interrupts."
    )


class SignedOrder(ApiModel):
    order_id: str
    version_id: int
    name: str


class SignedOrders(ApiModel):
    orders: list[SignedOrder]
    signed_before: bool = Field(default=False, description="This very act had been done already.")


class PlaceOrder(ApiModel):
    """One order that is signed at once by who sends it."""

    code_system: str = Field(max_length=200, description="URI of the code system.")
    code: str = Field(max_length=50)
    display: str = Field(min_length=1, max_length=200, description="What is ordered, in words.")
    reason: str | None = Field(default=None, max_length=500)


class PlacedOrder(ApiModel):
    service_request_id: str
    version_id: int


class OrderLine(ApiModel):
    """One order as the chart and the lists show it. `version_id` is what an act on it must name."""

    order_id: str
    version_id: int
    patient_id: str
    kind: OrderKind
    name: str
    status: OrderStatus
    priority: Priority
    ordered_on: str | None = Field(description="As recorded; null when the record does not say.")
    ordered_by: str | None
    reason: str | None
    details: list[str] = Field(default=[], description="'Left', 'Fasting', 'Question: …'.")
    due_on: date | None = Field(description="When its result is expected; null when that is not known.")
    overdue: bool
    results: list[str] = Field(default=[], description="What has come back for it, as references.")
    waits_for: list[str] = Field(default=[], description="Tests of a panel that have not come back yet.")
    last_note: str | None = Field(default=None, description="Why it was held, revoked or closed by hand.")
    repeat: str | None = Field(default=None, description="'Every 3 months until 20-Nov-2027; 2 made'.")
    next_due_on: date | None = None
    may_release: bool = Field(
        default=False, description="A standing order of which staff may release one now."
    )
    part_of: str | None = Field(default=None, description="The repeating order that this is one of.")


class PatientOrders(ApiModel):
    patient_id: str
    orders: list[OrderLine] = Field(description="Open ones first, then the newest; at most 60 closed ones.")
    closed_not_shown: int = 0


class OrderAct(ApiModel):
    version_id: int


class OrderActWithReason(OrderAct):
    reason: str = Field(min_length=3, max_length=500)


class ReportReceived(OrderAct):
    """Closes the loop of a referral, or an order by hand: what came back, or where it is filed."""

    summary: str = Field(min_length=3, max_length=4000, description="What the report says, in short.")
    document_id: str | None = Field(default=None, description="A document of this patient, if it is filed.")


class OverdueOrder(ApiModel):
    """An order without a result past its day, with who it is about."""

    order: OrderLine
    name: PatientName
    birth_date: str | None
    mrn: str | None
    phone: str | None
    same_name: bool = False
    days_late: int


class OverdueOrders(ApiModel):
    orders: list[OverdueOrder] = Field(description="The longest overdue first within urgent and routine.")
    page: Page
    kinds: dict[OrderKind, int] = Field(description="How many of each kind, all pages together.")


class BasketToSign(ApiModel):
    """A patient whose basket waits for a signature."""

    patient_id: str
    name: PatientName
    birth_date: str | None
    mrn: str | None
    same_name: bool = False
    names: list[str]
    prepared_by: list[str]
    since: datetime


class BasketsToSign(ApiModel):
    baskets: list[BasketToSign]
