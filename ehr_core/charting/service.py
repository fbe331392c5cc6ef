"""Acts of writing the chart: record, correct, retract, review. One act each, no commit; the store does the rest."""

from __future__ import annotations

from datetime import datetime

from data_contracts.api.chart import (
    CorrectResult,
    MarkInError,
    Recorded,
    RecordImmunization,
    RecordOutsideResult,
    RecordResult,
    Reinstate,
    ResultType,
    RetractableType,
    ReviewResult,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.documents import build_binary, build_document_reference, read_document
from ehr_core.charting.immunizations import build_immunization
from ehr_core.charting.outside import build_outside, item_of
from ehr_core.charting.parts import Resource, instant, person
from ehr_core.charting.provenance import Activity, build_provenance
from ehr_core.charting.queries import Subject, encounter_is_of, outbox_position, subject_of
from ehr_core.charting.reading import NO_SUCH_PATIENT
from ehr_core.charting.recordable import refused
from ehr_core.charting.results import build_result, corrected
from ehr_core.charting.retractions import reinstated, retracted
from ehr_core.charting.reviews import DONE, with_review
from ehr_core.charting.timing import check_day, check_moment, first_birth_day
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

MERGED_AWAY = "This record was merged into another one. Open the surviving record and record it there."


def record_result(work: UnitOfWork, *, patient_id: str, result: RecordResult) -> Recorded:
    """A result measured here. It waits for review like one that a laboratory sent."""
    subject = subject_to_write(work, patient_id, result.encounter_id)
    moment_checked(work, result.at, subject)
    built = build_result(
        result, patient_id=patient_id, performer=person(work.actor), issued=instant(work.now())
    )
    return recorded(work, [create(work, built)])


def record_outside_result(work: UnitOfWork, *, patient_id: str, record: RecordOutsideResult) -> Recorded:
    """What was done elsewhere, with its document and the Provenance that says from whose record it is."""
    subject = subject_to_write(work, patient_id, None)
    item = item_of(record)
    check_day(record.on, today=work.today(), born=first_birth_day(subject.birth_date))
    document = read_document(record)
    now = instant(work.now())
    written = [create(work, build_outside(record, item, patient_id=patient_id, recorded_at=now))]
    if document is not None:
        binary = create(work, build_binary(document, patient_id=patient_id))
        entry = build_document_reference(
            document,
            binary_id=binary.id,
            patient_id=patient_id,
            about=item.name,
            on=record.on,
            source=record.source,
            written_at=now,
        )
        written += [binary, create(work, entry)]
    document_id = written[-1].id if document is not None else None
    written.append(prove(work, written[:1], "CREATE", source=record.source, document_id=document_id))
    return recorded(work, written)


def record_immunization(work: UnitOfWork, *, patient_id: str, given: RecordImmunization) -> Recorded:
    """A vaccination given here. Raises InvalidResource naming the field."""
    subject = subject_to_write(work, patient_id, given.encounter_id)
    moment_checked(work, given.at, subject)
    built = build_immunization(
        given, patient_id=patient_id, performer=person(work.actor), recorded_at=instant(work.now())
    )
    return recorded(work, [create(work, built)])


def correct_result(work: UnitOfWork, *, observation_id: str, correction: CorrectResult) -> Recorded:
    """A new version with status `corrected`; the old one stays in the history, the reason in the Provenance.

    Raises StaleVersion when somebody else changed the result first.
    """
    observation = to_write(work, "Observation", observation_id)
    check_seen(observation, correction.version_id)
    changed = corrected(
        decode(observation.body),
        value=correction.value,
        unit=correction.unit,
        issued=instant(work.now()),
    )
    written = update(work, observation, changed)
    return recorded(work, [written, prove(work, [written], "UPDATE", reason=correction.reason)])


def mark_in_error(
    work: UnitOfWork, *, resource_type: RetractableType, resource_id: str, mark: MarkInError
) -> Recorded:
    """It stays, struck out, and counts for nothing. Raises StaleVersion, or BadRequest when it is already."""
    stored = to_write(work, resource_type, resource_id)
    check_seen(stored, mark.version_id)
    written = update(work, stored, retracted(decode(stored.body)))
    return recorded(work, [written, prove(work, [written], "NULLIFY", reason=mark.reason)])


def reinstate(
    work: UnitOfWork, *, resource_type: RetractableType, resource_id: str, act: Reinstate
) -> Recorded:
    """Takes an 'entered in error' back: the same content, in the status that it had before.

    Raises StaleVersion, or BadRequest when it is not in error, or came into this record so.
    """
    stored = to_write(work, resource_type, resource_id)
    check_seen(stored, act.version_id)
    earlier = [
        decode(version.body)
        for version in Store(work).history(resource_type, resource_id)[1:]
        if version.body
    ]
    written = update(work, stored, reinstated(decode(stored.body), earlier))
    return recorded(work, [written, prove(work, [written], "UPDATE", reason=act.reason)])


def review_result(
    work: UnitOfWork, *, resource_type: ResultType, resource_id: str, review: ReviewResult
) -> Recorded:
    """Says that this actor has looked at exactly this version, with words for the patient where there are any."""
    result = to_write(work, resource_type, resource_id)
    check_seen(result, review.version_id)
    resource = decode(result.body)
    if resource.get("status") not in DONE:
        raise BadRequest("Only a final result can be reviewed. Wait for the final one, or mark it in error.")
    comment = (review.comment_to_patient or "").strip() or None
    written = update(
        work, result, with_review(resource, at=work.now(), by=person(work.actor), comment=comment)
    )
    return recorded(work, [written])


def subject_to_write(work: UnitOfWork, patient_id: str, encounter_id: str | None) -> Subject:
    """The patient to write about. Raises Forbidden, NotFound, Conflict for a merged record, or InvalidResource."""
    work.actor.require("chart.write")
    subject = subject_of(work, patient_id)
    if subject is None:
        raise NotFound(NO_SUCH_PATIENT)
    if subject.replaced_by is not None:
        raise Conflict(MERGED_AWAY)
    if encounter_id is not None and not encounter_is_of(work, encounter_id, patient_id):
        raise refused("encounter_id", "This is not a visit of this patient. Choose one of theirs, or none.")
    return subject


def to_write(work: UnitOfWork, resource_type: str, resource_id: str) -> StoredResource:
    """What is to be changed, for who may write charts."""
    work.actor.require("chart.write")
    return Store(work).read(resource_type, resource_id)


def check_seen(stored: StoredResource, seen: int) -> None:
    """Judged before the content is: a stale screen must hear that first. The write itself checks again, locked."""
    if stored.version_id != seen:
        raise StaleVersion(
            "Somebody else changed this first. Look at what it says now, then make your change."
        )


def moment_checked(work: UnitOfWork, at: datetime, subject: Subject) -> None:
    """Raises InvalidResource naming `at` for a moment in the future or before birth."""
    check_moment(at, now=work.now(), time_zone=work.site_time_zone, born=first_birth_day(subject.birth_date))


def create(work: UnitOfWork, resource: Resource) -> StoredResource:
    """Into the store, as who acts."""
    return Store(work).create(resource["resourceType"], encode(resource))


def update(work: UnitOfWork, old: StoredResource, resource: Resource) -> StoredResource:
    """The next version of what was read, unless somebody else was first."""
    return Store(work).update(old.resource_type, old.id, encode(resource), if_match=old.version_id)


def prove(
    work: UnitOfWork,
    about: list[StoredResource],
    activity: Activity,
    *,
    reason: str | None = None,
    source: str | None = None,
    document_id: str | None = None,
) -> StoredResource:
    provenance = build_provenance(
        [(resource.resource_type, resource.id, resource.version_id) for resource in about],
        activity=activity,
        who=person(work.actor),
        recorded_at=instant(work.now()),
        reason=reason,
        source=source,
        document_id=document_id,
    )
    return create(work, provenance)


def recorded(work: UnitOfWork, written: list[StoredResource]) -> Recorded:
    """What was written, and the outbox position that re-measure will reach."""
    return Recorded(
        resources=[(resource.resource_type, resource.id, resource.version_id) for resource in written],
        outbox_position=outbox_position(work),
    )
