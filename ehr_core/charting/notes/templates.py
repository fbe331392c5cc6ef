"""Note templates and the sentences of normal findings: read from templates.toml and findings.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.api.notes import EncounterKind, NoteSection, NoteTemplate, System
from ehr_core.charting.recordable import refused

HERE = Path(__file__).parent
ADDENDUM = "addendum"


@cache
def templates() -> dict[str, NoteTemplate]:
    """Every template by its id, in the file's order."""
    systems = _read("findings.toml")
    return {entry["id"]: _template(entry, systems) for entry in _read("templates.toml")["template"]}


def template_of(template_id: str) -> NoteTemplate:
    """Raises InvalidResource naming the templates there are."""
    found = templates().get(template_id)
    if found is None:
        raise refused("template_id", f"There is no such template. Choose one of: {', '.join(templates())}.")
    return found


def template_for(kind: EncounterKind, template_id: str | None) -> NoteTemplate:
    """The one asked for, else the first that is made for this kind of visit."""
    if template_id is not None:
        return template_of(template_id)
    return next(template for template in templates().values() if kind in template.visit_kinds)


@cache
def shipped_phrases() -> dict[str, str]:
    return _read("phrases.toml")["phrases"]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def _template(entry: dict[str, Any], systems: dict[str, Any]) -> NoteTemplate:
    code, title = entry["document"]
    return NoteTemplate(
        template_id=entry["id"],
        title=entry["title"],
        document_code=code,
        document_title=title,
        visit_kinds=entry["visits"],
        needs_service=entry.get("needs_service", False),
        sections=[_section(section, systems) for section in entry["sections"]],
    )


def _section(entry: dict[str, Any], systems: dict[str, Any]) -> NoteSection:
    return NoteSection(
        section_id=entry["id"],
        title=entry["title"],
        kind=entry["kind"],
        required=entry.get("required", False),
        hint=entry.get("hint", ""),
        pulls=entry.get("pulls", []),
        systems=[_system(entry["id"], name, systems) for name in entry.get("systems", ())],
    )


def _system(section_id: str, name: str, systems: dict[str, Any]) -> System:
    """The review of systems speaks of complaints; every other list of findings is an examination."""
    title, normal = systems["ros" if section_id == "ros" else "exam"][name]
    return System(system_id=f"{section_id}.{name}", title=title, normal=normal)
