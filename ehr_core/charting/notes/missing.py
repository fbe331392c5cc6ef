"""What is missing from a draft, and what deserves a look, before it is signed. Pure.

Each finding names its field, so that the screen can lead there. Only what would make the note wrong or empty blocks;
the rest is the signer's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from data_contracts.api.notes import NoteContent, NoteIssue, NoteSection, NoteTemplate, PulledBlock
from ehr_core.charting.notes.templates import shipped_phrases

BLANK = "***"
UNEXPANDED = re.compile(r"(?:^|\s)\.([a-z][a-z0-9-]{1,29})\b")


@dataclass(frozen=True)
class Surroundings:
    """What the record says beside the draft. `fresh` is the chart's data now; `phrases` the names that expand."""

    fresh: list[PulledBlock]
    vitals_this_visit: bool
    merged_away: bool
    deceased: bool
    phrases: frozenset[str]


def judge(template: NoteTemplate, content: NoteContent, around: Surroundings) -> list[NoteIssue]:
    """Blocking ones first, each group in the note's order."""
    found = [
        *_person(around),
        *_sections(template, content),
        *_plan(template, content),
        *_blanks(template, content, around.phrases),
        *_pulled(content, around),
        *_billing(template, content),
    ]
    return sorted(found, key=lambda issue: not issue.blocks)


def _person(around: Surroundings) -> Iterator[NoteIssue]:
    if around.merged_away:
        yield _blocks("patient", "This record was merged into another one. Sign in the surviving record.")
    if around.deceased:
        yield _warns("patient", "The patient is recorded as deceased.")


def _sections(template: NoteTemplate, content: NoteContent) -> Iterator[NoteIssue]:
    for section in template.sections:
        if section.kind == "text" and section.required and not _text(content, section):
            yield _blocks(f"texts.{section.section_id}", f"{section.title} is empty.")
        if section.kind == "findings":
            yield from _findings(section, content)


def _findings(section: NoteSection, content: NoteContent) -> Iterator[NoteIssue]:
    for system in section.systems:
        finding = content.findings.get(system.system_id)
        if finding and finding.state == "abnormal" and not finding.words.strip():
            yield _blocks(
                f"findings.{system.system_id}", f"{section.title}, {system.title}: say what is abnormal."
            )
        if finding and finding.state == "not_examined" and finding.words.strip():
            yield _blocks(
                f"findings.{system.system_id}",
                f"{section.title}, {system.title}: choose normal or abnormal for what was written.",
            )


def _plan(template: NoteTemplate, content: NoteContent) -> Iterator[NoteIssue]:
    wants_plan = any(section.kind == "plan" and section.required for section in template.sections)
    if wants_plan and not content.plan:
        yield _blocks("plan", "No diagnosis: choose at least one problem of this visit, or add a diagnosis.")
    for item in content.plan:
        if not item.words.strip():
            yield _warns(f"plan.{item.item_id}", f"{item.name}: nothing is written about it.")
        if item.code is None:
            yield _warns(f"plan.{item.item_id}", f"{item.name} has no ICD-10-CM code and cannot be billed.")


def _blanks(template: NoteTemplate, content: NoteContent, phrases: frozenset[str]) -> Iterator[NoteIssue]:
    known = phrases | frozenset(shipped_phrases())
    for field, title, words in _all_words(template, content):
        if BLANK in words:
            yield _blocks(field, f"{title} still has a *** to fill in.")
        for name in UNEXPANDED.findall(words):
            if name in known:
                yield _blocks(field, f"{title} holds the phrase .{name}, which was not expanded.")


def _all_words(template: NoteTemplate, content: NoteContent) -> Iterator[tuple[str, str, str]]:
    titles = {section.section_id: section.title for section in template.sections}
    for section_id, words in content.texts.items():
        yield f"texts.{section_id}", titles.get(section_id, section_id), words
    for system_id, finding in content.findings.items():
        yield f"findings.{system_id}", titles.get(system_id.partition(".")[0], system_id), finding.words
    for item in content.plan:
        yield f"plan.{item.item_id}", item.name, item.words


def _pulled(content: NoteContent, around: Surroundings) -> Iterator[NoteIssue]:
    now = {block.kind: block for block in around.fresh}
    for block in content.pulled:
        if block.kind in now and now[block.kind].lines != block.lines:
            yield _warns("pulled", f"{block.heading} changed in the chart since it was read. Refresh it.")
    for block in around.fresh:
        if block.kind == "allergies" and block.lines and "not recorded" in block.lines[0]:
            yield _warns("pulled", "Nobody has recorded this patient's allergies.")
        if block.kind == "vitals" and not around.vitals_this_visit:
            yield _warns("vitals", "No vital signs were recorded today.")


def _billing(template: NoteTemplate, content: NoteContent) -> Iterator[NoteIssue]:
    if template.needs_service and not content.services:
        yield _warns("services", "No service code: this visit will wait for one before it can be billed.")


def _text(content: NoteContent, section: NoteSection) -> str:
    return content.texts.get(section.section_id, "").strip()


def _blocks(field: str, message: str) -> NoteIssue:
    return NoteIssue(field=field, message=message, blocks=True)


def _warns(field: str, message: str) -> NoteIssue:
    return NoteIssue(field=field, message=message, blocks=False)
