"""Brings two records of one person together: all of the other's facts move to the survivor, in one transaction."""

from __future__ import annotations

from typing import Any

from data_contracts.api.merging import MergeDone, MergePatients
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.carrying import carry_over_decisions
from ehr_core.db.outbox import announce
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import encode
from ehr_core.registration.combining import PART_KEYS, combine
from ehr_core.risk.carrying import carry_over_adjustment
from ehr_core.store.moving import Moved, move_records
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource
from ehr_core.workflows.merge import journal
from ehr_core.workflows.merge.clinical import compare_medicines, flag_to_reconcile, set_denials_aside
from ehr_core.workflows.merge.provenance import prove
from ehr_core.workflows.merge.records import (
    Record,
    check_mergeable,
    check_versions,
    read_pair,
    with_link,
)
from ehr_core.workflows.merge.rooms import move_rows

Resource = dict[str, Any]

CARRIED = "care_gaps.gap"
"""What the journal calls a decision on a gap that was carried over."""
CARRIED_TIER = "risk.care_tier"
"""The same of an adjusted care tier."""
ACTIVITIES = {"merge": "merge", "unmerge": "unmerge", "assign": "amend"}
AUDITED = {"merge": "patients_merged", "unmerge": "patients_unmerged", "assign": "facts_assigned"}


def merge_patients(work: UnitOfWork, *, merge: MergePatients) -> MergeDone:
    """Everything of the other record becomes the survivor's; nothing is lost, and `unmerge_patients` takes it back.

    Raises Forbidden, BadRequest, NotFound, StaleVersion when one of the two changed since they were compared, and
    Conflict when one of them was merged already.
    """
    work.actor.require("registration.merge")
    _check_asked(merge)
    survivor, other = read_pair(work, merge.survivor_id, merge.other_id, lock=True)
    check_mergeable(survivor, other)
    check_versions(survivor, merge.survivor_version, other, merge.other_version)
    medicines = compare_medicines(work, survivor.patient_id, other.patient_id)
    moved = move_records(work, other.patient_id, survivor.patient_id)
    denials = set_denials_aside(work, survivor.patient_id)
    flags = [flag_to_reconcile(work, survivor.patient_id)] if medicines.must_be_reconciled else []
    surviving = _write_survivor(work, survivor, other, merge)
    merged_away = _write_other(work, survivor, other)
    merge_id = journal.begin(
        work,
        survivor=(survivor.stored, surviving),
        merged=(other.stored, merged_away),
        reason=merge.reason.strip(),
    )
    journal.note(work, merge_id, "moved", moved)
    journal.note(work, merge_id, "set_aside", denials)
    journal.note(work, merge_id, "written", flags)
    journal.note(work, merge_id, "row", _follow(work, survivor, other))
    tell(work, "merge", surviving, merged_away, [*moved, *denials], merge_id, merge.reason.strip())
    return MergeDone(
        merge_id=merge_id,
        moved=len(moved),
        denials_set_aside=len(denials),
        medications_to_reconcile=medicines.must_be_reconciled,
    )


def _check_asked(merge: MergePatients) -> None:
    if not merge.same_person:
        raise BadRequest(
            "same_person: say that both records are of one person, after reading both identities."
        )
    unknown = sorted(set(merge.choices) - PART_KEYS)
    if unknown:
        raise BadRequest(f"choices: there is no such field to choose: {', '.join(unknown)}.")


def _write_survivor(
    work: UnitOfWork, survivor: Record, other: Record, merge: MergePatients
) -> StoredResource:
    body = combine(survivor.body, other.body, merge.choices, today=work.today())
    body["link"] = with_link(survivor.body, "replaces", other.patient_id)
    return Store(work).update(
        "Patient", survivor.patient_id, encode(body), if_match=survivor.stored.version_id
    )


def _write_other(work: UnitOfWork, survivor: Record, other: Record) -> StoredResource:
    body: Resource = other.body | {"active": False}
    body["link"] = with_link(other.body, "replaced-by", survivor.patient_id)
    return Store(work).update("Patient", other.patient_id, encode(body), if_match=other.stored.version_id)


def _follow(work: UnitOfWork, survivor: Record, other: Record) -> list[Moved]:
    """Rows of other rooms, and the decisions on care gaps and tier that the survivor has none of."""
    carried = carry_over_decisions(work, other.patient_id, survivor.patient_id)
    tier = carry_over_adjustment(work, other.patient_id, survivor.patient_id)
    return [
        *move_rows(work, other.patient_id, survivor.patient_id),
        *(Moved(CARRIED, gap_id, 0, 0) for gap_id in carried),
        *([Moved(CARRIED_TIER, survivor.patient_id, 0, 0)] if tier else []),
    ]


def tell(
    work: UnitOfWork,
    act: str,
    about: StoredResource,
    other: StoredResource,
    targets: list[Moved],
    merge_id: str,
    reason: str,
) -> None:
    """Provenance in both records, one outbox row (both are measured again, whole) and one audit row."""
    activity = ACTIVITIES[act]
    prove(work, activity, about=about, other=other, targets=targets, reason=reason)
    prove(work, activity, about=other, other=about, targets=[], reason=reason)
    announce(
        work.connection,
        act=act,
        resource_type=None,
        resource_id=None,
        version_id=None,
        patient_ids=sorted({about.id, other.id}),
        code_tokens=[],
        resources=[f"{one.resource_type}/{one.resource_id}" for one in targets],
    )
    work.audit(
        AUDITED[act],
        resource_type="Patient",
        resource_id=about.id,
        patient_ids=[about.id, other.id],
        detail={"merge_id": merge_id, "resources": len(targets)},
    )
