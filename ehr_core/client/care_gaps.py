"""A patient's care gaps, and the acts on one."""

from __future__ import annotations

from data_contracts.api.care_gaps import (
    CareGap,
    DeclineGap,
    ExcludeGap,
    GapAct,
    GapList,
    OrderedGap,
    OrderGap,
    SnoozeGap,
)
from ehr_core.client.transport import Transport


class CareGapsRoom:
    """An act names the version that the person saw; an older one raises StaleVersion."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def of_patient(self, patient_id: str) -> GapList:
        return self._transport.get(f"/api/patients/{patient_id}/care-gaps", GapList)

    def get(self, gap_id: str) -> CareGap:
        return self._transport.get(f"/api/care-gaps/{gap_id}", CareGap)

    def exclude(self, gap_id: str, act: ExcludeGap) -> CareGap:
        """Hides the gap until a day; a clinical reason raises Forbidden for who is no clinician."""
        return self._transport.post(f"/api/care-gaps/{gap_id}/exclude", CareGap, act)

    def decline(self, gap_id: str, act: DeclineGap) -> CareGap:
        return self._transport.post(f"/api/care-gaps/{gap_id}/decline", CareGap, act)

    def snooze(self, gap_id: str, act: SnoozeGap) -> CareGap:
        return self._transport.post(f"/api/care-gaps/{gap_id}/snooze", CareGap, act)

    def undo(self, gap_id: str, act: GapAct) -> CareGap:
        """Takes a manual state back, within 30 days."""
        return self._transport.post(f"/api/care-gaps/{gap_id}/undo", CareGap, act)

    def order(self, gap_id: str, act: OrderGap) -> OrderedGap:
        """Orders the gap's next step; the gap is "result pending" until its deadline."""
        return self._transport.post(f"/api/care-gaps/{gap_id}/order", OrderedGap, act)
