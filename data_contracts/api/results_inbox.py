"""The results inbox: what somebody has to look at, what was done about it, who covers, and what has no patient yet."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from data_contracts.api.chart import ResultPoint, ResultType
from data_contracts.api.model import ApiModel, Page
from data_contracts.api.patients import PatientName

Grade = Literal["critical", "not_checked", "abnormal", "normal", "not_flagged"]
GRADE_WORDS: dict[Grade, str] = {
    "critical": "Critical",
    "not_checked": "Could not be checked",
    "abnormal": "Abnormal",
    "normal": "Within range",
    "not_flagged": "Not flagged",
}
GRADE_RANK: dict[Grade, int] = {"critical": 0, "not_checked": 1, "abnormal": 2, "not_flagged": 3, "normal": 4}
"""The order of the inbox: what may be critical and could not be checked comes right after what is."""

Notice = Literal["new", "corrected", "cancelled", "withdrawn", "unreadable"]
NOTICE_WORDS: dict[Notice, str] = {
    "new": "",
    "corrected": "Corrected",
    "cancelled": "Cancelled by the sender",
    "withdrawn": "Entered in error",
    "unreadable": "Could not be read: open the chart",
}

ItemState = Literal["new", "acknowledged", "closed"]
ClosingAct = Literal["told_patient", "ordered", "recalled", "noted", "no_action", "reviewed", "withdrawn"]
ACT_WORDS: dict[str, str] = {
    "arrived": "arrived",
    "corrected": "was corrected",
    "cancelled": "was cancelled by the sender",
    "withdrawn": "was entered in error",
    "unreadable": "could not be read",
    "acknowledged": "acknowledged",
    "reviewed": "reviewed",
    "told_patient": "told the patient",
    "ordered": "ordered",
    "recalled": "arranged a recall",
    "noted": "noted",
    "no_action": "decided that nothing is to be done",
    "delegated": "delegated",
    "escalated": "passed on, because nobody had acknowledged it",
    "moved": "moved to another record",
    "order_unclear": "found several open orders that it may answer",
}


class SeenItem(ApiModel):
    """An item in the versions that were on the screen: of the item, and of the result itself."""

    item_id: str
    version: int
    result_version: int


class InboxResult(ApiModel):
    """One result on a card."""

    item_id: str
    version: int
    resource_type: ResultType
    resource_id: str
    result_version: int
    state: ItemState
    name: str
    points: list[tuple[str, ResultPoint]] = Field(
        description="(name, value as recorded): one, or one a component. Empty when it could not be read."
    )
    grade: Grade
    grade_reason: str
    notice: Notice
    was: str | None = Field(default=None, description="What somebody had acknowledged before the correction.")
    comments: list[str] = Field(default=[], description="The sender's comments on it.")
    trend: list[Decimal] = Field(
        default=[], description="Earlier numbers and this one in its unit, oldest first."
    )
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None


class InboxEvent(ApiModel):
    at: datetime
    who: str
    act: str
    note: str | None


class SuggestedMessage(ApiModel):
    """A first wording for the patient. Somebody reads and changes it before it is sent."""

    language: str
    language_known: bool = Field(description="False: no language that we have words for is recorded.")
    text: str


class InboxCard(ApiModel):
    """The results of one patient that came together: a panel, or one test."""

    group_key: str
    patient_id: str
    name: PatientName
    birth_date: str | None
    mrn: str | None
    phone: str | None
    language: str | None
    same_name: bool = False
    title: str
    results: list[InboxResult] = Field(description="The gravest first.")
    grade: Grade
    arrived_at: datetime
    notified_at: datetime
    owner: str = Field(description="Whose it is, in words: a clinician or a pool.")
    why_here: str = Field(description="'You ordered it', 'Covering for Dr. Chen', …")
    escalated_to: str | None = None
    escalated_at: datetime | None = None
    order_id: str | None = None
    order_name: str | None = None
    events: list[InboxEvent] = Field(default=[], description="The newest six, the newest first.")
    suggested: SuggestedMessage


class InboxCounts(ApiModel):
    """Open items: unacknowledged by grade, and acknowledged ones on which nothing was done yet."""

    critical: int
    not_checked: int
    abnormal: int
    other: int
    acknowledged: int
    unmatched: int = Field(description="Results that have no patient yet, whoever's they are.")
    on_their_way: int = Field(
        default=0, description="Results that are stored and not yet on a card; told with the counts alone."
    )

    @property
    def to_look_at(self) -> int:
        return self.critical + self.not_checked + self.abnormal + self.other


class Inbox(ApiModel):
    cards: list[InboxCard]
    page: Page
    counts: InboxCounts
    covering_for: list[str] = Field(default=[], description="Names of those whose inbox comes here as well.")
    covered_by: list[str] = Field(default=[], description="Who covers for the owner of this inbox today.")
    on_their_way: int = Field(default=0, description="Results that are stored and not yet on a card.")
    limits_source: str = Field(description="Where the critical limits are from, and who reviewed them.")


class InboxChoices(ApiModel):
    """(id, name) of who may have an inbox, and of the pools."""

    clinicians: list[tuple[str, str]]
    pools: list[tuple[str, str]]


class Acknowledge(ApiModel):
    """Says that the actor has looked at exactly these versions; with words, the patient is told at once."""

    items: list[SeenItem] = Field(min_length=1, max_length=60)
    message: str | None = Field(
        default=None,
        max_length=2000,
        description="For the patient, with the first of the items; as they read it.",
    )


class ActOnResults(ApiModel):
    """What was done about them. It acknowledges what nobody had acknowledged, and closes the items."""

    items: list[SeenItem] = Field(min_length=1, max_length=60)
    act: Literal["noted", "no_action", "recalled"]
    note: str = Field(min_length=3, max_length=2000)
    recall_on: date | None = Field(
        default=None, description="For a recall: the day to see the patient again."
    )


class Delegate(ApiModel):
    items: list[SeenItem] = Field(min_length=1, max_length=60)
    to_practitioner: str | None = None
    to_pool: str | None = None
    note: str | None = Field(default=None, max_length=2000)


class Acted(ApiModel):
    """What the items say now."""

    items: list[tuple[str, int, ItemState]] = Field(description="(item id, version, state).")


# --- results that have no patient yet


class SentPatient(ApiModel):
    """Whom the sender says it is about, as sent. Null is not sent."""

    family: str | None = Field(default=None, max_length=200)
    given: str | None = Field(default=None, max_length=200)
    birth_date: date | None = None
    sex: str | None = Field(default=None, max_length=20)
    mrn: str | None = Field(default=None, max_length=80, description="This site's record number.")
    phone: str | None = Field(default=None, max_length=40)


class IncomingResults(ApiModel):
    """A message of results from outside: FHIR resources without a subject, and whom they are about.

    References among them are 'Observation/id' with the ids of the message.
    """

    source: str = Field(min_length=2, max_length=200, description="Who sends.")
    message_id: str = Field(
        min_length=1, max_length=200, description="The sender's own; the same again changes nothing."
    )
    patient: SentPatient
    order_number: str | None = Field(
        default=None, max_length=80, description="Our order's id, if they have it."
    )
    results: list[dict[str, Any]] = Field(min_length=1, max_length=100)


class ReceivedResults(ApiModel):
    """What became of a message: in the chart of somebody, or waiting for a person to look."""

    received_id: str
    state: Literal["waiting", "stored", "set_aside"]
    patient_id: str | None
    why: str | None


Match = Literal["certain", "possible", "certainly_not"]
MATCH_WORDS: dict[Match, str] = {
    "certain": "Certain",
    "possible": "Possible",
    "certainly_not": "Certainly not",
}


class MatchCandidate(ApiModel):
    patient_id: str
    name: PatientName
    birth_date: str | None
    sex: str | None
    mrn: str | None
    match: Match
    reasons: list[str] = Field(description="What agrees and what does not, in words.")
    open_orders: list[str] = Field(default=[], description="Open orders of this patient that it may answer.")


class UnmatchedResult(ApiModel):
    received_id: str
    version: int
    source: str
    received_at: datetime
    why: str
    patient: SentPatient
    order_number: str | None
    results: list[str] = Field(description="What was sent, a line each: 'Potassium 6.9 mmol/L, 20-Nov-2026'.")
    grade: Grade
    grade_reason: str
    candidates: list[MatchCandidate] = Field(description="The best first; at most eight.")


class UnmatchedResults(ApiModel):
    waiting: list[UnmatchedResult] = Field(description="The gravest first, then the oldest; at most 50.")
    total: int


class AttachResult(ApiModel):
    """Puts it into this patient's chart. Anything but a certain match needs a reason."""

    version: int
    patient_id: str
    match: Match = Field(description="The grade that was on the screen: another one now is refused.")
    reason: str | None = Field(default=None, max_length=500)


