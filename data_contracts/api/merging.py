"""Bringing two records of one person together, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientHit
from data_contracts.api.registration import LONGEST_REASON, SHORTEST_REASON, Grade

Choice = Literal["survivor", "other", "both"]


class MergeField(ApiModel):
    """One demographic fact on both sides, in words. `both` is offered where a person may have several."""

    key: str
    label: str
    survivor: str | None
    other: str | None
    same: bool
    proposed: Choice
    may_keep_both: bool = False


class RecordCount(ApiModel):
    """How many resources of one kind a record holds."""

    resource_type: str
    words: str
    number: int


class MergeSide(ApiModel):
    hit: PatientHit
    version_id: int
    records: list[RecordCount]


class MergePreview(ApiModel):
    """Both records side by side, what would move, and what somebody should know before."""

    survivor: MergeSide
    other: MergeSide
    grade: Grade
    reasons: list[str]
    fields: list[MergeField]
    moving: int = Field(description="Resources of the other record that would change their patient.")
    warnings: list[str] = []
    denials_set_aside: int = Field(
        default=0, description="'No known allergies' entries that an allergy of the other record contradicts."
    )
    medications_to_reconcile: bool = False
    duplicate_medications: int = 0
    why_not: str | None = Field(
        default=None, description="Why these two cannot be merged; null when they can."
    )


class PreviewMerge(ApiModel):
    survivor_id: str
    other_id: str


class MergePatients(ApiModel):
    """Bound to the versions that were compared. `same_person` is the clerk's word, after reading both identities."""

    survivor_id: str
    survivor_version: int
    other_id: str
    other_version: int
    choices: dict[str, Choice] = Field(
        default={}, description="By field key; the proposed one where none is given."
    )
    reason: str = Field(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)
    same_person: bool


class MergeDone(ApiModel):
    merge_id: str
    moved: int
    denials_set_aside: int
    medications_to_reconcile: bool


class AddedLater(ApiModel):
    """A fact that was added to the surviving record after the merge. `words` only for who may read charts."""

    resource_type: str
    resource_id: str
    version_id: int
    kind: str
    words: str | None
    added_at: datetime


class MergeRecord(ApiModel):
    """A merge as the journal keeps it."""

    merge_id: str
    survivor: PatientHit
    other: PatientHit
    merged_at: datetime
    merged_by: str
    reason: str
    moved: list[RecordCount]
    undone_at: datetime | None = None
    undone_by: str | None = None
    undone_reason: str | None = None
    version: int
    added_later: list[AddedLater] = Field(
        default=[], description="Of one merge that was asked for; empty in a list of merges."
    )
    medications_to_reconcile: bool = False


class MergeList(ApiModel):
    merges: list[MergeRecord]


class UndoMerge(ApiModel):
    version: int
    reason: str = Field(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)


class MergeUndone(ApiModel):
    """What went back, and what a person has to look at."""

    merge: MergeRecord
    restored: int
    changed_since: int = Field(description="Went back with a change that was made after the merge.")
    left_behind: int = Field(
        description="Deleted since, or about both: look at them in the surviving record."
    )
    demographics_to_check: bool = Field(
        description="The surviving record's demographics were changed after the merge and were left as they are."
    )


class AssignFacts(ApiModel):
    """Gives facts that were added after the merge to the record that was un-merged."""

    items: list[tuple[str, str]] = Field(min_length=1, max_length=500, description="(type, id)")


class FactsAssigned(ApiModel):
    assigned: int
    merge: MergeRecord


class DuplicatePair(ApiModel):
    """Two records that may be one person's."""

    one: PatientHit
    other: PatientHit
    grade: Grade
    reasons: list[str]


class DuplicatePairs(ApiModel):
    """`looked_at`: the records changed most recently that were compared with all others."""

    pairs: list[DuplicatePair]
    looked_at: int
    records: int


class NotTheSame(ApiModel):
    one_id: str
    other_id: str
    reason: str = Field(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)
