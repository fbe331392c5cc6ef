"""Forms of given names: which names one person may go by (nicknames.toml says from where). Pure."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

LANGUAGES = ("english", "spanish")


@lru_cache(maxsize=1)
def _formal_names() -> Mapping[str, frozenset[str]]:
    """The formal names behind each name, itself among them when it is one."""
    text = files("ehr_core.registration.matching").joinpath("nicknames.toml").read_text(encoding="utf-8")
    listed = tomllib.loads(text)
    found: dict[str, set[str]] = defaultdict(set)
    for language in LANGUAGES:
        for formal, forms in listed[language].items():
            for name in (formal, *forms):
                found[name].add(formal)
    return {name: frozenset(formal) for name, formal in found.items()}


@lru_cache(maxsize=1)
def _forms() -> Mapping[str, frozenset[str]]:
    """Every form of each formal name, itself among them."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, formals in _formal_names().items():
        for formal in formals:
            found[formal].add(name)
    return {formal: frozenset(forms) for formal, forms in found.items()}


def one_persons(first: str, second: str) -> bool:
    """Whether both folded given names may be one person's: a form of the other, or forms of one name."""
    known = _formal_names()
    return bool(known.get(first, frozenset()) & known.get(second, frozenset()))


def other_forms(name: str) -> frozenset[str]:
    """The other names that somebody of this folded name may be recorded under."""
    forms = [_forms()[formal] for formal in _formal_names().get(name, ())]
    return frozenset().union(*forms) - {name}
