"""Visits and notes: start, draft, check, sign, and what may follow a signature. Each route calls one act."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.after_visit import AfterVisitSummary, SummaryLanguage
from data_contracts.api.notes import (
    ChangeTemplate,
    CosignNote,
    DiagnosisCodes,
    KeepPhrase,
    NoteCheck,
    NoteDraft,
    NotesView,
    NoteTemplates,
    Phrase,
    Phrases,
    RefreshNote,
    SaveNote,
    SignedNote,
    SignedReceipt,
    SignNote,
    StartedDraft,
    StartedVisit,
    StartVisit,
    UnfinishedNotes,
    UnlockNote,
)
from ehr_core.api.dependencies import Work
from ehr_core.charting.notes import after_signing, drafts, phrases
from ehr_core.charting.notes.diagnosis_search import find_diagnoses
from ehr_core.charting.notes.reading import read_note, read_notes
from ehr_core.charting.notes.templates import templates
from ehr_core.workflows.after_visit import after_visit_summary
from ehr_core.workflows.sign_visit import sign_visit
from ehr_core.workflows.start_visit import start_visit
from ehr_core.workflows.unfinished_notes import unfinished_notes

router = APIRouter(prefix="/api", tags=["notes"])


@router.post("/patients/{patient_id}/visits")
def start(patient_id: str, asked: StartVisit, work: Work) -> StartedVisit:
    return start_visit(work, patient_id=patient_id, start=asked)


@router.get("/patients/{patient_id}/notes")
def notes_of(patient_id: str, work: Work) -> NotesView:
    return read_notes(work, patient_id=patient_id)


@router.get("/unfinished-notes")
def unfinished(work: Work) -> UnfinishedNotes:
    return unfinished_notes(work)


@router.get("/note-templates")
def note_templates(work: Work) -> NoteTemplates:
    """The templates a note may begin with. No patient data."""
    work.actor.require("note.write")
    return NoteTemplates(templates=list(templates().values()))


@router.get("/note-phrases")
def note_phrases(work: Work) -> Phrases:
    return phrases.read_phrases(work)


@router.post("/note-phrases")
def keep_phrase(phrase: KeepPhrase, work: Work) -> Phrase:
    return phrases.keep_phrase(work, phrase=phrase)


@router.delete("/note-phrases/{phrase_id}", status_code=204)
def drop_phrase(phrase_id: str, work: Work) -> None:
    phrases.drop_phrase(work, phrase_id=phrase_id)


@router.get("/diagnosis-codes")
def diagnosis_codes(q: str, work: Work) -> DiagnosisCodes:
    """ICD-10-CM codes by word or code; what is searched for is no patient's datum."""
    work.actor.require("chart.read")
    return DiagnosisCodes(codes=find_diagnoses(q))


@router.get("/visits/{encounter_id}/summary")
def after_visit(encounter_id: str, work: Work, language: SummaryLanguage | None = None) -> AfterVisitSummary:
    return after_visit_summary(work, encounter_id=encounter_id, language=language)


@router.get("/notes/{note_id}")
def note(note_id: str, work: Work) -> SignedNote:
    return read_note(work, note_id=note_id)


@router.get("/notes/{note_id}/draft")
def draft(note_id: str, work: Work) -> NoteDraft:
    return drafts.read_draft(work, note_id=note_id)


@router.put("/notes/{note_id}/draft")
def save(note_id: str, saved: SaveNote, work: Work) -> NoteDraft:
    return drafts.save_draft(work, note_id=note_id, save=saved)


@router.delete("/notes/{note_id}/draft", status_code=204)
def discard(note_id: str, version: int, work: Work) -> None:
    drafts.discard_draft(work, note_id=note_id, version=version)


@router.post("/notes/{note_id}/refresh")
def refresh(note_id: str, asked: RefreshNote, work: Work) -> NoteDraft:
    return drafts.refresh_draft(work, note_id=note_id, refresh=asked)


@router.post("/notes/{note_id}/template")
def change_template(note_id: str, change: ChangeTemplate, work: Work) -> NoteDraft:
    return drafts.change_template(work, note_id=note_id, change=change)


@router.get("/notes/{note_id}/check")
def check(note_id: str, work: Work) -> NoteCheck:
    return drafts.check_draft(work, note_id=note_id)


@router.post("/notes/{note_id}/sign")
def sign(note_id: str, asked: SignNote, work: Work) -> SignedReceipt:
    return sign_visit(work, note_id=note_id, sign=asked)


@router.post("/notes/{note_id}/cosign")
def cosign(note_id: str, asked: CosignNote, work: Work) -> SignedReceipt:
    return after_signing.cosign_note(work, note_id=note_id, cosign=asked)


@router.post("/notes/{note_id}/unlock")
def unlock(note_id: str, asked: UnlockNote, work: Work) -> StartedDraft:
    return after_signing.unlock_note(work, note_id=note_id, unlock=asked)


@router.post("/notes/{note_id}/addendum")
def addendum(note_id: str, work: Work) -> StartedDraft:
    return after_signing.begin_addendum(work, note_id=note_id)
