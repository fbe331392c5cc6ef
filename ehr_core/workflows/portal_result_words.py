"""What the portal calls a test, a unit and a value: plain words first, the medical word after, by language."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.api.portal import Language
from data_contracts.code_systems import LOINC
from ehr_core.display import show_unit
from ehr_core.workflows.portal_range import Place

FILE = Path(__file__).with_name("portal_result_words.toml")


@dataclass(frozen=True)
class PlainName:
    """`medical` is null where the plain name is the medical one, and for a test that we have no own words for."""

    plain: str
    medical: str | None = None


def plain_name(system: str, code: str, recorded: str, language: Language) -> PlainName:
    """Our own words for the test; else the name that its sender gave."""
    return _names(language).get(code, PlainName(recorded)) if system == LOINC.uri else PlainName(recorded)


def place_words(place: Place | None, language: Language) -> str | None:
    return _texts()["range"][language][place] if place else None


def blood_pressure_words(language: Language) -> str:
    """What the two numbers are. Not whether they are high: one reading does not say that."""
    return _texts()["blood_pressure"][language]


def unit_words(unit: str | None, language: Language) -> str:
    """A UCUM code as people read it."""
    return _worded("unit", unit or "", language) or show_unit(unit)


def value_words(number: Decimal | None, unit: str | None, recorded: str, language: Language) -> str:
    """A number digit for digit with its unit; else the recorded words, in the language where we have them."""
    if number is not None:
        return f"{number:f} {unit_words(unit, language)}".strip()
    for bound in _texts()["bound"]:
        if recorded.startswith(bound):
            return _worded("bound", bound, language) + recorded.removeprefix(bound).strip()
    return _worded("answer", recorded.strip().lower(), language) or recorded


def _worded(kind: str, key: str, language: Language) -> str:
    return _texts()[kind].get(key, {}).get(language, "")


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@cache
def _names(language: Language) -> dict[str, PlainName]:
    return {code: PlainName(*test[language]) for test in _texts()["test"] for code in test["loinc"]}
