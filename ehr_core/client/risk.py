"""Risk of a patient, adjusting the care tier, and the panel by tier."""

from __future__ import annotations

from data_contracts.api.risk import AdjustTier, CareTier, PatientRisk, TakeBackTier, TierCounts
from ehr_core.client.transport import Transport


class RiskRoom:
    """An act names the version that the person saw; an older one raises StaleVersion."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def of_patient(self, patient_id: str) -> PatientRisk:
        return self._transport.get(f"/api/patients/{patient_id}/risk", PatientRisk)

    def adjust(self, patient_id: str, act: AdjustTier) -> CareTier:
        return self._transport.post(f"/api/patients/{patient_id}/risk/tier", CareTier, act)

    def take_back(self, patient_id: str, act: TakeBackTier) -> CareTier:
        return self._transport.post(f"/api/patients/{patient_id}/risk/tier/take-back", CareTier, act)

    def tiers(self, clinic_id: str | None = None) -> TierCounts:
        params = {"clinic_id": clinic_id} if clinic_id else None
        return self._transport.get("/api/risk/tiers", TierCounts, params=params)
