"""A note as plain text: what is sealed, shown, printed and sent. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from data_contracts.api.notes import NoteContent, NoteSection, NoteTemplate, PlanItem, ServiceCode, System
from ehr_core.display import show_instant


def note_text(template: NoteTemplate, content: NoteContent, *, time_zone: str) -> str:
    """Every section that says something, in the template's order. What was not examined is not mentioned."""
    parts = [template.title.upper()]
    for section in template.sections:
        body = "\n".join(_body(section, content, time_zone))
        if body:
            parts.append(f"{section.title}\n{body}")
    if content.services:
        parts.append("Services\n" + "\n".join(f"- {service_words(service)}" for service in content.services))
    return "\n\n".join(parts) + "\n"


def service_words(service: ServiceCode) -> str:
    """'CPT 99213-25 ×2': the number alone, because its description is not ours to print."""
    modifiers = "".join(f"-{modifier}" for modifier in service.modifiers)
    times = f" ×{service.units}" if service.units > 1 else ""
    return f"{service.system.upper()} {service.code}{modifiers}{times}"


def finding_words(system: System, content: NoteContent) -> str | None:
    """The sentence of one system; None when it was not examined."""
    finding = content.findings.get(system.system_id)
    if finding is None or finding.state == "not_examined":
        return None
    words = finding.words.strip()
    if finding.state == "normal":
        return f"{system.title}: {system.normal}" + (f" {words}" if words else "")
    return f"{system.title}: {words or 'abnormal, not described'}"


def _body(section: NoteSection, content: NoteContent, time_zone: str) -> Iterator[str]:
    if section.kind == "text":
        words = content.texts.get(section.section_id, "").strip()
        if words:
            yield words
    elif section.kind == "findings":
        yield from filter(None, (finding_words(system, content) for system in section.systems))
    elif section.kind == "pulled":
        for block in content.pulled:
            yield f"{block.heading} (as of {_moment(block.at, time_zone)})"
            yield from (f"- {line}" for line in block.lines)
    else:
        for number, item in enumerate(content.plan, start=1):
            yield from _plan(number, item)


def _plan(number: int, item: PlanItem) -> Iterator[str]:
    yield f"{number}. {item.name}" + (f" ({item.code})" if item.code else "")
    if item.words.strip():
        yield "\n".join(f"   {line}" for line in item.words.strip().splitlines())


def _moment(at: datetime, time_zone: str) -> str:
    return show_instant(at, time_zone)
