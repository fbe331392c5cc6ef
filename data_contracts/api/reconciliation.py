"""Reconciling what a patient takes at home with the chart: rows in columns, and decisions saved as one act."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.decision_support import CheckedCards
from data_contracts.api.medications import MedicationEntry
from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientBanner

Column = Literal["same", "differs", "only_home", "only_chart"]
Decision = Literal["continue", "change", "stop", "add"]

COLUMN_WORDS: dict[str, str] = {
    "same": "Same",
    "differs": "Differs",
    "only_home": "Only at home",
    "only_chart": "Only in the chart",
    "decided": "Decided",
}
DECISION_WORDS: dict[str, str] = {
    "continue": "Continue",
    "change": "Change",
    "stop": "Stop",
    "add": "Add to the chart",
}


class ReconciliationRow(ApiModel):
    """One medication on either side or on both, with what may be decided about it."""

    key: str
    column: Column
    home: MedicationEntry | None
    chart: MedicationEntry | None
    differs_in: list[str] = Field(description="In words: 'dose', 'product'. Empty where both say the same.")
    offered: list[Decision]


class Decided(ApiModel):
    """A decision of the last reconciliation."""

    name: str
    decision: str


class Reconciliation(ApiModel):
    """`seen` names exactly the two lists as they were drawn: a decision about other lists is refused."""

    banner: PatientBanner
    seen: str
    rows: list[ReconciliationRow]
    uncoded: list[str] = Field(description="Drugs and allergies that could not be identified.")
    allergy_words: str
    must_be_reconciled: str | None
    last_at: datetime | None
    last_by: str | None
    last_decisions: list[Decided]
    cards: CheckedCards = Field(description="What the medications on the list say of each other.")
    as_of: datetime


class RowDecision(ApiModel):
    key: str = Field(max_length=200)
    decision: Decision


class SaveReconciliation(ApiModel):
    """All decisions, saved together or not at all."""

    seen: str = Field(max_length=100)
    decisions: list[RowDecision] = Field(min_length=1, max_length=200)


class Reconciled(ApiModel):
    decided: int
    left: int
    drafts: int = Field(description="Prescriptions that now wait for a prescriber's signature.")


class RecordHomeMedication(ApiModel):
    """What the patient, or somebody for them, says that they take."""

    request_id: str = Field(min_length=8, max_length=64)
    rxcui: str | None = Field(default=None, max_length=20)
    name: str = Field(min_length=2, max_length=300)
    how: str | None = Field(default=None, max_length=500, description="In their words: 'one in the evening'.")
    told_by: str = Field(default="patient", max_length=100)
    since: date | None = None
