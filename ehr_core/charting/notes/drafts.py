"""Drafts of notes: begun with a visit, saved as they are typed, refreshed, checked, discarded. No commit inside."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Row

from data_contracts.api.notes import (
    ChangeTemplate,
    NoteCheck,
    NoteContent,
    NoteDraft,
    NoteTemplate,
    PulledBlock,
    PullKind,
    RefreshNote,
    SaveNote,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.moments import day_of
from ehr_core.charting.notes.missing import Surroundings, judge
from ehr_core.charting.notes.model import (
    NewNote,
    add_note,
    as_draft,
    content_of,
    find_note,
    save_content,
)
from ehr_core.charting.notes.other_template import moved
from ehr_core.charting.notes.phrases import phrase_names
from ehr_core.charting.notes.pulled import pull
from ehr_core.charting.notes.templates import template_of
from ehr_core.charting.queries import chart_facts, subject_of
from ehr_core.charting.reading import reading_of
from ehr_core.charting.recordable import refused
from ehr_core.charting.series import result_series
from ehr_core.kernel.errors import Conflict, StaleVersion

CHANGED = (
    "Somebody else, or another window, saved this note first. What you wrote is still on your screen: "
    "look at the difference and keep what is right."
)
NOT_OPEN = "This note is not a draft any more. Reload it; a signed note takes an addendum."


def begin_note(work: UnitOfWork, *, patient_id: str, encounter_id: str, template: NoteTemplate) -> str:
    """The open draft of this visit, begun now with live data unless it is there already. Returns its id."""
    work.actor.require("note.write")
    content = NoteContent(pulled=pull(work, patient_id, pulls_of(template)))
    row = add_note(work, NewNote(patient_id, encounter_id, template.template_id, content))
    if row is None:
        raise Conflict("This visit has an open note already. Open it from the chart.")
    _audit(work, "note_begun", row)
    return str(row.note_id)


def read_draft(work: UnitOfWork, *, note_id: str) -> NoteDraft:
    """Raises Conflict for a note that is signed: that one is read with its seal."""
    work.actor.require("note.write")
    row = _open(find_note(work, note_id))
    _audit(work, "note_draft_read", row)
    return as_draft(row)


def save_draft(work: UnitOfWork, *, note_id: str, save: SaveNote) -> NoteDraft:
    """A new version. Raises StaleVersion when somebody else saved first, InvalidResource for a foreign field."""
    work.actor.require("note.write")
    found = _open(find_note(work, note_id))
    _check_fields(template_of(found.template_id), save.content)
    row = save_content(work, note_id, save.version, save.content)
    if row is None:
        raise StaleVersion(CHANGED)
    _audit(work, "note_saved", row)
    return as_draft(row)


def refresh_draft(work: UnitOfWork, *, note_id: str, refresh: RefreshNote) -> NoteDraft:
    """The same draft with the chart's data as it stands now."""
    work.actor.require("note.write")
    row = _open(find_note(work, note_id, lock=True))
    fresh = pull(work, row.patient_id, pulls_of(template_of(row.template_id)))
    content = content_of(row).model_copy(update={"pulled": fresh})
    return save_draft(work, note_id=note_id, save=SaveNote(version=refresh.version, content=content))


def change_template(work: UnitOfWork, *, note_id: str, change: ChangeTemplate) -> NoteDraft:
    """The same words under another template; the chart's data are read as that one asks. Raises StaleVersion."""
    work.actor.require("note.write")
    row = _open(find_note(work, note_id, lock=True))
    if row.version != change.version:
        raise StaleVersion(CHANGED)
    if row.kind != "note":
        raise Conflict("Only a note that was never signed takes another template.")
    new = template_of(change.template_id)
    content = moved(content_of(row), template_of(row.template_id), new)
    content = content.model_copy(update={"pulled": pull(work, row.patient_id, pulls_of(new))})
    work.connection.exec_driver_sql(
        "UPDATE charting.note SET template_id = %s WHERE note_id = %s", (new.template_id, row.note_id)
    )
    return save_draft(work, note_id=note_id, save=SaveNote(version=change.version, content=content))


def discard_draft(work: UnitOfWork, *, note_id: str, version: int) -> None:
    """Sets an unsigned draft aside; its words are kept with it, and nothing of it was ever in the record."""
    work.actor.require("note.write")
    row = _open(find_note(work, note_id, lock=True))
    if row.version != version:
        raise StaleVersion(CHANGED)
    work.connection.exec_driver_sql(
        "UPDATE charting.note SET state = 'discarded', version = version + 1 WHERE note_id = %s",
        (row.note_id,),
    )
    _audit(work, "note_discarded", row)


def check_draft(work: UnitOfWork, *, note_id: str) -> NoteCheck:
    """What is missing now, judged against the chart as it stands now."""
    work.actor.require("note.write")
    row = _open(find_note(work, note_id))
    return check_row(work, row)


def check_row(work: UnitOfWork, row: Row) -> NoteCheck:
    template, content = template_of(row.template_id), content_of(row)
    issues = judge(template, content, _surroundings(work, row, template))
    return NoteCheck(note_id=str(row.note_id), version=row.version, issues=issues)


def pulls_of(template: NoteTemplate) -> list[PullKind]:
    return [kind for section in template.sections for kind in section.pulls]


def _surroundings(work: UnitOfWork, row: Row, template: NoteTemplate) -> Surroundings:
    fresh: list[PulledBlock] = pull(work, row.patient_id, pulls_of(template))
    subject = subject_of(work, row.patient_id)
    return Surroundings(
        fresh=fresh,
        vitals_this_visit=_vitals_on(work, row.patient_id, work.today()),
        merged_away=subject is None or subject.replaced_by is not None,
        deceased=subject is not None and subject.deceased,
        phrases=phrase_names(work),
    )


def _vitals_on(work: UnitOfWork, patient_id: str, day: date) -> bool:
    facts = chart_facts(work, patient_id, encounters=0)
    return any(
        day_of(point.at, work.site_time_zone) == day
        for series in result_series(facts.results, reading_of(work))
        for point in series.points
    )


def _check_fields(template: NoteTemplate, content: NoteContent) -> None:
    """Words under a name that the template does not have would vanish from the signed note."""
    texts = {section.section_id for section in template.sections if section.kind == "text"}
    systems = {system.system_id for section in template.sections for system in section.systems}
    for field, given, allowed in (("texts", content.texts, texts), ("findings", content.findings, systems)):
        foreign = sorted(set(given) - allowed)
        if foreign:
            raise refused(f"{field}.{foreign[0][:60]}", f"The template {template.title} has no such part.")
    ids = [item.item_id for item in content.plan]
    if len(set(ids)) != len(ids):
        raise refused("plan", "Two items of the plan have one id. Reload the note and add the item again.")


def _open(row: Row) -> Row:
    if row.state != "draft":
        raise Conflict(NOT_OPEN)
    return row


def _audit(work: UnitOfWork, act: str, row: Row) -> None:
    work.audit(
        act,
        resource_type="Note",
        resource_id=str(row.note_id),
        patient_id=row.patient_id,
        detail={"version": row.version, "encounter": row.encounter_id},
    )
