"""The after-visit summary: one visit in plain words, for the patient to take home."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientBanner

SummaryLanguage = Literal["en", "es"]


class SummaryPart(ApiModel):
    heading: str
    lines: list[str]


class AfterVisitSummary(ApiModel):
    """`missing` tells the staff what the patient will not find in it; it is not printed."""

    patient: PatientBanner
    encounter_id: str
    language: SummaryLanguage
    title: str
    about: str = Field(description="Day, kind of visit and with whom, in a sentence.")
    parts: list[SummaryPart]
    closing: list[str]
    signed: bool = Field(description="False: the note is still a draft, and so is this.")
    missing: list[str]
