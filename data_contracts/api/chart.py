"""The chart as the screens show it: summary, results with trend, and what may be recorded."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientBanner

AllergyState = Literal["known", "none_known", "not_recorded", "unavailable"]

ALLERGY_STATE_WORDS: dict[str, str] = {
    "known": "Known allergies",
    "none_known": "No known allergies",
    "not_recorded": "Allergies not recorded",
    "unavailable": "Allergies unavailable",
}


class Allergy(ApiModel):
    allergy_id: str
    substance: str
    reactions: list[str]
    severity: str | None
    criticality: str | None


class Problem(ApiModel):
    condition_id: str
    version_id: int = 0
    name: str
    code: str | None
    onset: str | None
    status: str


class Medication(ApiModel):
    """A prescription in force (`prescribed`), or what is said to be taken (`reported`). On hold is not taken."""

    medication_id: str
    kind: Literal["prescribed", "reported"]
    name: str
    dose: str | None = Field(
        description="As written (dosage text), else built from the dose; null when neither."
    )
    status: str
    since: str | None


ResultType = Literal["Observation", "DiagnosticReport"]

RetractableType = Literal["Observation", "DiagnosticReport", "Procedure", "Immunization", "DocumentReference"]
"""What may be marked as entered in error from the chart, and reinstated."""


class ResultPoint(ApiModel):
    """One measured value or one report, as recorded. `number` is null for a coded or worded value and for a report."""

    result_id: str
    resource_type: ResultType = "Observation"
    version_id: int
    at: str | None = Field(description="As recorded: instant, day, month or year.")
    number: Decimal | None
    second_number: Decimal | None = Field(
        default=None, description="The diastolic of a blood pressure, whose systolic is `number`."
    )
    text: str = Field(
        description="Value with unit exactly as recorded: '7.10 %'; of a report, its conclusion."
    )
    unit: str | None
    status: str
    flag: Literal["L", "LL", "H", "HH", "N", "A"] | None
    reference_low: Decimal | None = None
    reference_high: Decimal | None = None
    reference_text: str | None = None
    source: str | None = Field(default=None, description="'Outside record: …' when it came from elsewhere.")
    reviewed: bool = Field(default=False, description="True only where a review is recorded.")
    awaits_review: bool = Field(
        default=False,
        description="Final, and a clinician's review is expected. Both false: nothing is claimed.",
    )
    reviewed_by: str | None = None
    comment: str | None = Field(default=None, description="What the reviewer wrote to the patient.")
    can_correct: bool = False


class ResultSeries(ApiModel):
    """All values of one test, newest first, in one unit where the record allows it."""

    code: str
    system: str
    name: str
    category: Literal["laboratory", "vital-signs", "survey", "social-history", "imaging", "other"]
    unit: str | None
    points: list[ResultPoint]
    older: int = Field(
        default=0, description="Values of this test that were not sent along; none of them waits for review."
    )
    goal_low: Decimal | None = None
    goal_high: Decimal | None = None


class EncounterLine(ApiModel):
    encounter_id: str
    on: str | None
    kind: str
    reason: str | None
    with_whom: str | None


SummarySection = Literal["allergies", "problems", "medications", "vitals", "encounters", "immunizations"]


class ChartSummary(ApiModel):
    """The chart at a glance. A section among `unavailable` could not be read: its emptiness says nothing."""

    banner: PatientBanner
    unavailable: list[SummarySection] = []
    allergy_state: AllergyState
    allergies: list[Allergy]
    problems: list[Problem]
    medications: list[Medication]
    latest_vitals: list[ResultSeries] = Field(description="At most the two newest points of each vital sign.")
    encounters: list[EncounterLine] = Field(description="The ten newest.")
    immunizations: list[str] = Field(default=[], description="'Influenza, 12-Oct-2026' lines, newest first.")
    hidden_items: int = Field(
        default=0, description="Items that this actor may not see: never silently missing."
    )


class ResultsView(ApiModel):
    patient_id: str
    series: list[ResultSeries]
    hidden_items: int = 0
    unreadable_items: int = Field(default=0, description="Stored results that could not be read.")


class CareLine(ApiModel):
    """A procedure or a vaccination, with what a change of it must name."""

    resource_type: Literal["Procedure", "Immunization"]
    resource_id: str
    version_id: int
    name: str
    on: str | None = Field(description="As recorded: instant, day, month, year, or words.")
    status: str
    source: str | None = Field(description="'Outside record: …', or who did it; null when not recorded.")
    details: str | None = Field(default=None, description="Outcome as stated, or the lot.")


class DocumentLine(ApiModel):
    """A document on file. Its content is fetched by its id."""

    resource_type: Literal["DocumentReference"] = "DocumentReference"
    resource_id: str
    version_id: int
    name: str
    about: str | None
    on: str | None = Field(description="The day that it is about; else when it was filed.")
    status: str
    source: str | None
    content_type: str | None
    is_stored: bool = Field(description="Whether its content is kept here and can be opened.")


class PastCare(ApiModel):
    """What was done and what came on paper, newest first; what was entered in error stands there, marked."""

    patient_id: str
    procedures: list[CareLine]
    immunizations: list[CareLine]
    documents: list[DocumentLine]
    unreadable_items: int = Field(default=0, description="Stored entries that could not be read.")


class RecordVitals(ApiModel):
    """Vital signs of one moment. Units are fixed by the field; an absent field is not recorded, never zero."""

    at: datetime
    systolic_mmhg: Decimal | None = Field(default=None, ge=40, le=300)
    diastolic_mmhg: Decimal | None = Field(default=None, ge=20, le=200)
    heart_rate_per_minute: Decimal | None = Field(default=None, ge=20, le=300)
    temperature_celsius: Decimal | None = Field(default=None, ge=25, le=45)
    respiratory_rate_per_minute: Decimal | None = Field(default=None, ge=4, le=90)
    oxygen_saturation_percent: Decimal | None = Field(default=None, ge=40, le=100)
    weight_kg: Decimal | None = Field(default=None, ge=Decimal("0.3"), le=500)
    height_cm: Decimal | None = Field(default=None, ge=20, le=250)
    head_circumference_cm: Decimal | None = Field(default=None, ge=20, le=80)
    pain_score: int | None = Field(default=None, ge=0, le=10)
    oxygen_flow_l_per_minute: Decimal | None = Field(
        default=None, ge=0, le=60, description="With the saturation; 0 is room air, null is not recorded."
    )
    weight_lb: Decimal | None = Field(default=None, ge=1, le=1100, description="In place of weight_kg.")
    height_in: Decimal | None = Field(default=None, ge=8, le=98, description="In place of height_cm.")
    temperature_fahrenheit: Decimal | None = Field(
        default=None, ge=77, le=113, description="In place of temperature_celsius."
    )
    body_position: Literal["sitting", "standing", "lying"] | None = Field(
        default=None, description="At the blood pressure."
    )
    pressure_site: Literal["left arm", "right arm", "left leg", "right leg"] | None = None
    pressure_method: Literal["automatic", "manual"] | None = None
    temperature_site: Literal["oral", "ear", "forehead", "armpit", "rectal"] | None = None
    height_position: Literal["standing", "lying"] | None = None
    confirmed: list[str] = Field(
        default=[], description="Fields whose unusual value the person has looked at and confirmed."
    )
    encounter_id: str | None = None


class RecordResult(ApiModel):
    """A result measured here. `code` must be one that the site records (see `/api/recordable-results`).

    Either a number with its unit, or the code of one of the answers that this item may have.
    """

    code: str = Field(description="LOINC code.")
    at: datetime
    value: Decimal | None = Field(default=None, description="Sent as text ('7.10') so that no digit is lost.")
    unit: str | None = Field(default=None, description="UCUM code; must be one that this analyte may have.")
    value_code: str | None = Field(default=None, description="The answer's code, where answers are listed.")
    note: str | None = Field(default=None, max_length=2000)
    encounter_id: str | None = None


class RecordOutsideResult(ApiModel):
    """A result or procedure done elsewhere, from a document or by report. Value only where the thing has one."""

    code_system: str
    code: str
    kind: Literal["result", "procedure", "immunization"]
    on: date = Field(description="Day it was done.")
    source: str = Field(min_length=2, max_length=200, description="Who did it, or where the record is from.")
    value: Decimal | None = None
    unit: str | None = None
    value_code: str | None = Field(default=None, description="The answer's code, where answers are listed.")
    finding: Literal["normal", "abnormal", "not_stated"] = "not_stated"
    document_name: str | None = None
    document_type: str | None = None
    document_base64: str | None = Field(default=None, max_length=14_000_000)


class RecordImmunization(ApiModel):
    """A vaccination given here. `code` must be one that the site records (see `/api/recordable-results`)."""

    code: str = Field(description="CVX code.")
    at: datetime
    lot: str | None = Field(default=None, max_length=40, description="As printed on the vial.")
    expires_on: date | None = Field(default=None, description="Last day of the lot.")
    manufacturer: str | None = Field(default=None, max_length=100)
    site: str | None = Field(default=None, description="HL7 table 0163, from /api/history-words.")
    route: str | None = Field(default=None, description="HL7 table 0162, from /api/history-words.")
    dose_ml: Decimal | None = Field(default=None, gt=0, le=10)
    vis_date: date | None = Field(
        default=None, description="Edition of the Vaccine Information Statement given."
    )
    funding: str | None = Field(default=None, description="HL7 table 0064, from /api/history-words.")
    not_given_reason: str | None = Field(
        default=None,
        min_length=3,
        max_length=300,
        description="Offered and not given: why. Then nothing else.",
    )
    encounter_id: str | None = None
    acknowledged: list[Acknowledged] = Field(
        default_factory=list, max_length=50, description="A reason for each warning that interrupts."
    )


class CheckVaccine(ApiModel):
    """Asks what speaks against a vaccine before it is given."""

    code: str = Field(max_length=20, description="CVX code.")


class RecordableResult(ApiModel):
    """Something that may be recorded by hand: its name, code, units and plausible range."""

    code_system: str
    code: str
    name: str
    kind: Literal["result", "procedure", "immunization"]
    units: list[str]
    plausible_low: Decimal | None
    plausible_high: Decimal | None
    answers: list[tuple[str, str]] = Field(
        default=[], description="(code, words) of the answers it may have in place of a number."
    )
    asks_finding: bool = Field(
        default=False, description="From elsewhere: say whether it was normal, or that this is not stated."
    )
    source_ids: list[str] = Field(default=[], description="Recommendations for which it can be evidence.")


class Recorded(ApiModel):
    """What was written: ids and versions, and the outbox position that re-measure will reach."""

    resources: list[tuple[str, str, int]] = Field(description="(type, id, version) of each.")
    outbox_position: int


class CorrectResult(ApiModel):
    version_id: int
    value: Decimal
    unit: str
    reason: str = Field(min_length=3, max_length=500)


class MarkInError(ApiModel):
    version_id: int
    reason: str = Field(min_length=3, max_length=500)


class Reinstate(ApiModel):
    """Takes an 'entered in error' back: what is right after all counts again."""

    version_id: int
    reason: str = Field(min_length=3, max_length=500)


class ReviewResult(ApiModel):
    version_id: int
    comment_to_patient: str | None = Field(default=None, max_length=2000)


class RecordableResults(ApiModel):
    items: list[RecordableResult]
