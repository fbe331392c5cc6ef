"""Care gaps: one object, one vocabulary on every screen; computed and human state apart, the status derived."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field, model_validator

from data_contracts.api.model import ApiModel, Page
from data_contracts.api.patients import ContactFacts, NextAppointment, PatientName
from data_contracts.api.risk import CareTier, TierChoice

GapStatus = Literal[
    "open",
    "outreach_sent",
    "scheduled",
    "result_pending",
    "closed",
    "excluded",
    "declined",
    "snoozed",
    "not_evaluable",
]

STATUS_WORDS: dict[str, str] = {
    "open": "Open",
    "outreach_sent": "Outreach sent",
    "scheduled": "Scheduled",
    "result_pending": "Result pending",
    "closed": "Closed",
    "excluded": "Excluded",
    "declined": "Declined",
    "snoozed": "Snoozed",
    "not_evaluable": "Could not be judged",
}

GapKind = Literal["due", "above_goal", "follow_up_due", "none"]

ExclusionReason = Literal[
    "clinical_contraindication",
    "not_clinically_appropriate",
    "limited_life_expectancy",
    "anatomically_not_applicable",
    "done_elsewhere_record_requested",
    "moved_away",
    "wrong_record",
    "other_administrative",
]

CLINICAL_EXCLUSION_REASONS: frozenset[str] = frozenset(
    {
        "clinical_contraindication",
        "not_clinically_appropriate",
        "limited_life_expectancy",
        "anatomically_not_applicable",
    }
)

EXCLUSION_REASON_WORDS: dict[str, str] = {
    "clinical_contraindication": "Contraindicated",
    "not_clinically_appropriate": "Not clinically appropriate now",
    "limited_life_expectancy": "Limited life expectancy",
    "anatomically_not_applicable": "Organ not present",
    "done_elsewhere_record_requested": "Done elsewhere, record requested",
    "moved_away": "Moved away",
    "wrong_record": "Belongs to another record",
    "other_administrative": "Other, administrative (say why)",
}


class Evidence(ApiModel):
    """The deciding fact. Null parts are parts that the record does not have."""

    resource_type: str
    resource_id: str | None = Field(description="Id in this chart; null when the actor may not open it.")
    on: date | None
    value: str | None = Field(description="With unit, as recorded: '10.2 %'.")
    what: str | None = Field(description="The fact's name: 'Hemoglobin A1c'.")
    masked: bool = Field(default=False, description="True: it exists but this actor may not see it.")


class OrderOption(ApiModel):
    """Something that one click orders."""

    code_system: str
    code: str
    display: str


class NextStep(ApiModel):
    """What to do, in words, and what may be ordered for it. No orders: it takes more than a click."""

    label: str
    orders: list[OrderOption] = []


class CareGap(ApiModel):
    """One gap of one patient, complete enough to be understood and acted on anywhere."""

    gap_id: str
    patient_id: str
    source_kind: Literal["recommendation", "measure"]
    source_id: str
    source_version: str
    title: str
    source_name: str = Field(description="Who recommends it: 'USPSTF 2024, grade B'.")
    status: GapStatus
    gap_kind: GapKind
    computed_status: Literal["open", "closed", "excluded", "not_evaluable"]
    why: str = Field(description="Why this patient, in words with value and date.")
    why_it_matters: str
    due_on: date | None
    overdue: bool
    priority: int = Field(ge=1, le=5)
    evidence: Evidence | None
    next_step: NextStep | None
    as_of: datetime
    owner: str | None = None
    owner_id: str | None = None
    attempts: int = 0
    last_attempt_at: datetime | None = None
    last_attempt_outcome: str | None = None
    status_until: date | None = Field(default=None, description="When this human or workflow state ends.")
    status_reason: str | None = None
    status_by: str | None = None
    can_undo: bool = Field(default=False, description="A manual state that may still be taken back.")
    patient_visible: bool = False
    reply_waiting_since: datetime | None = Field(
        default=None, description="The patient says that it was done; nobody has reviewed that yet."
    )
    version: int = Field(description="Sent back with an act; an older one is refused.")


class GapList(ApiModel):
    """All gaps of a patient: what wants action first, then closed and excluded ones."""

    patient_id: str
    gaps: list[CareGap]
    as_of: datetime | None = Field(description="When the gaps were last computed; null: never.")
    being_computed: bool = Field(default=False, description="A change is on its way through re-measure.")
    waiting_since: datetime | None = Field(
        default=None, description="When the oldest change that is on its way was made; null when none is."
    )
    unavailable: str | None = Field(default=None, description="A sentence when gaps could not be computed.")


class GapAct(ApiModel):
    """What every act on a gap carries."""

    version: int
    note: str | None = Field(default=None, max_length=2000)


class ExcludeGap(GapAct):
    reason: ExclusionReason
    expires_on: date

    @model_validator(mode="after")
    def _other_needs_words(self) -> ExcludeGap:
        if self.reason == "other_administrative" and not (self.note or "").strip():
            raise ValueError("Say why in `note` when the reason is 'other_administrative'.")
        return self


FOLLOW_UP_CONFIRMED = Field(
    default=False,
    description="The person knows of the abnormal result and still declines its follow-up; without it, refused.",
)


class DeclineGap(GapAct):
    re_ask_on: date
    follow_up_confirmed: bool = FOLLOW_UP_CONFIRMED


class SnoozeGap(GapAct):
    until: date


class OrderGap(GapAct):
    """Which of the next step's orders; may be left out when there is only one."""

    order_code: str | None = Field(default=None, max_length=64)


