"""What the pipeline and the core say to each other: keys, changes, write-back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.official_measures import ActiveMeasures


class PseudonymKeyGrant(ApiModel):
    """The key of a snapshot. The secret lives in the step that asked, and nowhere in the lake."""

    key_id: str
    secret_hex: str


class ChangedPatient(ApiModel):
    """A patient with unprocessed changes. `definitions_all` when a change touches every definition."""

    patient_id: str
    changed_types: list[str]
    code_tokens: list[str]
    uncoded_types: list[str] = Field(
        default=[], description="Types with a change that names no code: any code may be meant."
    )
    definitions_all: bool = False


class ChangeBatch(ApiModel):
    """A claimed batch. It returns to the queue by itself when it is not finished in time (a crash loses nothing)."""

    batch_id: str
    positions: list[int]
    patients: list[ChangedPatient]
    key: PseudonymKeyGrant
    as_of: date
    claimed_at: datetime
    official: ActiveMeasures = Field(default=ActiveMeasures(), description="Official measures active now.")


class WriteBackReceipt(ApiModel):
    """What a write-back did; the rows add up: received = inserted + changed + unchanged + skipped + refused."""

    received: int
    inserted: int
    changed: int
    unchanged: int
    skipped_changed_since: int = Field(
        description="Patients changed since the snapshot: queued for re-measure."
    )
    refused_unknown_patient: int
    removed: int = Field(default=0, description="Rows that this path no longer says, taken away.")


class RunReport(ApiModel):
    """A finished nightly run, told to the core so that screens can say how fresh they are."""

    run_id: str
    kind: Literal["nightly", "incremental", "official"] = Field(
        description="`official`: the part of a night that measures by official measures."
    )
    snapshot_id: str
    key_id: str
    as_of: date
    outbox_transaction: int
    started_at: datetime
    finished_at: datetime
    code_version: str
    counts: dict[str, int] = {}
    not_checked: list[str] = Field(
        default=[],
        description="Pseudonyms of people with a line that de-identification refused: nothing is said of them.",
    )
    failure: str | None = Field(
        default=None,
        max_length=500,
        description="Why the run was stopped; null: it is good. No patient data.",
    )


class ChangesWaiting(ApiModel):
    """How much waits for re-measure. Null: nothing does."""

    rows: int
    oldest_at: datetime | None


class FinishedBatch(ApiModel):
    """A batch that is done. Failed patients go back to the queue, and are set aside when they keep failing."""

    failed_patient_ids: list[str] = []


class RecordsWanted(ApiModel):
    """As much of these records as a re-measure reads. Bounded, so that an answer fits into memory."""

    patient_ids: list[str] = Field(min_length=1, max_length=500)
    resource_types: list[str] | None = Field(
        default=None, max_length=200, description="Every resource of these types; null: the whole record."
    )


class RefusedResources(ApiModel):
    """Stored resources ("Type/id") that de-identification refused, asked about to learn whose they are."""

    key_id: str
    outbox_transaction: int = Field(description="Up to where the run has read.")
    resources: list[str] = Field(max_length=10_000)


class RefusedPeople(ApiModel):
    """Pseudonyms of the people in whose records the refused resources lie: nobody may judge these by the rest."""

    patient_keys: list[str]
