"""Recording allergies at the chart: what to choose from, an allergy with its reaction, and 'no known allergies'."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_contracts.api.chart import AllergyState
from data_contracts.api.model import ApiModel

SubstanceKind = Literal["ingredient", "class", "brand", "words"]
AllergyCategory = Literal["medication", "food", "environment", "biologic"]
AllergySeverity = Literal["mild", "moderate", "severe"]
AllergyCriticality = Literal["low", "high"]

USUAL_REACTIONS = (
    "Rash",
    "Hives",
    "Swelling of the face",
    "Wheezing",
    "Anaphylaxis",
    "Nausea or vomiting",
    "Diarrhea",
    "Cough",
)


class Substance(ApiModel):
    """Something that an allergy may be to. `code` is a RxNorm code, or the id of a class."""

    kind: SubstanceKind
    code: str | None
    name: str
    note: str | None = Field(default=None, description="'brand of amoxicillin', 'class of drugs'.")


class SubstancesFound(ApiModel):
    items: list[Substance]


class AllergyDetails(ApiModel):
    """What is known of it. Nothing said stays unknown."""

    reactions: list[str] = Field(default_factory=list, max_length=10)
    severity: AllergySeverity | None = None
    criticality: AllergyCriticality | None = None
    intolerance: bool | None = Field(
        default=None, description="True: a side effect, no allergy; null: not said."
    )


class RecordAllergy(ApiModel):
    request_id: str = Field(min_length=8, max_length=64)
    kind: SubstanceKind
    code: str | None = Field(default=None, max_length=40)
    name: str = Field(min_length=2, max_length=200)
    category: AllergyCategory = "medication"
    details: AllergyDetails = AllergyDetails()


class CorrectAllergy(ApiModel):
    version_id: int
    details: AllergyDetails
    reason: str = Field(min_length=3, max_length=500)


class RemoveAllergy(ApiModel):
    version_id: int
    reason: str = Field(min_length=3, max_length=500)


class RecordedAllergy(ApiModel):
    allergy_id: str
    version_id: int
    name: str
    is_denial: bool = Field(description="It says that there is none, or none of a kind.")
    details: AllergyDetails


class RecordedAllergies(ApiModel):
    state: AllergyState
    items: list[RecordedAllergy]
    usual_reactions: list[str] = list(USUAL_REACTIONS)
