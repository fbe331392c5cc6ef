"""The portal: a person's own record in plain words."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

Language = Literal["en", "es"]
LANGUAGES_SPOKEN: tuple[Language, ...] = ("en", "es")
"""The portal's languages: every word of an answer is in one of them."""


class OwnLanguage(ApiModel):
    language: Language | None = Field(
        description="The record's language; null when none is recorded or the portal does not speak it."
    )


ReplyState = Literal["waiting", "requested", "recorded", "not_found"]


class OwnReply(ApiModel):
    """What the person told us about one item, and what came of it: still to be checked, or answered."""

    gap_id: str
    title: str
    told_at: datetime = Field(description="In the site's time zone, as `answered_at`.")
    state: ReplyState = Field(
        description="`waiting`: nobody has looked yet. `requested`: we have asked the other place."
    )
    answered_at: datetime | None
    answer: str | None = Field(description="Words of the clinic, as they wrote them.")

    @property
    def is_being_checked(self) -> bool:
        return self.state in ("waiting", "requested")


class ThingToDo(ApiModel):
    """One thing to do, with what the person told us about it."""

    gap_id: str
    title: str
    text: str = Field(description="'We have no record of …': plain words, never 'overdue'.")
    action: str
    version: int
    reply: OwnReply | None = None
    scheduled_on: date | None = None

    @property
    def is_under_way(self) -> bool:
        """Booked, or told to be done and not yet checked: nothing for the person to do now."""
        return self.scheduled_on is not None or (self.reply is not None and self.reply.is_being_checked)


class OwnAppointment(ApiModel):
    starts_at: datetime = Field(description="In the site's time zone.")
    time_zone: str = Field(description="The site's, an IANA name.")
    minutes: int | None
    with_whom: str | None
    where: str | None
    reason: str | None


class OwnResult(ApiModel):
    result_id: str
    is_report: bool = Field(
        default=False, description="`text` is then what the report concludes, as written."
    )
    name: str = Field(description="Plain words; the sender's own name for a test that we have none for.")
    medical_name: str | None = Field(
        default=None, description="The medical word, to stand after the plain one."
    )
    category: Literal["laboratory", "imaging", "vital-signs", "other"]
    on: str | None
    text: str = Field(description="Value with unit as people read it, every digit as recorded.")
    number: Decimal | None
    unit: str | None = Field(description="As people read it: '×10³/µL', not a UCUM code.")
    low: Decimal | None = Field(description="Usual range; one bound may be null. Both null: no number line.")
    high: Decimal | None
    range_text: str | None = Field(
        default=None, description="The usual range as the laboratory worded it, where it is not a number."
    )
    words: str | None = Field(
        description="Where the number lies ('A little above the usual range.'), or what the two numbers of a blood "
        "pressure are; null where there is no numeric range."
    )
    reviewed: bool = Field(description="True only where a review is recorded.")
    awaits_review: bool = Field(description="Both false: an old result of which nothing is claimed.")
    comment: str | None = None
    status: Literal["final", "amended", "corrected", "appended"]
    earlier: list[tuple[str | None, str]] = Field(default=[], description="(date, value) of earlier ones.")


ToDoState = Literal["checked", "not_checked", "paused"]


class PortalHome(ApiModel):
    patient_id: str
    first_name: str | None
    language: Language = Field(description="In which every word of this answer is.")
    things_to_do: list[ThingToDo] = Field(
        description="Most important first; what was told to be done or is booked comes last."
    )
    to_do_state: ToDoState = Field(
        description="`not_checked`: never computed, or it failed, so an empty list says nothing. `paused`: this person "
        "is not reminded (opted out, care moved)."
    )
    replies: list[OwnReply] = Field(
        default=[], description="Told about items that are not on the list (any more), of the last 30 days."
    )
    next_visit: OwnAppointment | None
    new_results: int = Field(
        description="Tests whose newest result is from the last 30 days; no vital signs."
    )
    site_name: str
    hidden_items: bool = Field(default=False, description="Some items are not shown here; ask the clinic.")


class OwnResults(ApiModel):
    language: Language
    results: list[OwnResult]
    hidden_items: bool = False


class AlreadyHadThis(ApiModel):
    """'I already had this': goes to review and closes nothing by itself."""

    version: int
    when: str | None = Field(default=None, max_length=100)
    where: str | None = Field(default=None, max_length=200)
    language: str | None = Field(
        default=None, max_length=35, description="Of the answer; null: the record's."
    )


class ReplyReceived(ApiModel):
    gap_id: str
    received_at: datetime
    message: str


class RecordOpened(ApiModel):
    """One person, one kind of act, one day: how often, and whether it was refused."""

    day: date
    who: str
    roles: list[str]
    what: str
    times: int
    refused: bool


class RecordOpenings(ApiModel):
    """Who did something in the record, the newest first; the person's own acts are left out."""

    openings: list[RecordOpened]
