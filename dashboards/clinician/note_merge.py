"""Two versions of one note brought together: what only one side changed is taken, the rest is shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data_contracts.api.notes import Finding, NoteContent, NoteTemplate, PlanItem

Typed = dict[str, Any]
UNEXAMINED = "not_examined "


@dataclass(frozen=True)
class Clash:
    """One part that both sides changed. `field` names it as the editor does."""

    field: str
    title: str
    mine: str
    theirs: str


def with_typed(content: NoteContent, typed: Typed) -> NoteContent:
    """The note with the words of the editor. A part that the editor did not send stays as it was."""
    known = {item.item_id for item in content.plan}
    words = {key: value for key, value in (typed.get("plan") or {}).items() if key in known}
    findings = {
        system: Finding(state=found["state"], words=found["words"])
        for system, found in (typed.get("findings") or {}).items()
        if found["state"] != "not_examined" or found["words"].strip() or system in content.findings
    }
    return content.model_copy(
        update={
            "texts": {**content.texts, **(typed.get("texts") or {})},
            "findings": {**content.findings, **findings},
            "plan": [
                item.model_copy(update={"words": words.get(item.item_id, item.words)})
                for item in content.plan
            ],
        }
    )


def merge(
    base: NoteContent | None, mine: NoteContent, theirs: NoteContent, template: NoteTemplate
) -> tuple[NoteContent, list[Clash]]:
    """(their note with what only I changed, and the parts that both changed). Without a base every difference is one.

    In the merged note a clashing part says their words; nothing of mine is dropped, it stands in the clash.
    """
    clashes: list[Clash] = []

    def choose(field: str, of: Any, blank: str = "") -> str:
        was = of(base) if base is not None else None
        own, other = of(mine) or blank, of(theirs) or blank
        if own == other or (base is not None and own == (was or blank)):
            return other
        if base is not None and other == (was or blank):
            return own
        clashes.append(Clash(field, _title(field, template, mine, theirs), own, other))
        return other

    texts = {
        key: choose(f"texts.{key}", lambda note, key=key: note.texts.get(key))
        for key in dict.fromkeys([*theirs.texts, *mine.texts])
    }
    findings = {
        key: _finding(
            choose(f"findings.{key}", lambda note, key=key: _spoken(note.findings.get(key)), UNEXAMINED)
        )
        for key in dict.fromkeys([*theirs.findings, *mine.findings])
    }
    plan = [
        item.model_copy(
            update={"words": choose(f"plan.{item.item_id}", lambda note, item=item: _plan(note, item))}
        )
        for item in _plan_items(base, mine, theirs)
    ]
    merged = theirs.model_copy(update={"texts": texts, "findings": findings, "plan": plan})
    if base is not None and mine.services != base.services:
        merged = merged.model_copy(update={"services": _united(theirs.services, mine.services)})
    return merged, clashes


def with_answer(content: NoteContent, clash: Clash, words: str) -> NoteContent:
    """The note with one clashing part said as the person decided."""
    group, _, name = clash.field.partition(".")
    if group == "texts":
        return content.model_copy(update={"texts": {**content.texts, name: words}})
    if group == "findings":
        return content.model_copy(update={"findings": {**content.findings, name: _finding(words)}})
    plan = [
        item.model_copy(update={"words": words}) if item.item_id == name else item for item in content.plan
    ]
    return content.model_copy(update={"plan": plan})


def both(clash: Clash) -> str:
    """Both wordings, one under the other; a finding keeps its state from the first."""
    if clash.field.startswith("findings."):
        mine, theirs = _finding(clash.mine), _finding(clash.theirs)
        words = "; ".join(filter(None, (theirs.words, mine.words)))
        return _spoken(mine.model_copy(update={"words": words})) or ""
    return "\n".join(filter(None, (clash.theirs, clash.mine)))


def clash_words(clash: Clash, words: str) -> str:
    """A side of a clash as people read it."""
    if not clash.field.startswith("findings."):
        return words or "nothing written"
    finding = _finding(words)
    return f"{finding.state.replace('_', ' ')} {finding.words}".strip()


def _plan_items(base: NoteContent | None, mine: NoteContent, theirs: NoteContent) -> list[PlanItem]:
    """Theirs, then what I added. What I removed and they left untouched goes; an item is never lost by accident."""
    before = {item.item_id: item for item in base.plan} if base else {}
    own = {item.item_id for item in mine.plan}
    kept = [item for item in theirs.plan if item.item_id in own or before.get(item.item_id) != item]
    known = {item.item_id for item in theirs.plan}
    added = [item for item in mine.plan if item.item_id not in known and item.item_id not in before]
    return [*kept, *added]


def _plan(note: NoteContent, item: PlanItem) -> str | None:
    """The words of an item there; of one that is not there, the item's own: its absence is no change of words."""
    return next((one.words for one in note.plan if one.item_id == item.item_id), item.words)


def _united(theirs: list[Any], mine: list[Any]) -> list[Any]:
    return [*theirs, *(service for service in mine if service not in theirs)]


def _spoken(finding: Finding | None) -> str | None:
    return f"{finding.state} {finding.words}" if finding else None


def _finding(spoken: str) -> Finding:
    state, _, words = spoken.partition(" ")
    return Finding(state=state or "not_examined", words=words)


def _title(field: str, template: NoteTemplate, mine: NoteContent, theirs: NoteContent) -> str:
    group, _, name = field.partition(".")
    if group == "plan":
        return next((item.name for item in [*mine.plan, *theirs.plan] if item.item_id == name), "Plan")
    titles = {section.section_id: section.title for section in template.sections}
    systems = {
        system.system_id: f"{section.title}, {system.title}"
        for section in template.sections
        for system in section.systems
    }
    return titles.get(name) or systems.get(name) or name
