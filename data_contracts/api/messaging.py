"""Messages to patients: the local mailbox, and the one-tap links that they carry."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel, Page

MessageState = Literal["waiting", "sent", "failed", "withheld", "overtaken"]


class MailboxMessage(ApiModel):
    message_id: str
    patient_id: str
    kind: str
    channel: Literal["email", "sms"]
    state: MessageState
    why: str | None = Field(description="Why it was withheld or failed, in a sentence.")
    sender: str | None = Field(
        description="Which sender took it: 'mailbox' kept it here and sent nothing out."
    )
    address: str | None
    subject: str | None
    body: str | None
    made_at: datetime
    not_before: datetime
    sent_at: datetime | None


class Mailbox(ApiModel):
    messages: list[MailboxMessage]
    page: Page
    senders: dict[str, str] = Field(description="Which sender serves each channel.")


class LinkToken(ApiModel):
    token: str = Field(max_length=200)


class LinkAct(ApiModel):
    token: str = Field(max_length=200)
    act: Literal["confirm", "cancel", "accept", "decline"]


class LinkPage(ApiModel):
    """What the page of a link says. Nothing of who it is for."""

    purpose: Literal["answer_visit", "accept_offer"]
    language: str
    site_name: str
    place: str | None
    starts_at: datetime | None
    time_zone: str
    acts: list[Literal["confirm", "cancel", "accept", "decline"]] = Field(
        description="Empty: nothing to do any more."
    )
    said: str = Field(
        description="Which sentence stands above: open, confirmed, cancelled, accepted, declined, over."
    )
