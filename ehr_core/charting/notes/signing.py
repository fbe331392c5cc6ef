"""Signing a note: judged, sealed and filed with its visit, once or not at all. No commit inside.

Everything happens in the caller's transaction while the note's row is locked, so that a process that dies in the
middle has signed nothing. A screen that never heard the answer asks again with the same key and gets it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text

from data_contracts.api.notes import NoteContent, NoteTemplate, PlanItem, SignedReceipt, SignNote
from data_contracts.code_systems import ICD_10_CM
from ehr_core.access.sensitivity import labels, restricting
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.encounters import finished
from ehr_core.charting.notes.diagnoses import asked, build_charge, build_condition, charged
from ehr_core.charting.notes.document import build_document, superseded
from ehr_core.charting.notes.drafts import CHANGED, check_row
from ehr_core.charting.notes.model import content_of, find_note
from ehr_core.charting.notes.pulled import labels_of_pulled
from ehr_core.charting.notes.seal import fingerprint
from ehr_core.charting.notes.templates import template_of
from ehr_core.charting.notes.wording import note_text
from ehr_core.charting.parts import ACCOUNT_SYSTEM, Resource, instant, person, reference
from ehr_core.charting.provenance import build_provenance
from ehr_core.charting.recordable import refused
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

SIGNED = text("""
UPDATE charting.note SET state = 'signed', content = NULL, version = version + 1, signed_at = :at, signed_by = :by,
  signed_by_name = :by_name, signing_key = :key, document_id = :document_id, cosign_wanted = :cosign
