"""Reads the journal for the screens: one merge with what was added since, or the newest ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Row, text

from data_contracts.api.merging import AddedLater, MergeList, MergeRecord, RecordCount
from data_contracts.api.patients import PatientHit, PatientName
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.registration.presenters import present_hits
from ehr_core.registration.queries import people_by_id
from ehr_core.workflows.merge import journal
from ehr_core.workflows.merge.added import added_later
from ehr_core.workflows.merge.clinical import flags_to_reconcile
from ehr_core.workflows.merge.words import kind_words

MOVED = text("""
SELECT merge_id, resource_type, count(*) AS number FROM registration.merge_item
WHERE merge_id = ANY(CAST(:ids AS uuid[])) AND act = 'moved' GROUP BY merge_id, resource_type
""")


def read_merge(work: UnitOfWork, *, merge_id: str) -> MergeRecord:
    """One merge with the facts that were added to the survivor since. Raises Forbidden, NotFound."""
    work.actor.require("registration.merge")
    merge = journal.read(work, merge_id)
    (record,) = _records(work, [merge], added={str(merge.merge_id): added_later(work, merge)})
    work.audit("merge_read", patient_ids=[merge.survivor_id, merge.merged_id], detail={"merge_id": merge_id})
    return record.model_copy(
        update={"medications_to_reconcile": bool(flags_to_reconcile(work, merge.survivor_id))}
    )


def list_merges(work: UnitOfWork, *, patient_id: str | None = None) -> MergeList:
    """The newest merges, of one patient on either side or of everybody."""
    work.actor.require("registration.merge")
    merges = journal.merges_of(work, patient_id)
    ids = [patient for merge in merges for patient in (merge.survivor_id, merge.merged_id)]
    work.audit("merges_listed", patient_id=patient_id, patient_ids=ids)
    return MergeList(merges=_records(work, merges))


def _records(
    work: UnitOfWork, merges: Sequence[Row], *, added: Mapping[str, list[AddedLater]] | None = None
) -> list[MergeRecord]:
    hits = _hits(work, merges)
    moved = _moved(work, merges)
    return [
        MergeRecord(
            merge_id=str(merge.merge_id),
            survivor=hits[merge.survivor_id],
            other=hits[merge.merged_id],
            merged_at=merge.merged_at,
            merged_by=merge.by_name,
            reason=merge.reason,
            moved=record_counts(moved.get(str(merge.merge_id), {})),
            undone_at=merge.undone_at,
            undone_by=merge.undone_by_name,
            undone_reason=merge.undone_reason,
            version=merge.version,
            added_later=(added or {}).get(str(merge.merge_id), []),
        )
        for merge in merges
    ]


def _hits(work: UnitOfWork, merges: Sequence[Row]) -> dict[str, PatientHit]:
    """Both sides of every merge; a record that was deleted since is told without its facts."""
    ids = sorted({patient for merge in merges for patient in (merge.survivor_id, merge.merged_id)})
    people = people_by_id(work, ids)
    found = {hit.patient_id: hit for hit in present_hits(list(people.values()), work.today())}
    return {patient_id: found.get(patient_id) or _gone(patient_id) for patient_id in ids}


def _gone(patient_id: str) -> PatientHit:
    return PatientHit(
        patient_id=patient_id,
        name=PatientName(),
        birth_date=None,
        age_years=None,
        sex=None,
        mrn=None,
        phone=None,
        active=False,
    )


def _moved(work: UnitOfWork, merges: Sequence[Row]) -> dict[str, Counter[str]]:
    rows = work.connection.execute(MOVED, {"ids": [str(merge.merge_id) for merge in merges]})
    found: dict[str, Counter[str]] = {}
    for row in rows:
        found.setdefault(str(row.merge_id), Counter())[row.resource_type] += row.number
    return found


def record_counts(numbers: Mapping[str, int]) -> list[RecordCount]:
    """The most numerous first."""
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return [
        RecordCount(resource_type=name, words=kind_words(name), number=number) for name, number in ordered
    ]
