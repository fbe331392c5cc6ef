"""Which names on a list could be mistaken for each other. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from difflib import SequenceMatcher
from itertools import combinations
from typing import TypeVar

from data_contracts.api.patients import PatientName
from ehr_core.kernel.name_sounds import folded
from ehr_core.registration.matching.nicknames import one_persons

Key = TypeVar("Key", bound=Hashable)

ALIKE_FAMILY = 0.8
ALIKE_GIVEN = 0.8
"""Shares of letters in common (Ratcliff and Obershelp) from which two names look alike: Petersen and Pedersen do,
Garcia and Gracia do, Kim and King do not. Ours, to be tuned on the wrong-patient log."""


def mistakable(names: Mapping[Key, PatientName]) -> set[Key]:
    """The keys of all names that have another one like them on the list."""
    read = {key: _parts(name) for key, name in names.items()}
    found: set[Key] = set()
    for (one, first), (other, second) in combinations(read.items(), 2):
        if first[0][:1] == second[0][:1] and names_alike(first, second):
            found |= {one, other}
    return found


def _parts(name: PatientName) -> tuple[str, str]:
    return folded(name.family or ""), folded(name.given or name.used or "")


def names_alike(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Same or similar family name and first name (Jon and Jonathan, Peggy and Margaret); folded pairs of both."""
    if not first[0] or not second[0] or not _alike(first[0], second[0], ALIKE_FAMILY):
        return False
    one, other = first[1].split(" ")[0], second[1].split(" ")[0]
    if not one or not other:
        return True
    short = one.startswith(other) or other.startswith(one)
    return short or one_persons(one, other) or _alike(one, other, ALIKE_GIVEN)


def _alike(one: str, other: str, share: float) -> bool:
    return one == other or SequenceMatcher(None, one, other).ratio() >= share