class AssignGaps(ApiModel):
    """Give patients to somebody. The ids are those that the confirm dialog named."""

    patient_ids: list[str] = Field(min_length=1, max_length=500)
    owner_id: str | None = Field(description="Null takes the owner away.")


class AssignedGaps(ApiModel):
    patients: int
    gaps: int


class OrderedGap(ApiModel):
    """Signed at once, or left in the basket: exactly one of the two ids is set."""

    gap: CareGap
    service_request_id: str | None = None
    draft_id: str | None = None
    waits_for: list[str] = Field(default=[], description="Why it stays in the basket, in sentences.")


CallOutcome = Literal["reached", "left_message", "no_answer", "wrong_number", "declined", "booked"]


class LogContact(ApiModel):
    """A call or a message, for all of a patient's gaps that it was about."""

    channel: Literal["phone", "sms", "email", "letter", "portal", "in_person"]
    outcome: CallOutcome
    gap_ids: list[str] = []
    follow_up_confirmed: bool = FOLLOW_UP_CONFIRMED
    interpreter_used: bool | None = None
    try_again_on: date | None = None
    note: str | None = Field(default=None, max_length=2000)


class ContactAttempt(ApiModel):
    attempt_id: str
    at: datetime
    by: str
    channel: str
    outcome: str
    note: str | None
    try_again_on: date | None


class WorklistQuery(ApiModel):
    """Filters of the worklist; they stand in the URL, so every field is a plain value."""

    source_id: str | None = None
    status: GapStatus | None = Field(default=None, description="Null: everything that wants action.")
    gap_kind: GapKind | None = None
    clinic_id: str | None = None
    clinician_id: str | None = None
    owner_id: str | None = Field(default=None, description="An account id, 'me' or 'nobody'.")
    language: str | None = None
    tier: TierChoice | None = Field(default=None, description="Care tier as the worklist shows it.")
    overdue_only: bool = False
    reply_waiting: bool = Field(
        default=False,
        description="Only gaps on which a patient's reply waits, booked or asked about ones too.",
    )
    name: str | None = Field(default=None, max_length=100)
    sort: Literal["priority", "due_on", "name", "last_attempt", "tier"] = "priority"
    page: int = Field(default=1, ge=1)
    size: int = Field(default=25, ge=1, le=100)


class WorklistGap(ApiModel):
    gap_id: str
    source_id: str
    title: str
    status: GapStatus
    gap_kind: GapKind
    why: str
    due_on: date | None
    overdue: bool
    priority: int
    reply_waiting_since: datetime | None = None
    version: int = Field(description="Sent back with an act; an older one is refused.")


class WorklistRow(ApiModel):
    """One patient with all their gaps together. No banner: this is a multi-patient screen."""

    patient_id: str
    name: PatientName
    birth_date: str | None
    age_years: int | None
    sex: str | None
    mrn: str | None
    clinic: str | None
    clinician: str | None
    language: str | None
    interpreter_required: bool | None
    contact: ContactFacts
    next_appointment: NextAppointment | None
    owner: str | None
    attempts: int
    last_attempt_at: datetime | None
    last_attempt_outcome: str | None
    gaps: list[WorklistGap]
    tier: CareTier
    same_name: bool = Field(default=False, description="Somebody else on this page has a name like this one.")
    not_checked: bool = Field(
        default=False, description="Part of the record cannot be read, so these gaps may be out of date."
    )


class WorklistChoices(ApiModel):
    """What the filters may be set to, as (value, words) pairs."""

    sources: list[tuple[str, str]]
    clinics: list[tuple[str, str]]
    clinicians: list[tuple[str, str]]
    owners: list[tuple[str, str]]
    languages: list[tuple[str, str]]


class WorklistPage(ApiModel):
    rows: list[WorklistRow]
    page: Page
    gaps: int = Field(description="All that match, on every page: of the status asked for, else open ones.")
    overdue_gaps: int
    replies_waiting: int = Field(
        description="Patients' replies that nobody has reviewed, whatever the filters."
    )
    as_of: datetime | None


class PatientReply(ApiModel):
    """'I already had this', as the patient said it, waiting for somebody to look. It closes nothing by itself."""

    reply_id: str
    gap_id: str
    patient_id: str
    name: PatientName
    birth_date: str | None
    mrn: str | None
    language: str | None
    same_name: bool = False
    title: str
    status: GapStatus
    gap_kind: GapKind
    received_at: datetime
    requested_at: datetime | None = Field(description="When the record was asked for at the other place.")
    when: str | None
    where: str | None


class PatientReplies(ApiModel):
    """The oldest ones first; `waiting` counts all, also those that are not listed."""

    replies: list[PatientReply]
    waiting: int


ReplyOutcome = Literal["recorded", "requested", "not_found"]


class ReviewReply(ApiModel):
    """What came of it: found and recorded in the chart, asked for at the other place (it waits on), or not found."""

    outcome: ReplyOutcome
    answer: str | None = Field(
        default=None, max_length=500, description="For the patient, who reads it as written."
    )
