"""What people are asked about themselves, and the codes of the answers: one vocabulary for the forms and the record."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from data_contracts.code_systems import OWN

RACE_AND_ETHNICITY = "urn:oid:2.16.840.1.113883.6.238"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
PROXY_SCOPE_URL = f"{OWN}/StructureDefinition/proxy-scope"
"""One extension a scope on a RelatedPerson: what this person may do in the patient's name, within the period."""
CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
CONSENT_CATEGORY = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
DECLINED, UNKNOWN = "declined", "unknown"
ANSWERS_WITHOUT = {DECLINED: ("ASKU", "Declined to answer"), UNKNOWN: ("UNK", "Unknown")}
"""Answers that give none of the categories: null flavor and words. Source: US Core 6.1, OMB race category value set."""


@dataclass(frozen=True)
class Groups:
    """Categories of race or ethnicity, and the detailed ones under each: code to words."""

    categories: Mapping[str, str]
    detailed: Mapping[str, Mapping[str, str]]

    def words(self, code: str) -> str | None:
        """Of a category or a detailed one; None for a code that is not offered here."""
        under = {code: words for group in self.detailed.values() for code, words in group.items()}
        return self.categories.get(code) or under.get(code)


@dataclass(frozen=True)
class Concept:
    system: str
    code: str
    display: str
    words: str


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8"))


def races() -> Groups:
    return Groups(**_vocabulary()["race"])


def ethnicities() -> Groups:
    return Groups(**_vocabulary()["ethnicity"])


def choices(name: str) -> Mapping[str, str]:
    """Code to words, of a list whose entries are words: pronouns, birth_sex, directives, proxy_scopes and so on."""
    return _vocabulary()[name]


def relationships() -> Mapping[str, Concept]:
    """How somebody is related to the patient, by code."""
    return {
        code: Concept(row["system"], code, row["words"], row["words"])
        for code, row in _vocabulary()["relationships"].items()
    }


def directive_category(kind: str) -> dict[str, Any]:
    """The category of a Consent that holds an advance directive of this kind."""
    return {"coding": [{"system": CONSENT_CATEGORY, "code": kind}], "text": choices("directives")[kind]}


def consent_kinds() -> Mapping[str, Mapping[str, str]]:
    """Kind to its `scope` and `words`."""
    return _vocabulary()["consents"]


@lru_cache(maxsize=1)
def gender_identities() -> Mapping[str, Concept]:
    """By code. SNOMED CT where the site has it; what is left says that the person gave another or no answer."""
    path = files(__package__).joinpath("snomed", "gender_identity.csv")
    found: dict[str, Concept] = {}
    if path.is_file():
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            found[row["code"]] = Concept("http://snomed.info/sct", row["code"], row["display"], row["words"])
    for code, display, words in (
        ("OTH", "other", "Another gender identity"),
        ("ASKU", "asked but unknown", "Declined to answer"),
        ("UNK", "unknown", "Unknown"),
    ):
        found[code] = Concept(NULL_FLAVOR, code, display, words)
    return found
