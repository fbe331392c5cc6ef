"""Names of people and places as they are searched and shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from ehr_core.kernel.name_sounds import folded

BEST_USES = ("official", "usual")
PAST_USES = ("old", "maiden")


def search_text(parts: Iterable[str]) -> str | None:
    """Folded names after one space each, so that ' ann' finds every word that begins with it; None without any."""
    text = " ".join(folded(part) for part in parts)
    return f" {text}" if text else None


def name_parts(name: Any) -> list[str]:
    """What somebody is called by a HumanName, given names first."""
    given = [] if name.given is UNSET else [part for part in name.given if part]
    return given + [part for part in (name.family, name.text) if part is not UNSET]


def titles(name: Any) -> list[str]:
    """What stands before and after a name: Dr., Jr., MD."""
    return [part for parts in (name.prefix, name.suffix) if parts is not UNSET for part in parts if part]


def display_name(names: list[Any]) -> str | None:
    """One HumanName to show: official before usual, present before past; None without names."""
    if not names:
        return None
    name = min(names, key=_preference)
    if name.text is not UNSET:
        return name.text
    given = [] if name.given is UNSET else [part for part in name.given if part]
    return " ".join([*given, *([] if name.family is UNSET else [name.family])]) or None


def _preference(name: Any) -> int:
    if name.use in PAST_USES:
        return len(BEST_USES) + 1
    return BEST_USES.index(name.use) if name.use in BEST_USES else len(BEST_USES)
