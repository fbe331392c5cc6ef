"""Official measures that the site keeps: what is there, importing a checked package, activating and deactivating."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.official_measures import Activation, KeptMeasures, PackageImport
from ehr_core.api.dependencies import Work
from ehr_core.quality import official
from ehr_core.workflows import official_measures

router = APIRouter(prefix="/api/official-measures", tags=["quality"])


@router.get("")
def kept(work: Work) -> KeptMeasures:
    return official.kept_measures(work)


@router.post("")
def keep(package: PackageImport, work: Work) -> KeptMeasures:
    """Nothing of the package is active by this alone."""
    official.keep_package(work, package)
    return official.kept_measures(work)


@router.post("/{measure_id}/activate")
def activate(measure_id: str, asked: Activation, work: Work) -> KeptMeasures:
    official_measures.activate(work, measure_id, version=asked.version, operator=asked.operator)
    return official.kept_measures(work)


@router.post("/{measure_id}/deactivate")
def deactivate(measure_id: str, asked: Activation, work: Work) -> KeptMeasures:
    official_measures.deactivate(work, measure_id, operator=asked.operator)
    return official.kept_measures(work)