WHERE note_id = :note_id
""")
SEALED = text("""
INSERT INTO charting.note_seal (note_id, patient_id, document_id, act, sealed_at, sealed_by, sha256)
VALUES (:note_id, :patient_id, :document_id, :act, :at, :by, :sha256)
""")
CHARGES = text("""
SELECT id, version_id, body FROM fhir.charge_item
WHERE patient_id = :patient_id AND encounter_id = :encounter_id AND NOT deleted AND status = 'billable' ORDER BY id
""")


@dataclass(frozen=True)
class Signing:
    """One signature: the locked row, its words, and the moment."""

    row: Row
    template: NoteTemplate
    content: NoteContent
    at: datetime


def sign_note(work: UnitOfWork, *, note_id: str, sign: SignNote) -> SignedReceipt:
    """Seals this version, files it, ends its visit and captures its diagnoses and services.

    Raises Forbidden, StaleVersion when the draft is another one by now, InvalidResource naming what is missing, and
    Conflict when somebody else has signed.
    """
    work.actor.require("note.sign")
    row = find_note(work, note_id, lock=True)
    if row.state != "draft":
        return _signed_before(work, row, sign)
    if row.version != sign.version:
        raise StaleVersion(CHANGED)
    _refuse_missing(work, row)
    signing = Signing(row, template_of(row.template_id), content_of(row), work.now())
    return _file(work, signing, sign)


def _signed_before(work: UnitOfWork, row: Row, sign: SignNote) -> SignedReceipt:
    if (row.signing_key, row.signed_by) != (sign.key, work.actor.actor_id):
        raise Conflict(
            "This note has been signed already. Reload it; what is still to be said is an addendum."
        )
    document = Store(work).read("DocumentReference", row.document_id)
    return SignedReceipt(
        note_id=str(row.note_id),
        document_id=row.document_id,
        document_version=document.version_id,
        sha256=_seal_of(work, row),
        signed_at=row.signed_at,
        already_signed=True,
    )


def _seal_of(work: UnitOfWork, row: Row) -> str:
    found = text(
        "SELECT sha256 FROM charting.note_seal WHERE note_id = :note_id AND act = 'signed' ORDER BY seal_id"
    )
    return work.connection.execute(found, {"note_id": row.note_id}).scalars().first() or ""


def _refuse_missing(work: UnitOfWork, row: Row) -> None:
    blocking = [issue for issue in check_row(work, row).issues if issue.blocks]
    if blocking:
        raise InvalidResource([Issue(issue.field, issue.message, "required") for issue in blocking])


def _file(work: UnitOfWork, signing: Signing, sign: SignNote) -> SignedReceipt:
    row = signing.row
    conditions = _conditions(work, signing)
    content = _linked(signing.content, conditions)
    words = note_text(signing.template, content, time_zone=work.site_time_zone).encode()
    structure = json.dumps(content.model_dump(mode="json"), sort_keys=True, ensure_ascii=False).encode()
    sha256 = fingerprint(
        note_id=str(row.note_id),
        patient_id=row.patient_id,
        signed_by=work.actor.actor_id,
        signed_at=signing.at,
        text=words,
        structure=structure,
    )
    found = _labels(work, row, content)
    document = _document(work, signing, sign, words, structure, sha256, found)
    keep_seal(work, row, document.id, "signed", signing.at, sha256)
    _mark_signed(work, row, sign, document.id, signing.at)
    if row.kind != "addendum":
        _end_visit(work, row, signing.at, conditions)
        _charge(work, row, content, signing.at)
    return SignedReceipt(
        note_id=str(row.note_id),
        document_id=document.id,
        document_version=document.version_id,
        sha256=sha256,
        signed_at=signing.at,
        already_signed=False,
    )


def _conditions(work: UnitOfWork, signing: Signing) -> list[str]:
    """The Condition of each item of the plan, made where there was none. Raises InvalidResource for a foreign one."""
    return [_condition(work, signing, item) for item in signing.content.plan]


def _condition(work: UnitOfWork, signing: Signing, item: PlanItem) -> str:
    row = signing.row
    if item.condition_id is not None:
        found = Store(work).read("Condition", item.condition_id)
        if found.patient_id != row.patient_id:
            raise refused(
                f"plan.{item.item_id}", "This problem is another patient's. Remove it and add it again."
            )
        return found.id
    if item.code is not None:
        ICD_10_CM.checked(item.code)
    built = build_condition(
        item,
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        recorder=person(work.actor),
        at=signing.at,
    )
    return Store(work).create("Condition", encode(built)).id


def _labels(work: UnitOfWork, row: Row, content: NoteContent) -> list[tuple[str, str]]:
    """What a note tells of the chart is kept in it from the same people: the labels of every fact that it names, and of
    the note that it adds to or replaces."""
    found = labels_of_pulled(work, row.patient_id, (block.kind for block in content.pulled))
    named = [("Condition", item.condition_id) for item in content.plan]
    if row.of_note_id:
        named.append(("DocumentReference", find_note(work, str(row.of_note_id)).document_id))
    for kind, identity in named:
        if identity is not None:
            found |= set(restricting(labels(decode(Store(work).read(kind, identity).body))))
    return sorted(found)


def _linked(content: NoteContent, conditions: list[str]) -> NoteContent:
    plan = [
        item.model_copy(update={"condition_id": condition})
        for item, condition in zip(content.plan, conditions, strict=True)
    ]
    return content.model_copy(update={"plan": plan})


def _document(
    work: UnitOfWork,
    signing: Signing,
    sign: SignNote,
    words: bytes,
    structure: bytes,
    sha256: str,
    found: list[tuple[str, str]],
) -> StoredResource:
    row = signing.row
    other = find_note(work, str(row.of_note_id), lock=True) if row.of_note_id else None
    built = build_document(
        note_id=str(row.note_id),
        template=signing.template,
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        author=author_of(row),
        signer=person(work.actor),
        signed_at=signing.at,
        text=words,
        structure=structure,
        sha256=sha256,
        waits_for_cosigner=sign.cosign_wanted,
        relates_to=(_RELATIONS[row.kind], other.document_id) if other is not None else None,
        labels=found,
    )
    document = Store(work).create("DocumentReference", encode(built))
    if row.kind == "amendment" and other is not None:
        _replace(work, other)
    _prove(work, row, document)
    return document


_RELATIONS = {"addendum": "appends", "amendment": "replaces"}


def _replace(work: UnitOfWork, other: Row) -> None:
    """The amended note: no longer current, its words and its seal untouched."""
    if other.state != "signed":
        raise Conflict("The note that this amends is not the current one any more. Reload the list of notes.")
    old = Store(work).read("DocumentReference", other.document_id)
    Store(work).update(
        "DocumentReference", old.id, encode(superseded(decode(old.body))), if_match=old.version_id
    )
    work.connection.execute(
        text("UPDATE charting.note SET state = 'replaced', version = version + 1 WHERE note_id = :id"),
        {"id": other.note_id},
    )


def _prove(work: UnitOfWork, row: Row, document: StoredResource) -> None:
    built = build_provenance(
        [("DocumentReference", document.id, document.version_id)],
        activity="UPDATE" if row.kind == "amendment" else "CREATE",
        who=person(work.actor),
        recorded_at=instant(work.now()),
        reason=row.reason,
    )
    Store(work).create("Provenance", encode(built))


def author_of(row: Row) -> Resource:
    """Who began the note, as a reference."""
    if row.author_practitioner_id:
        return reference("Practitioner", row.author_practitioner_id, row.author_name)
    return {"identifier": {"system": ACCOUNT_SYSTEM, "value": row.author_id}, "display": row.author_name}


def keep_seal(work: UnitOfWork, row: Row, document_id: str, act: str, at: datetime, sha256: str) -> None:
    """Appends the seal, here and to the audit log. `act` is 'signed' or 'cosigned'."""
    values = {
        "note_id": row.note_id,
        "patient_id": row.patient_id,
        "document_id": document_id,
        "act": act,
        "at": at,
        "by": work.actor.actor_id,
        "sha256": sha256,
    }
    work.connection.execute(SEALED, values)
    work.audit(
        f"note_{act}",
        resource_type="Note",
        resource_id=str(row.note_id),
        patient_id=row.patient_id,
        detail={"document": document_id, "sha256": sha256, "kind": row.kind},
    )


def _mark_signed(work: UnitOfWork, row: Row, sign: SignNote, document_id: str, at: datetime) -> None:
    work.connection.execute(
        SIGNED,
        {
            "note_id": row.note_id,
            "at": at,
            "by": work.actor.actor_id,
            "by_name": work.actor.name,
            "key": sign.key,
            "document_id": document_id,
            "cosign": sign.cosign_wanted,
        },
    )


def _end_visit(work: UnitOfWork, row: Row, at: datetime, conditions: list[str]) -> None:
    stored = Store(work).read("Encounter", row.encounter_id)
    ended = finished(decode(stored.body), at=at, condition_ids=list(dict.fromkeys(conditions)))
    Store(work).update("Encounter", stored.id, encode(ended), if_match=stored.version_id)


def _charge(work: UnitOfWork, row: Row, content: NoteContent, at: datetime) -> None:
    """The visit's charges as the note says them: what it no longer names is struck, what it newly names is added."""
    stands = work.connection.execute(
        CHARGES, {"patient_id": row.patient_id, "encounter_id": row.encounter_id}
    )
    wanted = {asked(service): service for service in content.services}
    for charge in stands.all():
        resource = decode(charge.body)
        if wanted.pop(charged(resource), None) is None:
            struck = encode({**resource, "status": "entered-in-error"})
            Store(work).update("ChargeItem", charge.id, struck, if_match=charge.version_id)
    for service in wanted.values():
        built = build_charge(
            service,
            patient_id=row.patient_id,
            encounter_id=row.encounter_id,
            at=at,
            performer=person(work.actor),
            plan=content.plan,
        )
        Store(work).create("ChargeItem", encode(built))
