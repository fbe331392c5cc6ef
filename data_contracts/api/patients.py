"""Patients as the screens name them: a search hit, the banner, contact facts."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel


class PatientName(ApiModel):
    """A name in parts, so that each screen can write FAMILY, Given (Title). All empty means not recorded."""

    family: str | None = None
    given: str | None = None
    prefix: str | None = None
    used: str | None = Field(
        default=None, description="Name in use, when it differs (Patient.name use=usual)."
    )


class PatientHit(ApiModel):
    """One row of a patient search. `same_name` warns that another hit has the same or a similar name."""

    patient_id: str
    name: PatientName
    birth_date: str | None = Field(description="As recorded, perhaps partial; null when not recorded.")
    age_years: int | None
    sex: str | None
    mrn: str | None
    phone: str | None
    same_name: bool = False
    deceased: bool = False
    active: bool = True
    alike: bool = Field(
        default=False,
        description="Not as typed: another form of the name, or one that sounds or is spelled alike.",
    )


class PatientSearchResult(ApiModel):
    query: str
    hits: list[PatientHit]
    total: int


class PatientBanner(ApiModel):
    """What stands fixed above every screen of one patient."""

    patient_id: str
    name: PatientName
    birth_date: str | None
    age_years: int | None
    sex: str | None
    gender_identity: str | None = None
    pronouns: str | None = None
    mrn: str | None
    language: str | None = Field(default=None, description="Preferred language, in words.")
    interpreter_required: bool | None = Field(default=None, description="Null: not recorded.")
    deceased: bool = False
    deceased_on: str | None = None
    active: bool = True
    replaced_by: str | None = Field(default=None, description="The surviving record's id when merged away.")
    statuses: list[str] = Field(default=[], description="Panel statuses in words: opted out of outreach …")
    clinic: str | None = None
    clinician: str | None = None
    clinician_id: str | None = None
    photo_key: str | None = Field(default=None, description="Changes with the photo; null: there is none.")


class ContactFacts(ApiModel):
    """How a person may be reached. A channel's consent: given, refused or not recorded (never assumed)."""

    phone: str | None = None
    email: str | None = None
    consent: dict[
        Literal["phone", "sms", "email", "portal"], Literal["given", "refused", "not_recorded"]
    ] = {}


class NextAppointment(ApiModel):
    appointment_id: str
    starts_at: str = Field(description="ISO instant; screens show the site's zone.")
    with_whom: str | None
    reason: str | None
    on: date


class SearchPatients(ApiModel):
    """A search is sent as a body: what identifies a person never stands in an address."""

    q: str = Field(max_length=200, description="Name in any order, birth date, phone or record number.")
    limit: int = Field(default=20, ge=1, le=100)
