"""The products that Almoner knows: RxNorm names, ingredients with strengths, brands, schedule. No patient data.

Shipped: clinical drugs of the 2025-10 prescribable RxNorm whose every ingredient decision support has heard of. A site
may import NLM's monthly file beside them (imported.py). A drug that is in neither is prescribed as words and is not
checked by ingredient, which the checks say.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from cds import ingredients as known_ingredients
from data_contracts.code_systems import RXNORM as RXNORM_SYSTEM

INSULIN = "insulin"
RXNORM = RXNORM_SYSTEM.uri
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


@dataclass(frozen=True)
class Lookup:
    """What a RxNorm code stands for: by the shipped list first, then by what the site has imported."""

    products: Mapping[str, Product] = field(default_factory=dict)
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def product(self, rxcui: str | None) -> Product | None:
        return (product(rxcui) or self.products.get(rxcui)) if rxcui else None

    def ingredients(self, rxcui: str | None) -> tuple[str, ...]:
        """The ingredients (IN) of a product, a brand, a salt, a combination or an ingredient; empty for no idea."""
        if rxcui is None:
            return ()
        if found := self.product(rxcui):
            return found.ingredients
        return named_ingredients(rxcui) or self.named.get(rxcui, ())


SHIPPED = Lookup()


def product(rxcui: str) -> Product | None:
    """The shipped product of a code; a brand's code gives the generic that it is. None: not shipped."""
    return _products().get(generic_of(rxcui))


def named_ingredients(rxcui: str) -> tuple[str, ...]:
    """The ingredients of a code that names no product: an ingredient, a salt, a combination, a brand name."""
    return (rxcui,) if rxcui in _ingredients() else _other_names().get(rxcui, ())


def is_shipped(rxcui: str) -> bool:
    return product(rxcui) is not None or bool(named_ingredients(rxcui))


@cache
def _ingredients() -> frozenset[str]:
    """Those that decision support has heard of, and those of shipped products."""
    return frozenset(known_ingredients.names()) | {one for each in products() for one in each.ingredients}


@cache
def other_names() -> tuple[tuple[str, str, str, tuple[str, ...]], ...]:
    """(code, kind, name, ingredients) of salts (PIN), combinations (MIN) and brands (BN)."""
    return tuple(
        (row["rxcui"], row["kind"], row["name"], tuple(row["ingredients"].split(";")))
        for row in _rows("other_names.csv")
    )


@cache
def _other_names() -> dict[str, tuple[str, ...]]:
    return {rxcui: held for rxcui, _, _, held in other_names()}


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
    return make_product(row["rxcui"], row["name"], row["form"], row["strengths"], brands)


def make_product(
    rxcui: str, name: str, form: str, strengths: str, brands: tuple[str, ...], schedule: str | None = None
) -> Product:
    """`strengths` as the files write them: '723=500 MG;48203=125 MG'. Our own schedules go before the given one."""
    held = tuple(_strength(text) for text in strengths.split(";") if text)
    route, unit = _usual(name, form)
    return Product(rxcui, name, form, held, brands, route, unit, schedule_of(held) or schedule)


def _usual(name: str, form: str) -> tuple[str | None, str | None]:
    """Route and dose unit that go without saying; None where a person must say them."""
    insulin = knowledge("forms.toml")[INSULIN]
    if INSULIN in name.lower() and form in insulin["forms"]:
        return insulin["route"], insulin["unit"]
    return _forms().get(form, (None, None))


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
        if route != INSULIN
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
