"""Names of drugs that an allergy may be to: ingredients and brands, as the checks know them. No patient data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from cds import ingredients as known_ingredients
from ehr_core.medications.products import other_names


@dataclass(frozen=True, slots=True)
class Named:
    kind: Literal["ingredient", "brand"]
    rxcui: str
    name: str
    note: str | None = None


def find_substances(wanted: str, *, most: int) -> list[Named]:
    """Names in which a word begins so: ingredients first, whole names before parts. `wanted` in small letters."""
    hits = [(rank, named) for named, text in _index() if (rank := _rank(text, wanted)) is not None]
    hits.sort(key=lambda pair: (pair[1].kind != "ingredient", pair[0], len(pair[1].name), pair[1].name))
    return [named for _, named in hits[:most]]


def substance_of(rxcui: str) -> str | None:
    """The name of a code of the list; None for any other."""
    return next((named.name for named, _ in _index() if named.rxcui == rxcui), None)


def _rank(text: str, wanted: str) -> int | None:
    if text.startswith(f" {wanted}"):
        return 0
    return 1 if f" {wanted}" in text else None


@cache
def _index() -> tuple[tuple[Named, str], ...]:
    names = known_ingredients.names()
    drugs = [Named("ingredient", rxcui, name) for rxcui, name in names.items()]
    brands = [
        Named("brand", rxcui, name, f"brand of {_and([names.get(one, 'another drug') for one in held])}")
        for rxcui, kind, name, held in other_names()
        if kind == "BN"
    ]
    return tuple((one, f" {one.name.lower()}") for one in (*drugs, *brands))


def _and(names: list[str]) -> str:
    return " with ".join(names)
