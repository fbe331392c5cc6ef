"""What a merge would do, before anybody does it: both records side by side, what moves, what to know."""

from __future__ import annotations

from data_contracts.api.merging import MergePreview, MergeSide, PreviewMerge
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.registration.combining import compare_fields
from ehr_core.registration.matching.grading import judge
from ehr_core.registration.matching.identity import identity_of
from ehr_core.registration.presenters import present_hits
from ehr_core.registration.queries import people_by_id
from ehr_core.store.moving import count_records
from ehr_core.workflows.merge.clinical import compare_medicines, denials
from ehr_core.workflows.merge.reading import record_counts
from ehr_core.workflows.merge.records import Record, Resource, read_pair, why_not


def preview_merge(work: UnitOfWork, *, preview: PreviewMerge) -> MergePreview:
    """Changes nothing. Raises Forbidden, BadRequest for one record with itself, NotFound."""
    work.actor.require("registration.merge")
    survivor, other = read_pair(work, preview.survivor_id, preview.other_id, lock=False)
    ids = [survivor.patient_id, other.patient_id]
    judgement = judge(identity_of(survivor.body), identity_of(other.body))
    medicines = compare_medicines(work, *ids)
    sides = _sides(work, survivor, other)
    work.audit("merge_previewed", resource_type="Patient", patient_ids=ids)
    return MergePreview(
        survivor=sides[0],
        other=sides[1],
        grade=judgement.grade,
        reasons=list(judgement.reasons),
        fields=compare_fields(survivor.body, other.body),
        moving=sum(count.number for count in sides[1].records),
        warnings=_warnings(survivor.body, other.body),
        denials_set_aside=len(denials(work, ids)),
        medications_to_reconcile=medicines.must_be_reconciled,
        duplicate_medications=medicines.on_both_sides,
        why_not=why_not(survivor, other),
    )


def _sides(work: UnitOfWork, *records: Record) -> list[MergeSide]:
    people = people_by_id(work, [record.patient_id for record in records])
    hits = present_hits([people[record.patient_id] for record in records], work.today())
    return [
        MergeSide(
            hit=hit,
            version_id=record.stored.version_id,
            records=record_counts(count_records(work, record.patient_id)),
        )
        for hit, record in zip(hits, records, strict=True)
    ]


def _warnings(survivor: Resource, other: Resource) -> list[str]:
    said = []
    if _differ(survivor.get("birthDate"), other.get("birthDate")):
        said.append("The birth dates differ.")
    if _differ(survivor.get("gender"), other.get("gender")):
        said.append("The recorded sex differs.")
    if _dead(survivor) != _dead(other):
        said.append("One of the two is recorded as deceased.")
    if survivor.get("active") is False:
        said.append("The record that would survive is inactive.")
    return said


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one and other and one != other)


def _dead(patient: Resource) -> bool:
    return bool(patient.get("deceasedDateTime") or patient.get("deceasedBoolean"))