class SetAside(ApiModel):
    """It is nobody's here. The message is kept, with the reason."""

    version: int
    reason: str = Field(min_length=3, max_length=500)


# --- coverage and pools


class Coverage(ApiModel):
    coverage_id: str
    version: int
    away_practitioner: str
    away_name: str
    covering: str = Field(description="Who covers, in words: a clinician or a pool.")
    starts_on: date
    ends_on: date
    in_force: bool
    made_by: str


class AddCoverage(ApiModel):
    away_practitioner: str
    covering_practitioner: str | None = None
    covering_pool: str | None = None
    starts_on: date
    ends_on: date


class CancelCoverage(ApiModel):
    version: int


class Pool(ApiModel):
    pool_id: str
    name: str
    purpose: Literal["unassigned", "on_call", "team"]
    members: list[tuple[str, str]] = Field(
        description="(practitioner id, name). None: everybody who may act on results."
    )


class SetPoolMembers(ApiModel):
    members: list[str] = Field(max_length=200, description="Practitioner ids.")


class AddPool(ApiModel):
    name: str = Field(min_length=2, max_length=80)


class CoverageSettings(ApiModel):
    coverages: list[Coverage] = Field(description="In force or to come, the first to begin first.")
    pools: list[Pool]
    choices: InboxChoices
    escalation_minutes: int = Field(
        description="After so long without acknowledgement a critical result is passed on."
    )
