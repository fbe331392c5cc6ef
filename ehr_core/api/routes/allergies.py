"""Allergies at the chart: what to choose from, recording, correcting and removing one, and 'no known allergies'."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from data_contracts.api.allergies import (
    CorrectAllergy,
    RecordAllergy,
    RecordedAllergies,
    RecordedAllergy,
    RemoveAllergy,
    SubstancesFound,
)
from ehr_core.api.dependencies import Work
from ehr_core.workflows import record_allergy as acts

router = APIRouter(prefix="/api", tags=["allergies"])


@router.get("/substances/search")
def search(typed: Annotated[str, Query(max_length=100)], work: Work) -> SubstancesFound:
    return acts.search_substances(work, typed=typed)


@router.get("/patients/{patient_id}/allergies")
def allergies(patient_id: str, work: Work) -> RecordedAllergies:
    return acts.read_allergies(work, patient_id=patient_id)


@router.post("/patients/{patient_id}/allergies")
def record(patient_id: str, record: RecordAllergy, work: Work) -> RecordedAllergies:
    return acts.record_allergy(work, patient_id=patient_id, record=record)


@router.post("/patients/{patient_id}/allergies/none-known")
def none_known(patient_id: str, work: Work) -> RecordedAllergies:
    return acts.record_none_known(work, patient_id=patient_id)


@router.post("/allergies/{allergy_id}/correct")
def correct(allergy_id: str, act: CorrectAllergy, work: Work) -> RecordedAllergy:
    return acts.correct_allergy(work, allergy_id=allergy_id, act=act)


@router.post("/allergies/{allergy_id}/remove")
def remove(allergy_id: str, act: RemoveAllergy, work: Work) -> RecordedAllergy:
    return acts.remove_allergy(work, allergy_id=allergy_id, act=act)
