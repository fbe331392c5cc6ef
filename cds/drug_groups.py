"""Reads a knowledge file whose entries speak of drugs, one by one or as a class, and makes a rule of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from cds.cards import Card, Rule, Severity, Suggestion, Tier
from cds.dosing import is_local
from cds.engine import Check
from cds.facts import Facts, Medication, Proposal
from cds.ingredients import ingredient_name, resolve
from cds.knowledge import read_toml
from cds.label_rules import label_rule, severity_of


@dataclass(frozen=True)
class DrugGroup:
    """One `[drug.key]` table. `more` holds what only one topic asks for."""

    key: str
    title: str
    members: frozenset[str]
    severity: Severity
    tier: Tier
    words: str
    instead: str | None
    local: bool
    more: Mapping[str, Any]

    def meant_by(self, medication: Medication) -> tuple[str, ...]:
        """The ingredients of the medication that the entry speaks of; none by a local route unless it says so."""
        if not self.local and is_local(medication):
            return ()
        return tuple(one for one in medication.ingredients if one in self.members)

    def suggestions(self) -> tuple[Suggestion, ...]:
        return (Suggestion("replace", self.instead),) if self.instead else ()


KNOWN = ("title", "members", "except", "severity", "tier", "words", "instead", "local")


@cache
def drug_groups(file_name: str) -> tuple[DrugGroup, ...]:
    """Every entry of the file, in its order. Raises ValueError for an ingredient or class that is not known."""
    return tuple(_group(key, table) for key, table in read_toml(file_name)["drug"].items())


def _group(key: str, table: Mapping[str, Any]) -> DrugGroup:
    return DrugGroup(
        key=key,
        title=table["title"],
        members=resolve(table["members"]) - resolve(table.get("except", ())),
        severity=severity_of(table["severity"]),
        tier=Tier(table["tier"]),
        words=table["words"],
        instead=table.get("instead"),
        local=table.get("local", False),
        more={name: value for name, value in table.items() if name not in KNOWN},
    )


Ask = Callable[[Rule, DrugGroup, Facts, Proposal], Iterable[Card]]


def checks_of(topic: str, file_name: str, title: str, ask: Ask) -> tuple[Check, ...]:
    """One check an entry; `title` is the rule's title with {drug} for the entry's own."""
    return tuple(_check(topic, group, title, ask) for group in drug_groups(file_name))


def _check(topic: str, group: DrugGroup, title: str, ask: Ask) -> Check:
    rule = label_rule(
        topic,
        group.title,
        title.format(drug=group.title),
        group.severity,
        group.tier,
        key=group.key,
        looked_up=ingredient_name(min(group.members, key=ingredient_name)),
    )
    return Check((rule,), partial(ask, rule, group), group.members)
