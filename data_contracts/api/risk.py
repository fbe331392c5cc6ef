"""Risk of a patient: the care tier with its adjustment, the scores, and the facts behind each; the panel by tier."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field, model_validator

from data_contracts.api.model import ApiModel

Tier = Literal["low", "moderate", "high", "very_high", "unknown"]
AdjustedTier = Literal["low", "moderate", "high", "very_high"]
TierChoice = Literal["very_high", "high", "moderate", "low", "unknown", "restricted"]
"""As the worklist filters: `restricted` where a fact that decides may not be shown to who asks."""

TIER_WORDS: dict[str, str] = {
    "very_high": "Very high",
    "high": "High",
    "moderate": "Moderate",
    "low": "Low",
    "unknown": "Unknown",
    "restricted": "Restricted",
}

AdjustmentReason = Literal[
    "recent_event",
    "frailty_or_falls",
    "social_needs",
    "stable_and_supported",
    "goals_of_care",
    "record_incomplete",
    "other",
]
ADJUSTMENT_REASON_WORDS: dict[str, str] = {
    "recent_event": "Recent admission, emergency visit or other event",
    "frailty_or_falls": "Frailty or falls",
    "social_needs": "Social needs: housing, food, transport, support",
    "stable_and_supported": "Stable, well supported",
    "goals_of_care": "Goals of care",
    "record_incomplete": "Record incomplete or wrong",
    "other": "Other (say why)",
}

UNKNOWN_WORDS: dict[str, str] = {
    "no_coded_diagnosis": "No diagnosis is coded in ICD-10-CM.",
    "no_birth_date": "The birth date is not known to the day.",
    "no_sex": "Sex is not recorded as female or male, which the score asks for.",
    "not_in_medicare": "Medicare does not cover this person.",
    "known_cardiovascular_disease": "Cardiovascular disease is known: the equation is for people without it.",
    "outside_age": "Outside the ages that the equation was made for.",
    "missing_input": "Something that the equation asks for is not known.",
    "out_of_range": "A value is beyond what the equation was made for.",
}
SCORE_TITLES: dict[str, str] = {
    "charlson": "Charlson comorbidity index",
    "elixhauser": "Elixhauser comorbidity index",
    "prevent": "PREVENT, 10-year risk of cardiovascular disease",
    "hcc_v24": "CMS-HCC V24",
    "hcc_v28": "CMS-HCC V28",
}


class RiskDriver(ApiModel):
    """A fact that counts for a part of a score, by which the chart finds it. Only what this actor may read."""

    part: str = Field(description="The category or input.")
    resource_type: str
    resource_id: str
    what: str | None = Field(description="The fact's name in the chart.")
    code: str | None
    on: date | None
    value: str | None = Field(description="With its unit; null for what has none.")


class RiskScore(ApiModel):
    """One score. Masked: a fact behind it may not be shown, and the value would tell of it."""

    score_id: str
    title: str
    version: str
    purpose: Literal["payment", "comorbidity", "cardiovascular"]
    value: float | None
    unit: str | None
    tier: Tier | None = Field(description="Null for a payment score, which makes no tier.")
    unknown: str | None = Field(description="Why there is no value, in a sentence.")
    drivers: list[RiskDriver] = []
    withheld: int = Field(
        default=0,
        description="Facts that count and are not shown: restricted, or no longer in the record. Told to staff alone.",
    )
    as_of: date
    masked: bool = False


class TierAdjustment(ApiModel):
    """What somebody who knows the patient decided, in force until a day."""

    tier: AdjustedTier
    reason: AdjustmentReason
    note: str | None
    by: str
    at: datetime
    until: date = Field(description="First day on which it no longer holds.")
    computed_then: Tier = Field(description="The computed tier that was on the screen.")
    computed_has_changed: bool = Field(description="The computed tier is another one now: look again.")


class TierEvent(ApiModel):
    at: datetime
    by: str
    act: Literal["adjusted", "taken_back", "carried_over", "computed"]
    from_tier: str | None
    to_tier: str | None
    reason: str | None
    note: str | None
    until: date | None


class CareTier(ApiModel):
    """Both values: what was computed and what somebody adjusted. `shown` is the one that counts now."""

    computed: Tier | None = Field(description="Null when masked.")
    basis: list[str] = Field(description="Titles of the clinical scores that give it.")
    adjustment: TierAdjustment | None
    shown: TierChoice
    masked: bool = Field(description="A restricted part of the record decides it.")
    version: int = Field(
        description="Sent back with an act; an older one is refused. 0: nothing is stored yet."
    )


class PatientRisk(ApiModel):
    patient_id: str
    tier: CareTier
    scores: list[RiskScore]
    history: list[TierEvent]
    as_of: date | None = Field(description="The day that the answers are for; null: never computed.")
    computed_at: datetime | None = Field(
        description="When the last night or a later change of this record was computed."
    )
    waiting_since: datetime | None = Field(
        default=None, description="Since when a change of the record waits to count; null: nothing does."
    )


class AdjustTier(ApiModel):
    version: int = Field(ge=0)
    tier: AdjustedTier
    reason: AdjustmentReason
    note: str | None = Field(default=None, max_length=2000)
    until: date

    @model_validator(mode="after")
    def _other_needs_words(self) -> AdjustTier:
        if self.reason == "other" and not (self.note or "").strip():
            raise ValueError("Say why in `note` when the reason is 'other'.")
        return self


class TakeBackTier(ApiModel):
    version: int = Field(ge=1)
    note: str | None = Field(default=None, max_length=2000)


class TierCount(ApiModel):
    """People of one tier. Null: hidden, because a small number could tell of somebody."""

    tier: TierChoice
    people: int | None
    adjusted: int | None = Field(description="Of them, by somebody's adjustment; null when hidden.")


class TierCounts(ApiModel):
    counts: list[TierCount]
    total: int | None
    small_cell: int
    as_of: date | None
    clinics: list[tuple[str, str]] = []
