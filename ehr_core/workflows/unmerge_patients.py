"""Takes a merge back: what moved goes back; what was added since stays with the survivor until somebody says."""

from __future__ import annotations

from sqlalchemy import Row

from data_contracts.api.merging import AssignFacts, FactsAssigned, MergeUndone, UndoMerge
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.carrying import take_back_decisions
from ehr_core.kernel.errors import Conflict
from ehr_core.kernel.fhir_json import decode, encode, reference_id
from ehr_core.registration.reading import MRN_SYSTEM
from ehr_core.risk.carrying import take_back_adjustment
from ehr_core.store.moving import Moved, Returned, move_some, return_records
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource
from ehr_core.workflows.merge import journal
from ehr_core.workflows.merge.clinical import end_flag, flags_to_reconcile
from ehr_core.workflows.merge.reading import read_merge
from ehr_core.workflows.merge.records import Record, Resource, read_pair, replaced_by
from ehr_core.workflows.merge.rooms import return_rows
from ehr_core.workflows.merge_patients import CARRIED, CARRIED_TIER, tell


def unmerge_patients(work: UnitOfWork, *, merge_id: str, undo: UndoMerge) -> MergeUndone:
    """Both records as they were, but for what people did since.

    Raises Forbidden, NotFound, StaleVersion, and Conflict when it was taken back already or the survivor was itself
    merged into another record since: that merge is taken back first.
    """
    work.actor.require("registration.merge")
    merge = journal.read_to_change(work, merge_id, undo.version)
    if merge.undone_at is not None:
        raise Conflict("This merge has been taken back already.")
    survivor, other = read_pair(work, merge.survivor_id, merge.merged_id, lock=True)
    _check_undoable(survivor, other)
    untouched = _says(work, survivor, merge.survivor_version)
    again = _restore_other(work, merge, other)
    went_back = _restore_survivor(work, merge, survivor, untouched)
    moved = journal.items(work, merge_id, "moved")
    aside = journal.items(work, merge_id, "set_aside")
    _restore_denials(work, aside)
    returned = return_records(work, moved, survivor.patient_id, other.patient_id)
    _end_flags(work, merge_id)
    _return_rows(work, merge_id, survivor, other)
    journal.end(work, merge_id, undo.reason.strip())
    tell(
        work,
        "unmerge",
        again,
        went_back,
        [*returned.restored, *returned.changed],
        merge_id,
        undo.reason.strip(),
    )
    return _undone(work, merge_id, returned, untouched)


def _undone(work: UnitOfWork, merge_id: str, returned: Returned, untouched: bool) -> MergeUndone:
    return MergeUndone(
        merge=read_merge(work, merge_id=merge_id),
        restored=len(returned.restored),
        changed_since=len(returned.changed),
        left_behind=len(returned.kept),
        demographics_to_check=not untouched,
    )


def _check_undoable(survivor: Record, other: Record) -> None:
    if replaced_by(survivor.body):
        raise Conflict(
            "The surviving record was itself merged into another one since. Take that merge back first."
        )
    if replaced_by(other.body) != survivor.patient_id:
        raise Conflict("The merged record no longer points to this one. Look at both records.")


def _says(work: UnitOfWork, record: Record, version_id: int) -> bool:
    """Whether the Patient says what it said in that version: it may have been merged onward and come back."""
    then = decode(Store(work).vread("Patient", record.patient_id, version_id).body)
    return {**then, "meta": None} == {**record.body, "meta": None}


def _restore_other(work: UnitOfWork, merge: Row, other: Record) -> StoredResource:
    """The merged Patient as it was; changed since, it only loses the link and is active as it was before."""
    before = Store(work).vread("Patient", other.patient_id, merge.merged_version_before)
    body = decode(before.body)
    if not _says(work, other, merge.merged_version):
        body = _without_link(other.body, merge.survivor_id) | {"active": body.get("active", True)}
    return Store(work).update("Patient", other.patient_id, encode(body), if_match=other.stored.version_id)


