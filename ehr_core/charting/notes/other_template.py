"""A draft under another template: every word finds a place there. Pure."""

from __future__ import annotations

from data_contracts.api.notes import NoteContent, NoteTemplate
from ehr_core.charting.notes.wording import finding_words


def moved(content: NoteContent, old: NoteTemplate, new: NoteTemplate) -> NoteContent:
    """What the new template has no part for is written under its first text, with the name that it had."""
    texts = {section.section_id for section in new.sections if section.kind == "text"}
    systems = {system.system_id for section in new.sections for system in section.systems}
    titles = {section.section_id: section.title for section in old.sections}
    left = [
        f"{titles.get(key, key)}: {words.strip()}"
        for key, words in content.texts.items()
        if key not in texts and words.strip()
    ]
    left += [
        said
        for section in old.sections
        for system in section.systems
        if system.system_id not in systems and (said := finding_words(system, content))
    ]
    kept = {key: words for key, words in content.texts.items() if key in texts}
    if left:
        first = next(section.section_id for section in new.sections if section.kind == "text")
        kept[first] = "\n".join(filter(None, [kept.get(first, "").strip(), *left]))
    findings = {key: finding for key, finding in content.findings.items() if key in systems}
    return content.model_copy(update={"texts": kept, "findings": findings})
