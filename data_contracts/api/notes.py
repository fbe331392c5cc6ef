"""Visits and their notes: drafts, templates, phrases, what is missing, and what was signed and sealed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientBanner

EncounterKind = Literal["office", "telehealth", "emergency", "hospital", "home", "phone"]

ENCOUNTER_KIND_WORDS: dict[str, str] = {
    "office": "Office visit",
    "telehealth": "Telehealth visit",
    "emergency": "Emergency visit",
    "hospital": "Hospital stay",
    "home": "Home visit",
    "phone": "Telephone call",
}

NoteKind = Literal["note", "addendum", "amendment"]
NoteState = Literal["draft", "signed", "replaced", "discarded"]
PullKind = Literal["allergies", "medications", "problems", "vitals", "results"]
FindingState = Literal["not_examined", "normal", "abnormal"]

LongText = Annotated[str, Field(max_length=20_000)]


class StartVisit(ApiModel):
    """A visit that begins now. With `appointment_id` the same booking never gives two visits."""

    kind: EncounterKind
    appointment_id: str | None = None
    reason: str | None = Field(default=None, max_length=300)
    template_id: str | None = Field(default=None, description="Null: the template of this kind of visit.")


class StartedVisit(ApiModel):
    patient_id: str
    encounter_id: str
    note_id: str
    resumed: bool = Field(description="True: the visit and its draft were there already.")


class Finding(ApiModel):
    """One body system. `words` are the exceptions; a normal one speaks with the template's own sentence."""

    state: FindingState = "not_examined"
    words: str = Field(default="", max_length=2000)


class PlanItem(ApiModel):
    """A problem of this visit with its assessment and plan: linked to a Condition, or to one made at signing."""

    item_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,40}$")
    condition_id: str | None = None
    code: str | None = Field(default=None, description="ICD-10-CM; null: the problem is not coded.")
    name: str = Field(min_length=1, max_length=300)
    words: LongText = ""
    to_problem_list: bool = Field(default=False, description="A new diagnosis stays on the problem list.")


class ServiceCode(ApiModel):
    """What was done, for billing: a number as the site types it, without its copyrighted description."""

    system: Literal["cpt", "hcpcs"]
    code: str = Field(pattern=r"^([0-9]{4}[0-9A-Z]|[A-V][0-9]{4})$")
    units: int = Field(default=1, ge=1, le=99)
    modifiers: list[Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")]] = Field(default=[], max_length=4)


class PulledBlock(ApiModel):
    """Live data of the chart as it stood at `at`; the note keeps these lines as they were."""

    kind: PullKind
    heading: str
    lines: list[str]
    at: datetime


class NoteContent(ApiModel):
    """The whole of a draft. Keys of `texts` and `findings` are those of the template."""

    texts: dict[str, LongText] = {}
    findings: dict[str, Finding] = {}
    plan: list[PlanItem] = Field(default=[], max_length=40)
    services: list[ServiceCode] = Field(default=[], max_length=20)
    pulled: list[PulledBlock] = Field(default=[], max_length=10)


class System(ApiModel):
    system_id: str
    title: str
    normal: str


class NoteSection(ApiModel):
    """A part of a template: free text, a list of body systems, pulled data, or the plan."""

    section_id: str
    title: str
    kind: Literal["text", "findings", "pulled", "plan"]
    required: bool = False
    hint: str = ""
    systems: list[System] = []
    pulls: list[PullKind] = []


class NoteTemplate(ApiModel):
    template_id: str
    title: str
    document_code: str = Field(description="LOINC document type.")
    document_title: str
    visit_kinds: list[EncounterKind]
    needs_service: bool = False
    sections: list[NoteSection]


class NoteTemplates(ApiModel):
    templates: list[NoteTemplate]


class NoteDraft(ApiModel):
    """A draft as it is stored now. A save names `version`; whoever saves on an older one is told."""

    note_id: str
    patient_id: str
    encounter_id: str
    kind: NoteKind
    state: NoteState
    of_note_id: str | None
    reason: str | None = Field(default=None, description="Why a signed note was unlocked.")
    template: NoteTemplate
    version: int
    content: NoteContent
    author_name: str
    updated_at: datetime
    updated_by_name: str


class SaveNote(ApiModel):
    version: int
    content: NoteContent


class RefreshNote(ApiModel):
    version: int


class ChangeTemplate(ApiModel):
    version: int
    template_id: str


class NoteIssue(ApiModel):
    """Something missing or worth a look. `field` names the place in the editor: `texts.subjective`, `plan`, …"""

    field: str
    message: str
    blocks: bool


class NoteCheck(ApiModel):
    """What stands between this version of the draft and a signature."""

    note_id: str
    version: int
    issues: list[NoteIssue]

    @property
    def may_sign(self) -> bool:
        return not any(issue.blocks for issue in self.issues)


class SignNote(ApiModel):
    """`key` is made once by the screen: a repeated call with it is the same signature, not a second one."""

    version: int
    key: str = Field(min_length=16, max_length=64)
    cosign_wanted: bool = False


class SignedReceipt(ApiModel):
    note_id: str
    document_id: str
    document_version: int
    sha256: str
    signed_at: datetime
    already_signed: bool = Field(description="True: this very signature had been given before.")


class CosignNote(ApiModel):
    document_version: int


class UnlockNote(ApiModel):
    reason: str = Field(min_length=5, max_length=500)


class StartedDraft(ApiModel):
    note_id: str


class NoteLine(ApiModel):
    """A note in a list."""

    note_id: str
    patient_id: str
    encounter_id: str
    kind: NoteKind
    state: NoteState
    of_note_id: str | None
    title: str
    author_name: str
    started_at: datetime
    signed_at: datetime | None
    signed_by_name: str | None
    cosign_wanted: bool
    cosigned_by_name: str | None
    document_id: str | None
    reason: str | None


class NotesView(ApiModel):
    patient_id: str
    notes: list[NoteLine]


class UnfinishedNote(ApiModel):
    """Work that waits for somebody's hand: an unsigned draft, or a note that wants a co-signature."""

    note: NoteLine
    patient: PatientBanner
    days_old: int


class UnfinishedNotes(ApiModel):
    notes: list[UnfinishedNote]


SealState = Literal["whole", "broken", "missing"]


class SignedNote(ApiModel):
    """A signed note as sealed. `seal` is checked at this very reading: only `whole` may be relied on."""

    note: NoteLine
    document_version: int
    text: str
    content: NoteContent | None
    seal: SealState
    in_error: bool = Field(default=False, description="Its document was marked as entered in error.")
    sha256: str | None
    addenda: list[NoteLine] = []
    replaced_by: str | None = None


class Phrase(ApiModel):
    """A dot-phrase: `.name` becomes `words`. Null `phrase_id`: shipped with Almoner."""

    phrase_id: str | None
    name: str
    words: str
    mine: bool
    version: int = 0


class Phrases(ApiModel):
    phrases: list[Phrase]


class KeepPhrase(ApiModel):
    """A new phrase, or with `phrase_id` and `version` another wording of one that is there."""

    phrase_id: str | None = None
    version: int = 0
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,29}$", description="What is typed after the dot.")
    words: str = Field(min_length=1, max_length=4000)
    for_site: bool = False


class DiagnosisCode(ApiModel):
    code: str
    name: str


class DiagnosisCodes(ApiModel):
    codes: list[DiagnosisCode]
