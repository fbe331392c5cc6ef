"""Medicines at the chart: what can be prescribed, a prescription as it is written, and the list with its acts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from data_contracts.api.decision_support import Acknowledged, CheckedCards
from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientBanner, PatientName

PrescriptionState = Literal[
    "draft", "signed", "sent", "dispensed", "on_hold", "stopped", "cancelled", "completed"
]

REFILL_SYSTEM = "https://almoner.dev/fhir/CodeSystem/task"
REFILL_CODE = "refill"
"""How a FHIR Task says that it asks for a refill."""

PRESCRIPTION_STATE_WORDS: dict[str, str] = {
    "draft": "Draft, not signed",
    "signed": "Signed",
    "sent": "Sent to the pharmacy",
    "dispensed": "Dispensed",
    "on_hold": "On hold: not being taken",
    "stopped": "Stopped",
    "cancelled": "Cancelled",
    "completed": "Completed",
}


class Choice(ApiModel):
    """One entry of a list: what is stored, and the words for it."""

    code: str
    words: str


class ProductOption(ApiModel):
    """A product that the search found. `not_here` says why it cannot be prescribed electronically; null when it can."""

    rxcui: str
    name: str = Field(description="With the letters that tell look-alikes apart in capitals.")
    form: str
    brand: str | None = Field(description="The brand by which it was found.")
    route: str | None
    dose_unit: str | None
    schedule: str | None = Field(description="Federal schedule II to V; null for none.")
    not_here: str | None


class ProductsFound(ApiModel):
    items: list[ProductOption]
    coverage: str = Field(description="What the list covers, to be shown beside it.")


class PrescribingChoices(ApiModel):
    """The lists of the form."""

    routes: list[Choice]
    frequencies: list[Choice]
    stop_reasons: list[Choice]
    allergy_overrides: list[Choice]


class Sig(ApiModel):
    """How it is taken. Either the parts or `free_text`; parts give the arithmetic, free text is taken as written."""

    dose_amount: Decimal | None = Field(
        default=None, gt=0, le=10_000, description="Units of `dose_unit` each time."
    )
    dose_unit: str | None = Field(default=None, max_length=30)
    route: str | None = Field(default=None, max_length=30)
    frequency: str | None = Field(default=None, max_length=30)
    as_needed: bool = False
    as_needed_for: str | None = Field(default=None, max_length=100)
    duration_days: int | None = Field(default=None, ge=1, le=3650)
    free_text: str | None = Field(default=None, max_length=1000)


class Replaced(ApiModel):
    """A prescription as it was on the screen."""

    prescription_id: str = Field(max_length=64)
    version_id: int


class PrescriptionDraft(ApiModel):
    """A prescription as it is written. Without `rxcui` it is words only, and checks by ingredient cannot be done."""

    rxcui: str | None = Field(default=None, max_length=20)
    name: str = Field(min_length=1, max_length=300)
    sig: Sig
    quantity: Decimal | None = Field(default=None, gt=0, le=10_000)
    quantity_unit: str | None = Field(default=None, max_length=30)
    days_supply: int | None = Field(default=None, ge=1, le=365)
    refills: int = Field(default=0, ge=0, le=11)
    substitution_allowed: bool = True
    indication_code: str | None = Field(default=None, max_length=20, description="ICD-10-CM.")
    indication: str | None = Field(default=None, max_length=200)
    pharmacy: str | None = Field(default=None, max_length=200)
    note_to_pharmacist: str | None = Field(default=None, max_length=500)
    encounter_id: str | None = Field(default=None, max_length=64)
    replaces: list[Replaced] = Field(
        default_factory=list, max_length=10, description="Prescriptions that end with this one."
    )


class SigArithmetic(ApiModel):
    """What the parts of a sig come to. Null where they do not say."""

    text: str
    doses_per_day: Decimal | None
    quantity: Decimal | None = Field(description="Units that the days' supply needs, rounded up.")
    days_supply: int | None = Field(description="Days that the quantity lasts, whole days.")
    disagreement: str | None = Field(description="A sentence where quantity and days' supply do not fit.")


class PrescriptionChecked(ApiModel):
    """The draft with its arithmetic and what decision support says of it."""

    arithmetic: SigArithmetic
    cards: CheckedCards
    blocked: str | None = Field(description="Why it cannot be signed as it stands; null when it can.")


class CheckPrescription(ApiModel):
    """A draft to check. `request_id` is the form's: however often it is checked while it is written, it counts once."""

    draft: PrescriptionDraft
    request_id: str | None = Field(default=None, min_length=8, max_length=64)


class PreparePrescription(ApiModel):
    """Puts a prescription before a prescriber: it is on no list before somebody signs it."""

    request_id: str = Field(min_length=8, max_length=64)
    draft: PrescriptionDraft


