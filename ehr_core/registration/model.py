"""One person as registration reads them from the record, before anything is put in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from data_contracts.api.patients import PatientName
from ehr_core.registration.ages import age_years


@dataclass(frozen=True)
class PersonFacts:
    """Identity facts of one patient. None is not recorded; `birth_date` stays as written, perhaps partial."""

    patient_id: str
    name: PatientName
    birth_date: str | None
    deceased: bool
    deceased_on: str | None
    sex: str | None
    mrn: str | None
    phone: str | None
    email: str | None
    language: str | None
    interpreter_required: bool | None
    gender_identity: str | None
    pronouns: str | None
    active: bool
    replaced_by: str | None
    clinic: str | None = None
    clinic_id: str | None = None
    clinician: str | None = None
    clinician_id: str | None = None
    language_tag: str | None = None
    photo_key: str | None = None
    flags: tuple[dict[str, Any], ...] = ()

    def age_years(self, today: date) -> int | None:
        """Completed years today, or at death; None when the record does not settle it."""
        on = self.deceased_on if self.deceased else today.isoformat()
        return age_years(self.birth_date, on)
