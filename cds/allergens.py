"""What a recorded drug allergy is about and how grave it was: groups, side chains and reaction words as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from cds.facts import Allergy
from cds.ingredients import resolve
from cds.knowledge import FOLDER, read_toml
from data_contracts.code_systems import SNOMED_CT

KNOWLEDGE = "allergies.toml"
SNOMED_PART = "snomed/allergen_classes.toml"


class Grade(Enum):
    """How grave a recorded reaction was. Nothing recorded counts as allergic: unknown is never harmless."""

    SEVERE = "severe"
    ALLERGIC = "allergic"
    SIDE_EFFECT = "side effect"


@dataclass(frozen=True)
class Group:
    """Ingredients that are taken for one another after a reaction.

    `only_severe`: crosses only after a severe reaction. `only_when_recorded_for_all`: one member speaks for the others
    only where the whole group was recorded. `needs` names the reaction words without which a recorded reaction does not
    cross. `stands_for_all` are ingredient codes that records use for the whole group.
    """

    id: str
    title: str
    members: frozenset[str]
    only_severe: bool = False
    only_when_recorded_for_all: bool = False
    needs: str | None = None
    stands_for_all: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    tokens: frozenset[str] = frozenset()


@cache
def groups() -> tuple[Group, ...]:
    classes = _snomed_classes()
    return tuple(_group(name, entry, classes) for name, entry in read_toml(KNOWLEDGE)["group"].items())


@cache
def side_chains() -> tuple[Group, ...]:
    return tuple(_group(name, entry, {}) for name, entry in read_toml(KNOWLEDGE)["side_chain"].items())


@cache
def beta_lactams() -> frozenset[str]:
    return resolve(read_toml(KNOWLEDGE)["distant"]["members"])


def grade(allergy: Allergy) -> Grade:
    """By criticality, recorded severity and the words of the reactions."""
    if allergy.criticality == "high" or _any(allergy.reactions, "severe"):
        return Grade.SEVERE
    if allergy.reactions and all(_any((one,), "side_effect") for one in allergy.reactions):
        return Grade.SIDE_EFFECT
    if allergy.severity == "severe":
        return Grade.SEVERE
    return Grade.SIDE_EFFECT if allergy.intolerance and not allergy.reactions else Grade.ALLERGIC


def recorded_groups(allergy: Allergy) -> tuple[Group, ...]:
    """The groups that the record names as a whole, by words, by code, or by an ingredient code that stands for all."""
    name = re.sub(r"^allergy to ", "", allergy.name.strip().lower())
    tokens = {one.token for one in allergy.codes}
    return tuple(
        one
        for one in groups()
        if name in one.words
        or not one.tokens.isdisjoint(tokens)
        or not one.stands_for_all.isdisjoint(allergy.ingredients)
    )


def crosses(group: Group, allergy: Allergy, recorded_for_all: bool) -> bool:
    """Whether this reaction to a member speaks of the other members at all."""
    if recorded_for_all:
        return True
    if group.only_when_recorded_for_all or (group.only_severe and grade(allergy) is not Grade.SEVERE):
        return False
    return group.needs is None or not allergy.reactions or _any(allergy.reactions, group.needs)


def _any(reactions: tuple[str, ...], words: str) -> bool:
    return any(_pattern(words).search(one.lower()) for one in reactions)


@cache
def _pattern(words: str) -> re.Pattern[str]:
    listed = "|".join(re.escape(one) for one in read_toml(KNOWLEDGE)["reactions"][words])
    return re.compile(rf"\b(?:{listed})")


def _group(name: str, entry: dict[str, Any], classes: dict[str, list[str]]) -> Group:
    return Group(
        id=name,
        title=entry["title"],
        members=resolve(entry["members"]),
        only_severe=entry.get("only_severe", False),
        only_when_recorded_for_all=entry.get("only_when_recorded_for_all", False),
        needs=entry.get("needs"),
        stands_for_all=resolve(entry.get("stands_for_all", ())),
        words=frozenset(entry.get("words", ())),
        tokens=frozenset(f"{SNOMED_CT.uri}|{code}" for code in classes.get(name, ())),
    )


def _snomed_classes() -> dict[str, list[str]]:
    """The optional SNOMED CT part; empty where a site has left it out."""
    return read_toml(SNOMED_PART) if (FOLDER / SNOMED_PART).is_file() else {}
