"""The profile of a patient: demographics, pictures, coverages, proxies, care team, directives, consents."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from data_contracts.api.demographics import (
    CareTeamFacts,
    DemographicChanges,
    PatientProfile,
    Picture,
    SaveCard,
    SaveConsent,
    SaveCoverage,
    Saved,
    SaveDemographics,
    SaveDirective,
    SavePicture,
    SaveProxy,
)
from ehr_core.api.dependencies import Work
from ehr_core.registration.agreements import save_consent
from ehr_core.registration.circle import save_proxy
from ehr_core.registration.coverages import save_coverage
from ehr_core.registration.pictures import read_card, remove_photo, save_card, save_photo
from ehr_core.registration.profile import changes_since, read_profile, save_demographics, save_team
from ehr_core.workflows.record_directive import record_directive

router = APIRouter(prefix="/api/patients/{patient_id}", tags=["registration"])


@router.get("/profile")
def profile(patient_id: str, work: Work) -> PatientProfile:
    return read_profile(work, patient_id=patient_id)


@router.put("/demographics")
def demographics(patient_id: str, save: SaveDemographics, work: Work) -> Saved:
    return save_demographics(work, patient_id=patient_id, save=save)


@router.get("/demographics/changes")
def demographic_changes(patient_id: str, version_id: int, work: Work) -> DemographicChanges:
    return changes_since(work, patient_id=patient_id, version_id=version_id)


@router.put("/photo")
def photo(patient_id: str, picture: SavePicture, work: Work) -> Saved:
    return save_photo(work, patient_id=patient_id, picture=picture)


@router.delete("/photo")
def no_photo(patient_id: str, version_id: int, work: Work) -> Saved:
    return remove_photo(work, patient_id=patient_id, version_id=version_id)


@router.post("/coverages", status_code=201)
def new_coverage(patient_id: str, coverage: SaveCoverage, work: Work) -> Saved:
    return save_coverage(work, patient_id=patient_id, coverage_id=None, coverage=coverage)


@router.put("/coverages/{coverage_id}")
def changed_coverage(patient_id: str, coverage_id: str, coverage: SaveCoverage, work: Work) -> Saved:
    return save_coverage(work, patient_id=patient_id, coverage_id=coverage_id, coverage=coverage)


@router.put("/coverages/{coverage_id}/card")
def card(patient_id: str, coverage_id: str, picture: SaveCard, work: Work) -> Saved:
    return save_card(work, patient_id=patient_id, coverage_id=coverage_id, card=picture)


@router.get("/coverages/{coverage_id}/card/{side}")
def card_picture(patient_id: str, coverage_id: str, side: Literal["front", "back"], work: Work) -> Picture:
    return read_card(work, patient_id=patient_id, coverage_id=coverage_id, side=side)


@router.post("/proxies", status_code=201)
def new_proxy(patient_id: str, proxy: SaveProxy, work: Work) -> Saved:
    return save_proxy(work, patient_id=patient_id, proxy_id=None, proxy=proxy)


@router.put("/proxies/{proxy_id}")
def changed_proxy(patient_id: str, proxy_id: str, proxy: SaveProxy, work: Work) -> Saved:
    return save_proxy(work, patient_id=patient_id, proxy_id=proxy_id, proxy=proxy)


@router.put("/care-team")
def care_team(patient_id: str, team: CareTeamFacts, work: Work) -> Saved:
    return save_team(work, patient_id=patient_id, team=team)


@router.post("/directives", status_code=201)
def new_directive(patient_id: str, directive: SaveDirective, work: Work) -> Saved:
    return record_directive(work, patient_id=patient_id, directive_id=None, directive=directive)


@router.put("/directives/{directive_id}")
def changed_directive(patient_id: str, directive_id: str, directive: SaveDirective, work: Work) -> Saved:
    return record_directive(work, patient_id=patient_id, directive_id=directive_id, directive=directive)


@router.post("/consents", status_code=201)
def consent(patient_id: str, consent: SaveConsent, work: Work) -> Saved:
    return save_consent(work, patient_id=patient_id, consent=consent)