class SignPrepared(ApiModel):
    """Signs a prescription that somebody prepared, bound to the version on the screen."""

    version_id: int
    acknowledged: list[Acknowledged] = Field(default_factory=list, max_length=50)
    allergy_override: str | None = Field(default=None, max_length=50)


class SignPrescription(ApiModel):
    """Signs a new prescription. `request_id` makes it once only, however often it is sent."""

    request_id: str = Field(min_length=8, max_length=64)
    draft: PrescriptionDraft
    send: bool = Field(
        default=True, description="To the pharmacy that is named; otherwise signed only (print, sample)."
    )
    acknowledged: list[Acknowledged] = Field(default_factory=list, max_length=50)
    allergy_override: str | None = Field(default=None, max_length=50)


class PrescriptionWritten(ApiModel):
    prescription_id: str
    version_id: int
    state: PrescriptionState


class ChangePrescription(ApiModel):
    """An act on one prescription, bound to the version that was on the screen."""

    version_id: int
    reason: str | None = Field(default=None, max_length=50)
    words: str | None = Field(default=None, max_length=300)


class SendPrescription(ApiModel):
    """Says that a signed prescription went to a pharmacy, or goes there now."""

    version_id: int
    pharmacy: str = Field(min_length=2, max_length=200)


class RecordDispense(ApiModel):
    """What a pharmacy says that it gave out; written down by hand."""

    version_id: int
    on: date
    quantity: Decimal | None = Field(default=None, gt=0, le=10_000)
    told_by: str = Field(default="pharmacy, by telephone", max_length=200)


class RecordReview(ApiModel):
    """Something that was done outside this system and that the opioid rules ask for."""

    kind: Literal["pdmp_review", "urine_drug_test", "naloxone_supplied"]
    on: date | None = Field(default=None, description="The day; today where none is given.")


class ReviewRecorded(ApiModel):
    procedure_id: str
    words: str
    on: date


PrescriptionAct = Literal["stop", "hold", "resume"]


class MedicationEntry(ApiModel):
    """A line of the medication list with what can be done about it."""

    prescription_id: str
    version_id: int
    kind: Literal["prescribed", "reported"]
    state: PrescriptionState | None
    name: str
    sig: str | None
    rxcui: str | None
    ingredients_known: bool
    written_on: str | None
    written_by: str | None
    indication: str | None
    pharmacy: str | None
    refills_left: int | None
    last_dispensed_on: date | None
    stop_reason: str | None
    since: str | None


class PreparedPrescription(ApiModel):
    """A prescription that waits for a prescriber's signature, with its checks."""

    entry: MedicationEntry
    prepared_by: str
    cards: CheckedCards
    one_click: bool
    why_not: str | None = Field(
        description="Why it must be opened before it is signed; null when one click does."
    )
    blocked: str | None = Field(
        description="What must be answered first (allergies never asked); null for nothing."
    )


class MedicationList(ApiModel):
    banner: PatientBanner
    current: list[MedicationEntry]
    past: list[MedicationEntry]
    prepared: list[PreparedPrescription] = []
    must_be_reconciled: str | None = Field(
        default=None, description="Why, where the record itself asks for it (two records were merged)."
    )
    refill_requests: list[RefillRequest]
    coverage: str
    as_of: datetime


class RefillRequest(ApiModel):
    """A refill that somebody asked for, with what approving it needs to know."""

    request_id: str
    version_id: int
    prescription_id: str
    prescription_version_id: int
    patient_id: str
    name: PatientName
    same_name: bool = Field(
        default=False, description="Another one on this list is called the same or alike."
    )
    birth_date: str | None
    mrn: str | None
    medication: str
    sig: str | None
    asked_by: str
    asked_at: datetime
    refills_left: int | None
    last_dispensed_on: date | None
    last_visit_on: date | None
    cards: CheckedCards
    one_click: bool = Field(
        description="Off where a rule interrupts, a check could not run or monitoring is overdue."
    )
    why_not: str | None


class RefillRequests(ApiModel):
    items: list[RefillRequest]


class RefillsWaiting(ApiModel):
    """A number only, no patient."""

    waiting: int


class AskRefill(ApiModel):
    prescription_id: str = Field(max_length=64)
    asked_by: str = Field(default="pharmacy", max_length=100)


class AnswerRefill(ApiModel):
    version_id: int
    prescription_version_id: int
    approve: bool
    refills: int = Field(default=0, ge=0, le=11)
    reason: str | None = Field(default=None, max_length=300)
    acknowledged: list[Acknowledged] = Field(default_factory=list, max_length=50)


MedicationList.model_rebuild()
