"""The products that Almoner knows: RxNorm names, ingredients with strengths, brands, schedule. No patient data.

Shipped: clinical drugs of the 2025-10 prescribable RxNorm whose every ingredient decision support has heard of. A drug
that is not among them is prescribed as words and is not checked by ingredient, which the checks say.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

KNOWLEDGE = files("ehr_core.medications.knowledge")
COVERAGE = "Clinical drugs of the 2025-10 prescribable RxNorm whose ingredients decision support knows."
STRONGEST = ("II", "III", "IV", "V")
EXTENDED = re.compile(r"\b(?:Extended Release|24 HR|12 HR)\b")
NUMBER = re.compile(r"[\d.]+")


@dataclass(frozen=True, slots=True)
class Strength:
    """Of one ingredient (RxNorm IN), as the name says it: 500 MG, 100 UNT/ML."""

    rxcui: str
    amount: float
    unit: str


@dataclass(frozen=True, slots=True)
class Product:
    """One clinical drug. `route` and `dose_unit` are None where its form does not decide them."""

    rxcui: str
    name: str
    form: str
    strengths: tuple[Strength, ...]
    brands: tuple[str, ...] = ()
    route: str | None = None
    dose_unit: str | None = None
    schedule: str | None = None

    @property
    def ingredients(self) -> tuple[str, ...]:
        return tuple(strength.rxcui for strength in self.strengths)

    @property
    def extended_release(self) -> bool:
        return bool(EXTENDED.search(self.name))


def product(rxcui: str) -> Product | None:
    """The shipped product of a code; a brand's code gives the generic that it is. None: not shipped."""
    return _products().get(generic_of(rxcui))


def generic_of(rxcui: str) -> str:
    """The generic's code where this is a brand's; otherwise the code itself."""
    return _generics().get(rxcui, rxcui)


def products() -> tuple[Product, ...]:
    """All of them, by name."""
    return tuple(_products().values())


@cache
def _products() -> dict[str, Product]:
    brands: dict[str, list[str]] = {}
    for row in _rows("brands.csv"):
        names = brands.setdefault(row["generic_rxcui"], [])
        if row["brand"] not in names:
            names.append(row["brand"])
    return {row["rxcui"]: _product(row, tuple(brands.get(row["rxcui"], ()))) for row in _rows("products.csv")}


@cache
def _generics() -> dict[str, str]:
    return {row["rxcui"]: row["generic_rxcui"] for row in _rows("brands.csv")}


def _product(row: dict[str, str], brands: tuple[str, ...]) -> Product:
    strengths = tuple(_strength(text) for text in row["strengths"].split(";"))
    route, unit = _forms().get(row["form"], (None, None))
    return Product(
        row["rxcui"], row["name"], row["form"], strengths, brands, route, unit, schedule_of(strengths)
    )


def _strength(text: str) -> Strength:
    rxcui, _, words = text.partition("=")
    amount, _, unit = words.partition(" ")
    return Strength(rxcui, float(amount), unit)


def schedule_of(strengths: tuple[Strength, ...]) -> str | None:
    """The strictest federal schedule of its ingredients, II to V; None for none.

    Combinations that are scheduled lower than their ingredient alone (codeine with acetaminophen) are shown as the
    ingredient is: the careful side, since prescribing any of them electronically is refused.
    """
    found = {_schedules()[one.rxcui] for one in strengths if one.rxcui in _schedules()}
    return next((schedule for schedule in STRONGEST if schedule in found), None)


@cache
def _schedules() -> dict[str, str]:
    return {row["ingredient_rxcui"]: row["schedule"] for row in _rows("controlled.csv")}


@cache
def _forms() -> dict[str, tuple[str, str]]:
    return {
        form: (route, unit)
        for route, units in knowledge("forms.toml").items()
        for unit, forms in units.items()
        for form in forms
    }


@cache
def knowledge(name: str) -> dict[str, Any]:
    """One of the room's TOML files."""
    return tomllib.loads(KNOWLEDGE.joinpath(name).read_text(encoding="utf-8"))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with KNOWLEDGE.joinpath(name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
