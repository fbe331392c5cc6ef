"""Risk: a patient's care tier, scores and their facts; adjusting the tier; the panel by tier."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from data_contracts.api.risk import AdjustTier, CareTier, PatientRisk, TakeBackTier, TierCounts
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.risk import service
from ehr_core.risk.counting import tier_counts
from ehr_core.risk.reading import risk_of_patient

router = APIRouter(prefix="/api", tags=["risk"])


@router.get("/patients/{patient_id}/risk")
def risk(patient_id: str, work: Work) -> PatientRisk:
    return risk_of_patient(work, patient_id)


@router.post("/patients/{patient_id}/risk/tier")
def adjust(patient_id: str, act: AdjustTier, work: Work) -> CareTier:
    return service.adjust(work, patient_id, act)


@router.post("/patients/{patient_id}/risk/tier/take-back")
def take_back(patient_id: str, act: TakeBackTier, work: Work) -> CareTier:
    return service.take_back(work, patient_id, act)


@router.get("/risk/tiers")
def tiers(
    parts: ProcessParts, work: Work, clinic_id: Annotated[str | None, Query(max_length=64)] = None
) -> TierCounts:
    return tier_counts(work, parts.settings.small_cell, clinic_id)
