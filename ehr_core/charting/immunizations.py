"""Builds a vaccination that was given here. Pure."""

from __future__ import annotations

from data_contracts.api.chart import RecordImmunization
from data_contracts.code_systems import CVX
from ehr_core.charting.parts import Resource, concept, instant, reference
from ehr_core.charting.recordable import find_recordable


def build_immunization(
    given: RecordImmunization, *, patient_id: str, performer: Resource, recorded_at: str
) -> Resource:
    """Raises InvalidResource for a code that is no vaccine of the list. A lot that is not known is left out."""
    item = find_recordable(given.code, system=CVX.uri, kind="immunization")
    lot = (given.lot or "").strip()
    resource = {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": concept(item.system.uri, item.code, item.name),
        "patient": reference("Patient", patient_id),
        "occurrenceDateTime": instant(given.at),
        "recorded": recorded_at,
        "primarySource": True,
        "performer": [{"actor": performer}],
    }
    return {**resource, "lotNumber": lot} if lot else resource