def _restore_survivor(work: UnitOfWork, merge: Row, survivor: Record, untouched: bool) -> StoredResource:
    """The surviving Patient as it was; changed since, it only loses the link and the other's record numbers."""
    if untouched:
        before = Store(work).vread("Patient", survivor.patient_id, merge.survivor_version_before)
        body = decode(before.body)
    else:
        theirs = decode(Store(work).vread("Patient", merge.merged_id, merge.merged_version_before).body)
        body = _without_numbers(_without_link(survivor.body, merge.merged_id), theirs)
    return Store(work).update(
        "Patient", survivor.patient_id, encode(body), if_match=survivor.stored.version_id
    )


def _without_link(patient: Resource, other_id: str) -> Resource:
    links = [
        link for link in patient.get("link") or () if reference_id(link.get("other"), "Patient") != other_id
    ]
    rest = {element: value for element, value in patient.items() if element != "link"}
    return rest | ({"link": links} if links else {})


def _without_numbers(patient: Resource, other: Resource) -> Resource:
    numbers = {
        item.get("value") for item in other.get("identifier") or () if item.get("system") == MRN_SYSTEM
    }
    kept = [
        item
        for item in patient.get("identifier") or ()
        if not (
            item.get("system") == MRN_SYSTEM and item.get("use") == "old" and item.get("value") in numbers
        )
    ]
    return patient | {"identifier": kept}


def _restore_denials(work: UnitOfWork, aside: list[Moved]) -> None:
    """A 'no known allergies' that was set aside is true again where nobody has touched it since."""
    for item in aside:
        current = Store(work).read_many(item.resource_type, [item.resource_id])
        if current and current[0].version_id == item.version_after:
            before = Store(work).vread(item.resource_type, item.resource_id, item.version_before)
            body = decode(current[0].body) | {"clinicalStatus": decode(before.body).get("clinicalStatus")}
            Store(work).update(item.resource_type, item.resource_id, encode(body))


def _end_flags(work: UnitOfWork, merge_id: str) -> None:
    written = {item.resource_id for item in journal.items(work, merge_id, "written")}
    merge = journal.read(work, merge_id)
    for flag_id in flags_to_reconcile(work, merge.survivor_id):
        if flag_id in written:
            end_flag(work, flag_id)


def _return_rows(work: UnitOfWork, merge_id: str, survivor: Record, other: Record) -> None:
    rows = journal.items(work, merge_id, "row")
    carried = [row.resource_id for row in rows if row.resource_type == CARRIED]
    take_back_decisions(work, carried, other.patient_id, survivor.patient_id)
    if any(row.resource_type == CARRIED_TIER for row in rows):
        take_back_adjustment(work, other.patient_id, survivor.patient_id)
    others = [row for row in rows if row.resource_type not in (CARRIED, CARRIED_TIER)]
    return_rows(work, others, survivor.patient_id, other.patient_id)


def assign_facts(work: UnitOfWork, *, merge_id: str, assign: AssignFacts) -> FactsAssigned:
    """Gives facts that were added between the merge and its taking back to the record that was un-merged.

    Raises Conflict while the merge stands, and when one of them is not among the facts that were added then.
    """
    work.actor.require("registration.merge")
    merge = journal.read(work, merge_id, lock=True)
    if merge.undone_at is None:
        raise Conflict("The two records are merged: everything belongs to one. Take the merge back first.")
    offered = {
        (fact.resource_type, fact.resource_id) for fact in read_merge(work, merge_id=merge_id).added_later
    }
    if not set(assign.items) <= offered:
        raise Conflict("One of these facts is not open to be assigned any more. Look at the list again.")
    survivor, other = read_pair(work, merge.survivor_id, merge.merged_id, lock=True)
    chosen: dict[str, list[str]] = {}
    for resource_type, resource_id in assign.items:
        chosen.setdefault(resource_type, []).append(resource_id)
    moved = move_some(work, survivor.patient_id, other.patient_id, chosen)
    journal.note(work, merge_id, "assigned", moved)
    reason = "Belongs to the record that was un-merged"
    tell(work, "assign", other.stored, survivor.stored, moved, merge_id, reason)
    return FactsAssigned(assigned=len(moved), merge=read_merge(work, merge_id=merge_id))
