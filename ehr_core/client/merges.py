"""Double records: who may be one person, bringing two together, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence

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
from ehr_core.client.transport import Transport, segment


class MergesRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def pairs(self) -> DuplicatePairs:
        return self._transport.get("/api/merges/pairs", DuplicatePairs)

    def not_the_same(self, one_id: str, other_id: str, reason: str) -> None:
        said = NotTheSame(one_id=one_id, other_id=other_id, reason=reason)
        self._transport.send("POST", "/api/merges/not-the-same", said)

    def preview(self, survivor_id: str, other_id: str) -> MergePreview:
        asked = PreviewMerge(survivor_id=survivor_id, other_id=other_id)
        return self._transport.post("/api/merges/preview", MergePreview, asked)

    def merge(self, merge: MergePatients) -> MergeDone:
        """StaleVersion when one of the two changed since the preview; Conflict when one was merged already."""
        return self._transport.post("/api/merges", MergeDone, merge)

    def merges(self, patient_id: str | None = None) -> MergeList:
        return self._transport.get("/api/merges", MergeList, {"patient_id": patient_id})

    def read(self, merge_id: str) -> MergeRecord:
        return self._transport.get(f"/api/merges/{segment(merge_id)}", MergeRecord)

    def undo(self, merge_id: str, undo: UndoMerge) -> MergeUndone:
        return self._transport.post(f"/api/merges/{segment(merge_id)}/undo", MergeUndone, undo)

    def assign(self, merge_id: str, items: Sequence[tuple[str, str]]) -> FactsAssigned:
        body = AssignFacts(items=list(items))
        return self._transport.post(f"/api/merges/{segment(merge_id)}/assign", FactsAssigned, body)

    def medications_reconciled(self, patient_id: str) -> None:
        self._transport.send("POST", f"/api/merges/of/{segment(patient_id)}/reconciled")
