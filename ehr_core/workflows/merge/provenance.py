"""The Provenance of a merge and of taking it back: it names every version that came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.moving import Moved
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
"""ISO 21089 record lifecycle events: merge, unmerge, amend."""
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
TARGETS_AT_ONCE = 500


def prove(
    work: UnitOfWork,
    activity: str,
    *,
    about: StoredResource,
    other: StoredResource,
    targets: Sequence[Moved],
    reason: str,
) -> None:
    """Written into the record of `about`: its Patient and each target version; `other` is the second record."""
    listed = [f"{item.resource_type}/{item.resource_id}/_history/{item.version_after}" for item in targets]
    for start in range(0, max(len(listed), 1), TARGETS_AT_ONCE):
        part = [_version(about), *listed[start : start + TARGETS_AT_ONCE]]
        Store(work).create("Provenance", encode(_provenance(work, activity, part, _version(other), reason)))


def _version(patient: StoredResource) -> str:
    return f"{patient.reference}/_history/{patient.version_id}"


def _provenance(
    work: UnitOfWork, activity: str, targets: Sequence[str], other: str, reason: str
) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target} for target in targets],
        "recorded": instant(work.now()),
        "reason": [{"text": reason}],
        "activity": {"coding": [{"system": LIFECYCLE, "code": activity}]},
        "agent": [
            {"type": {"coding": [{"system": PARTICIPANT, "code": "performer"}]}, "who": person(work.actor)}
        ],
        "entity": [{"role": "source", "what": {"reference": other}}],
    }
