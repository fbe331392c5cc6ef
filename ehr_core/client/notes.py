"""Visits and their notes, as the screens use them."""

from __future__ import annotations

from data_contracts.api.after_visit import AfterVisitSummary, SummaryLanguage
from data_contracts.api.notes import (
    ChangeTemplate,
    CosignNote,
    DiagnosisCode,
    DiagnosisCodes,
    KeepPhrase,
    NoteCheck,
    NoteContent,
    NoteDraft,
    NotesView,
    NoteTemplate,
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
from ehr_core.client.transport import Transport, segment


class NotesRoom:
    """Raises StaleVersion when somebody else saved first; what was sent is then still the caller's to keep."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def start_visit(self, patient_id: str, start: StartVisit) -> StartedVisit:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/visits", StartedVisit, start)

    def of_patient(self, patient_id: str) -> NotesView:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/notes", NotesView)

    def unfinished(self) -> UnfinishedNotes:
        return self._transport.get("/api/unfinished-notes", UnfinishedNotes)

    def templates(self) -> list[NoteTemplate]:
        return self._transport.get("/api/note-templates", NoteTemplates).templates

    def phrases(self) -> list[Phrase]:
        return self._transport.get("/api/note-phrases", Phrases).phrases

    def keep_phrase(self, phrase: KeepPhrase) -> Phrase:
        return self._transport.post("/api/note-phrases", Phrase, phrase)

    def drop_phrase(self, phrase_id: str) -> None:
        self._transport.send("DELETE", f"/api/note-phrases/{segment(phrase_id)}")

    def diagnoses(self, query: str) -> list[DiagnosisCode]:
        return self._transport.get("/api/diagnosis-codes", DiagnosisCodes, {"q": query}).codes

    def draft(self, note_id: str) -> NoteDraft:
        return self._transport.get(f"{_of(note_id)}/draft", NoteDraft)

    def save(self, note_id: str, version: int, content: NoteContent) -> NoteDraft:
        sent = SaveNote(version=version, content=content)
        return self._transport.put(f"{_of(note_id)}/draft", NoteDraft, sent)

    def discard(self, note_id: str, version: int) -> None:
        self._transport.request("DELETE", f"{_of(note_id)}/draft", params={"version": version})

    def refresh(self, note_id: str, version: int) -> NoteDraft:
        return self._transport.post(f"{_of(note_id)}/refresh", NoteDraft, RefreshNote(version=version))

    def change_template(self, note_id: str, version: int, template_id: str) -> NoteDraft:
        sent = ChangeTemplate(version=version, template_id=template_id)
        return self._transport.post(f"{_of(note_id)}/template", NoteDraft, sent)

    def check(self, note_id: str) -> NoteCheck:
        return self._transport.get(f"{_of(note_id)}/check", NoteCheck)

    def sign(self, note_id: str, sign: SignNote) -> SignedReceipt:
        return self._transport.post(f"{_of(note_id)}/sign", SignedReceipt, sign)

    def after_visit(self, encounter_id: str, language: SummaryLanguage | None = None) -> AfterVisitSummary:
        path = f"/api/visits/{segment(encounter_id)}/summary"
        return self._transport.get(path, AfterVisitSummary, {"language": language})

    def read(self, note_id: str) -> SignedNote:
        return self._transport.get(_of(note_id), SignedNote)

    def cosign(self, note_id: str, document_version: int) -> SignedReceipt:
        sent = CosignNote(document_version=document_version)
        return self._transport.post(f"{_of(note_id)}/cosign", SignedReceipt, sent)

    def unlock(self, note_id: str, reason: str) -> StartedDraft:
        return self._transport.post(f"{_of(note_id)}/unlock", StartedDraft, UnlockNote(reason=reason))

    def add(self, note_id: str) -> StartedDraft:
        return self._transport.post(f"{_of(note_id)}/addendum", StartedDraft)


def _of(note_id: str) -> str:
    return f"/api/notes/{segment(note_id)}"
