"""Registering somebody: who may be there already, graded, and what the clerk says about each."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientHit

Grade = Literal["certain", "possible", "certainly_not"]
Sex = Literal["female", "male", "other", "unknown"]

GRADE_WORDS: dict[Grade, str] = {
    "certain": "Certainly the same person",
    "possible": "Possibly the same person",
    "certainly_not": "Certainly not the same person",
}
SHORTEST_REASON, LONGEST_REASON = 3, 500
PARTIAL_DATE = r"^\d{4}(-\d{2}(-\d{2})?)?$"


class NewPatient(ApiModel):
    """What is asked of somebody who comes for the first time. Everything that is not known stays null."""

    family: str | None = Field(default=None, max_length=100)
    given: str | None = Field(default=None, max_length=100, description="First name.")
    middle: str | None = Field(default=None, max_length=100)
    suffix: str | None = Field(default=None, max_length=20, description="Jr., Sr., III.")
    used_name: str | None = Field(default=None, max_length=100, description="Name in use, when it differs.")
    birth_date: str | None = Field(
        default=None, description="ISO; a year or a month alone when no more is known.", max_length=10
    )
    birth_order: int | None = Field(default=None, ge=1, le=10, description="Of twins or more: first, second.")
    sex: Sex | None = None
    phone: str | None = Field(default=None, max_length=40)
    email: str | None = Field(default=None, max_length=200)
    address_line: str | None = Field(default=None, max_length=200)
    city: str | None = Field(default=None, max_length=100)
    state: str | None = Field(default=None, max_length=2, description="USPS code: NY.")
    postal_code: str | None = Field(default=None, max_length=10)
    language: str | None = Field(default=None, max_length=20, description="BCP 47: en, es, zh-Hant.")
    interpreter_required: bool | None = None


class DuplicateCandidate(ApiModel):
    """Somebody who is there already, beside the person of the form. Reasons hold no value of the record."""

    hit: PatientHit
    grade: Grade
    reasons: list[str]
    earlier_record: bool = Field(
        default=False, description="Found by a record that was merged into this one since."
    )


class DuplicateCandidates(ApiModel):
    """The certain before the possible; the certainly-not are people of the same or a similar name."""

    candidates: list[DuplicateCandidate]

    def to_look_at(self) -> list[DuplicateCandidate]:
        return [candidate for candidate in self.candidates if candidate.grade != "certainly_not"]


class AnotherPerson(ApiModel):
    """The clerk looked at this record and says: another person. A certain one needs the reason in words."""

    patient_id: str
    reason: str | None = Field(default=None, max_length=LONGEST_REASON)


class RegisterPatient(ApiModel):
    person: NewPatient
    looked_at: list[AnotherPerson] = []


class Registered(ApiModel):
    patient_id: str
    mrn: str
