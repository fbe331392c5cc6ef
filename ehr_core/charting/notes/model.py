"""A note's row, and the statements that read and write it. The words of a signed one are not here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from data_contracts.api.notes import NoteContent, NoteDraft, NoteLine
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.templates import template_of
from ehr_core.kernel.errors import NotFound

NO_SUCH_NOTE = "There is no such note. It may have been discarded; look at the chart's list of notes."

ONE = "SELECT * FROM charting.note WHERE note_id = :note_id"
OF_PATIENT = text("""
SELECT * FROM charting.note WHERE patient_id = :patient_id AND state <> 'discarded' ORDER BY created_at DESC, note_id
""")
ADDENDA = text("""
SELECT * FROM charting.note WHERE of_note_id = :note_id AND kind = 'addendum' AND state = 'signed' ORDER BY signed_at
""")
INSERT = text("""
INSERT INTO charting.note (patient_id, encounter_id, kind, of_note_id, template_id, content, reason, author_id,
  author_name, author_practitioner_id, created_at, updated_at, updated_by, updated_by_name)
VALUES (:patient_id, :encounter_id, :kind, :of_note_id, :template_id, :content, :reason, :by, :by_name, :practitioner,
  :now, :now, :by, :by_name)
ON CONFLICT DO NOTHING RETURNING *
""").bindparams(bindparam("content", type_=JSONB))
SAVE = text("""
UPDATE charting.note SET content = :content, version = version + 1, updated_at = :now, updated_by = :by,
  updated_by_name = :by_name
WHERE note_id = :note_id AND state = 'draft' AND version = :version RETURNING *
""").bindparams(bindparam("content", type_=JSONB))


@dataclass(frozen=True)
class NewNote:
    patient_id: str
    encounter_id: str
    template_id: str
    content: NoteContent
    kind: str = "note"
    of_note_id: str | None = None
    reason: str | None = None


def find_note(work: UnitOfWork, note_id: str, *, lock: bool = False) -> Row:
    """The row; raises NotFound, also for what is no id at all. `lock` keeps others from changing it."""
    if not _looks_like_id(note_id):
        raise NotFound(NO_SUCH_NOTE)
    query = text(ONE + (" FOR UPDATE" if lock else ""))
    row = work.connection.execute(query, {"note_id": note_id}).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_NOTE)
    return row


def add_note(work: UnitOfWork, new: NewNote) -> Row | None:
    """A new draft by who acts; None when one of its kind is open there already."""
    values = {
        "patient_id": new.patient_id,
        "encounter_id": new.encounter_id,
        "kind": new.kind,
        "of_note_id": new.of_note_id,
        "template_id": new.template_id,
        "content": new.content.model_dump(mode="json"),
        "reason": new.reason,
        "by": work.actor.actor_id,
        "by_name": work.actor.name,
        "practitioner": work.actor.practitioner_id,
        "now": work.now(),
    }
    return work.connection.execute(INSERT, values).one_or_none()


def save_content(work: UnitOfWork, note_id: str, version: int, content: NoteContent) -> Row | None:
    """The row with its new version; None when it is no draft any more or somebody else saved first."""
    values = {
        "note_id": note_id,
        "version": version,
        "content": content.model_dump(mode="json"),
        "now": work.now(),
        "by": work.actor.actor_id,
        "by_name": work.actor.name,
    }
    return work.connection.execute(SAVE, values).one_or_none()


def notes_of(work: UnitOfWork, patient_id: str) -> list[Row]:
    return list(work.connection.execute(OF_PATIENT, {"patient_id": patient_id}))


def addenda_of(work: UnitOfWork, note_id: str) -> list[Row]:
    return list(work.connection.execute(ADDENDA, {"note_id": note_id}))


def content_of(row: Row) -> NoteContent:
    return NoteContent.model_validate(row.content)


def as_draft(row: Row) -> NoteDraft:
    return NoteDraft(
        note_id=str(row.note_id),
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        kind=row.kind,
        state=row.state,
        of_note_id=str(row.of_note_id) if row.of_note_id else None,
        reason=row.reason,
        template=template_of(row.template_id),
        version=row.version,
        content=content_of(row),
        author_name=row.author_name,
        updated_at=row.updated_at,
        updated_by_name=row.updated_by_name,
    )


def as_line(row: Row) -> NoteLine:
    return NoteLine(
        note_id=str(row.note_id),
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        kind=row.kind,
        state=row.state,
        of_note_id=str(row.of_note_id) if row.of_note_id else None,
        title=template_of(row.template_id).title,
        author_name=row.author_name,
        started_at=row.created_at,
        signed_at=row.signed_at,
        signed_by_name=row.signed_by_name,
        cosign_wanted=row.cosign_wanted,
        cosigned_by_name=row.cosigned_by_name,
        document_id=row.document_id,
        reason=row.reason,
    )


def _looks_like_id(note_id: Any) -> bool:
    try:
        UUID(str(note_id))
    except ValueError:
        return False
    return True
