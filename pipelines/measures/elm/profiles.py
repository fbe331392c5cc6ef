"""Profiles: which resources a retrieve of a profile means, by what they declare or, failing that, by what they say."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from pipelines.measures.elm.columns import Bool, Choice, Code, Column, Concept, Listing, Text, alternatives_of
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.records import ElementTable
from pipelines.measures.elm.values import part_of

BASE = "http://hl7.org/fhir/StructureDefinition/"
"""FHIR's own definitions, which every resource follows without saying so."""
RULES = Path(__file__).with_name("profiles.toml")


@cache
def rules() -> Mapping[str, dict[str, dict[str, list]]]:
    return tomllib.loads(RULES.read_text(encoding="utf-8"))


def has_profile(
    table: ElementTable, profile: str | None, *, declared_only: bool | frozenset[str]
) -> np.ndarray:
    """Rows that follow the profile, of whatever version. Kept with the table: it is asked for many times.

    `declared_only`: by what they declare alone, for every guide or for those named.
    """
    if profile is None or profile.startswith(BASE) or table.type_name == "Patient" or not len(table):
        return np.ones(len(table), bool)
    profile = profile.partition("|")[0]
    if profile not in table.profiles:
        alone = declared_only if isinstance(declared_only, bool) else guide_of(profile) in declared_only
        table.profiles[profile] = _has_profile(table, profile, alone)
    return table.profiles[profile]


def _has_profile(table: ElementTable, profile: str, declared_only: bool) -> np.ndarray:
    declares, same_guide = np.zeros(len(table), bool), np.zeros(len(table), bool)
    declared = system(table.part("meta").part("profile"))
    if isinstance(declared, Listing) and isinstance(declared.items, Text):
        texts = table.texts
        names = texts.mapped(declared.items.values, lambda text: text.split("|")[0])
        guides = texts.mapped(names, guide_of)
        owners = declared.owners()
        declares[owners[names == texts.number(profile)]] = True
        same_guide[owners[guides == texts.number(guide_of(profile))]] = True
    if declared_only:
        return declares
    return declares | (~same_guide & _fits(table, profile))


def guide_of(profile: str) -> str:
    """The implementation guide that a profile belongs to: its address without the profile's own name."""
    return profile.rsplit("/", 1)[0]


def _rule(profile: str) -> dict[str, dict[str, list]]:
    """What tells the profile apart. US Quality Core has QI-Core's profiles under names of its own."""
    name = profile.rsplit("/", 1)[-1]
    for known in (profile, name, name.replace("us-quality-core-", "qicore-")):
        if known in rules():
            return rules()[known]
    return {}


def _fits(table: ElementTable, profile: str) -> np.ndarray:
    rule, result = _rule(profile), np.ones(len(table), bool)
    for path, values in rule.get("is", {}).items():
        result &= _holds(table, path, values)
    for path, values in rule.get("is_not", {}).items():
        result &= ~_holds(table, path, values)
    return result


def _holds(table: ElementTable, path: str, values: list) -> np.ndarray:
    """Rows in which the element, or one of its codes, has one of the values."""
    first, *further = path.split(".")
    column = table.part(first)
    for step in further:
        column = part_of(column, step)
    column = system(column)
    result = np.zeros(len(table), bool)
    for part in alternatives_of(column):
        if isinstance(part, Listing):
            result[part.owners()[_one_of(table, part.items, values)]] = True
        else:
            result |= _one_of(table, part, values)
    return result


def _one_of(table: ElementTable, column: Column, values: list) -> np.ndarray:
    result = np.zeros(len(column), bool)
    if isinstance(column, Choice):
        return np.logical_or.reduce([_one_of(table, part, values) for part in column.alternatives])
    if isinstance(column, Bool):
        return np.isin(column.values, [int(value) for value in values])
    numbers = [table.texts.number(value) for value in values if isinstance(value, str)]
    if isinstance(column, Text):
        return np.isin(column.values, numbers)
    if isinstance(column, Code):
        return _one_of(table, column.part("code"), values)
    if isinstance(column, Concept) and isinstance(column.part("codes"), Listing):
        codes = column.part("codes")
        result[codes.owners()[_one_of(table, codes.items, values)]] = True
    return result
