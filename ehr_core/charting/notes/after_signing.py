"""After a signature: an addendum, a co-signature, an amendment with its reason. No commit inside."""

from __future__ import annotations

from sqlalchemy import Row, text

from data_contracts.api.notes import CosignNote, NoteContent, SignedReceipt, StartedDraft, UnlockNote
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.document import with_cosigner
from ehr_core.charting.notes.model import NewNote, add_note, find_note
from ehr_core.charting.notes.reading import checked_contents
from ehr_core.charting.notes.signing import keep_seal
from ehr_core.charting.notes.templates import ADDENDUM
from ehr_core.charting.parts import person
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.store.repository import Store

ONLY_SIGNED = "Only a signed note that is the current one can be added to, amended or co-signed."
OWN_WORDS = "Somebody other than the note's author and signer co-signs it. Ask a colleague."


def begin_addendum(work: UnitOfWork, *, note_id: str) -> StartedDraft:
    """A draft that will stand under the note; the note itself stays as it was signed."""
    work.actor.require("note.write")
    row = _signed(work, note_id)
    new = NewNote(
        row.patient_id,
        row.encounter_id,
        ADDENDUM,
        NoteContent(),
        kind="addendum",
        of_note_id=str(row.note_id),
    )
    return _begun(work, row, new, "note_addendum_begun")


def unlock_note(work: UnitOfWork, *, note_id: str, unlock: UnlockNote) -> StartedDraft:
    """A draft with the note's own words, to be amended and signed again. Until then the signed one stands.

    Raises Conflict while an amendment is open, and when the seal does not hold: broken words are not carried on.
    """
    work.actor.require("note.sign")
    row = _signed(work, note_id)
    stored = Store(work).read("DocumentReference", row.document_id)
    seal, _, structure = checked_contents(work, row, decode(stored.body))
    if seal != "whole" or structure is None:
        raise Conflict("The seal of this note does not hold, so it is not amended. Tell your administrator.")
    new = NewNote(
        row.patient_id,
        row.encounter_id,
        row.template_id,
        NoteContent.model_validate_json(structure),
        kind="amendment",
        of_note_id=str(row.note_id),
        reason=unlock.reason.strip(),
    )
    return _begun(work, row, new, "note_unlocked")


def cosign_note(work: UnitOfWork, *, note_id: str, cosign: CosignNote) -> SignedReceipt:
    """Another clinician stands for the note as it is sealed. Raises Forbidden for its author and its signer."""
    work.actor.require("note.sign")
    row = _signed(work, note_id)
    if work.actor.actor_id in (row.author_id, row.signed_by):
        raise Forbidden(OWN_WORDS)
    if row.cosigned_at is not None:
        raise Conflict("This note is co-signed already.")
    if not row.cosign_wanted:
        raise BadRequest("Nobody asked for a co-signature of this note.")
    stored = Store(work).read("DocumentReference", row.document_id)
    if stored.version_id != cosign.document_version:
        raise StaleVersion("This note is not the one on your screen any more. Read it again, then co-sign.")
    seal, sha256, _ = checked_contents(work, row, decode(stored.body))
    if seal != "whole" or sha256 is None:
        raise Conflict(
            "The seal of this note does not hold, so it is not co-signed. Tell your administrator."
        )
    return _cosigned(work, row, sha256, stored.version_id)


def _cosigned(work: UnitOfWork, row: Row, sha256: str, version: int) -> SignedReceipt:
    now = work.now()
    stored = Store(work).read("DocumentReference", row.document_id)
    signed = with_cosigner(decode(stored.body), cosigner=person(work.actor), at=now)
    written = Store(work).update("DocumentReference", stored.id, encode(signed), if_match=version)
    keep_seal(work, row, row.document_id, "cosigned", now, sha256)
    work.connection.execute(
        text(
            "UPDATE charting.note SET cosigned_at = :now, cosigned_by = :by, cosigned_by_name = :name, "
            "version = version + 1 WHERE note_id = :id"
        ),
        {"now": now, "by": work.actor.actor_id, "name": work.actor.name, "id": row.note_id},
    )
    return SignedReceipt(
        note_id=str(row.note_id),
        document_id=row.document_id,
        document_version=written.version_id,
        sha256=sha256,
        signed_at=row.signed_at,
        already_signed=False,
    )


def _signed(work: UnitOfWork, note_id: str) -> Row:
    row = find_note(work, note_id, lock=True)
    if row.state != "signed":
        raise Conflict(ONLY_SIGNED)
    return row


def _begun(work: UnitOfWork, row: Row, new: NewNote, act: str) -> StartedDraft:
    draft = add_note(work, new)
    if draft is None:
        raise Conflict("An amendment of this note is open already. Open that one from the chart.")
    work.audit(
        act,
        resource_type="Note",
        resource_id=str(row.note_id),
        patient_id=row.patient_id,
        detail={"draft": str(draft.note_id)},
    )
    return StartedDraft(note_id=str(draft.note_id))
