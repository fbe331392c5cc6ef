"""Double records: who may be one person, bringing two together, and taking it back."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.merging import (
    AssignFacts,
    DuplicatePairs,
    FactsAssigned,
    MergeDone,
    MergeList,
    MergePatients,
    MergePreview,
    MergeRecord,
    MergeUndone,
    NotTheSame,
    PreviewMerge,
    UndoMerge,
)
from ehr_core.api.dependencies import Work
from ehr_core.registration.pairs import duplicate_pairs, say_not_the_same
from ehr_core.workflows.merge.preview import preview_merge
from ehr_core.workflows.merge.reading import list_merges, read_merge
from ehr_core.workflows.merge_patients import merge_patients
from ehr_core.workflows.settle_medications import settle_medications
from ehr_core.workflows.unmerge_patients import assign_facts, unmerge_patients

router = APIRouter(prefix="/api/merges", tags=["registration"])


@router.get("/pairs")
def pairs(work: Work) -> DuplicatePairs:
    return duplicate_pairs(work)


@router.post("/not-the-same", status_code=204)
def not_the_same(said: NotTheSame, work: Work) -> None:
    say_not_the_same(work, said=said)


@router.post("/preview")
def preview(asked: PreviewMerge, work: Work) -> MergePreview:
    return preview_merge(work, preview=asked)


@router.post("", status_code=201)
def merge(asked: MergePatients, work: Work) -> MergeDone:
    return merge_patients(work, merge=asked)


@router.get("")
def merges(work: Work, patient_id: str | None = None) -> MergeList:
    return list_merges(work, patient_id=patient_id)


@router.get("/{merge_id}")
def one_merge(merge_id: str, work: Work) -> MergeRecord:
    return read_merge(work, merge_id=merge_id)


@router.post("/{merge_id}/undo")
def undo(merge_id: str, asked: UndoMerge, work: Work) -> MergeUndone:
    return unmerge_patients(work, merge_id=merge_id, undo=asked)


@router.post("/{merge_id}/assign")
def assign(merge_id: str, asked: AssignFacts, work: Work) -> FactsAssigned:
    return assign_facts(work, merge_id=merge_id, assign=asked)


@router.post("/of/{patient_id}/reconciled", status_code=204)
def reconciled(patient_id: str, work: Work) -> None:
    settle_medications(work, patient_id=patient_id)
