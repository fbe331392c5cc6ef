"""Reading notes: the list, a signed one with its seal checked, and what waits for somebody's hand."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, text

from data_contracts.api.notes import NoteContent, NotesView, SealState, SignedNote
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.model import NO_SUCH_NOTE, addenda_of, as_line, find_note, notes_of
from ehr_core.charting.notes.seal import contents_of, fingerprint
from ehr_core.charting.queries import subject_of
from ehr_core.charting.reading import NO_SUCH_PATIENT
from ehr_core.charting.retractions import IN_ERROR
from ehr_core.kernel.errors import Conflict, NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.kernel.logging import get_logger
from ehr_core.store.repository import Store

log = get_logger("charting")

SEALS = text("""
SELECT patient_id, sha256 FROM charting.note_seal
WHERE note_id = :note_id AND document_id = :document_id ORDER BY seal_id
""")
REPLACED_BY = text("""
SELECT note_id FROM charting.note
WHERE of_note_id = :note_id AND kind = 'amendment' AND state IN ('signed', 'replaced')
""")
WAITING = text("""
SELECT * FROM charting.note
WHERE (state = 'draft' AND :me IN (author_id, updated_by))
   OR (:signs AND state = 'signed' AND cosign_wanted AND cosigned_at IS NULL AND :me NOT IN (author_id, signed_by))
ORDER BY created_at, note_id LIMIT 100
""")


def read_notes(work: UnitOfWork, *, patient_id: str) -> NotesView:
    """Every note of one patient, newest first: drafts, signed ones, and those that were replaced."""
    work.actor.require("chart.read")
    if subject_of(work, patient_id) is None:
        raise NotFound(NO_SUCH_PATIENT)
    rows = notes_of(work, patient_id)
    work.audit("notes_read", patient_id=patient_id, detail={"notes": len(rows)})
    return NotesView(patient_id=patient_id, notes=[as_line(row) for row in rows])


def read_note(work: UnitOfWork, *, note_id: str) -> SignedNote:
    """A signed note and whether its seal holds. Raises Conflict for a draft: that has no seal yet."""
    work.actor.require("chart.read")
    row = find_note(work, note_id)
    if row.state == "discarded":
        raise NotFound(NO_SUCH_NOTE)
    if row.state == "draft":
        raise Conflict("This note is not signed yet. Open it as a draft.")
    stored = Store(work).read("DocumentReference", row.document_id)
    document = decode(stored.body)
    seal, sha256, structure = checked_contents(work, row, document)
    words = contents_of(document)
    return SignedNote(
        note=as_line(row),
        document_version=stored.version_id,
        text=words[0].decode(errors="replace") if words else "",
        content=_structured(structure),
        seal=seal,
        in_error=document.get("status") == IN_ERROR,
        sha256=sha256,
        addenda=[as_line(addendum) for addendum in addenda_of(work, note_id)],
        replaced_by=_replaced_by(work, row),
    )


def checked_contents(
    work: UnitOfWork, row: Row, document: dict[str, Any]
) -> tuple[SealState, str | None, bytes | None]:
    """(whether the seal holds, the fingerprint now, the structure). A broken seal is logged and audited.

    The fingerprint is over the patient of the moment of signing: a later merge of records breaks no seal.
    """
    held = contents_of(document)
    values = {"note_id": row.note_id, "document_id": row.document_id}
    seals = work.connection.execute(SEALS, values).all()
    if held is None or not seals:
        return _not_whole(work, row, "missing"), None, None
    now = fingerprint(
        note_id=str(row.note_id),
        patient_id=seals[0].patient_id,
        signed_by=row.signed_by,
        signed_at=row.signed_at,
        text=held[0],
        structure=held[1],
    )
    if {seal.sha256 for seal in seals} != {now} or document.get("subject", {}).get(
        "reference"
    ) != f"Patient/{row.patient_id}":
        return _not_whole(work, row, "broken"), now, held[1]
    return "whole", now, held[1]


def waiting_rows(work: UnitOfWork) -> list[Row]:
    """Drafts that this actor began or last wrote in, and notes that wait for a co-signature that they may give."""
    work.actor.require("note.write")
    values = {"me": work.actor.actor_id, "signs": work.actor.may("note.sign")}
    return list(work.connection.execute(WAITING, values))


def _not_whole(work: UnitOfWork, row: Row, state: SealState) -> SealState:
    log.error("note_seal_does_not_hold", note_id=str(row.note_id), state=state)
    work.audit(
        "note_seal_checked",
        resource_type="Note",
        resource_id=str(row.note_id),
        patient_id=row.patient_id,
        outcome="failure",
        detail={"state": state},
    )
    return state


def _structured(structure: bytes | None) -> NoteContent | None:
    try:
        return NoteContent.model_validate_json(structure) if structure else None
    except ValidationError:
        return None


def _replaced_by(work: UnitOfWork, row: Row) -> str | None:
    found = work.connection.execute(REPLACED_BY, {"note_id": row.note_id}).scalars().first()
    return str(found) if found else None
