"""Finds products by what people type: parts of generic or brand name, strength and form, in any order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ehr_core.medications.products import Product, products

MOST = 25
SHORTEST = 2
"""Letters: one letter finds everything and nothing."""
WORD = re.compile(r"[a-z0-9.%]+")
USUAL_FORMS = ("Oral Tablet", "Oral Capsule", "Extended Release Oral Tablet")


@dataclass(frozen=True, slots=True)
class Found:
    """A product, and the brand by which it was found."""

    product: Product
    brand: str | None = None


def search(typed: str, *, most: int = MOST) -> list[Found]:
    """Every word must begin a word of the name or of a brand. Names that begin with what was typed come first, then
    single ingredients, usual forms, and lower strengths. Fewer than two letters find nothing.
    """
    words = words_of(typed)
    if not words:
        return []
    hits = [found for entry in _index() if (found := _hit(entry, words))]
    hits.sort(key=lambda found: _rank(found, tuple(words)))
    return hits[:most]


def words_of(typed: str) -> list[str]:
    """What is looked for; empty for fewer than two letters."""
    words = WORD.findall(typed.lower())
    return words if len("".join(words)) >= SHORTEST else []


@cache
def _index() -> tuple[tuple[Product, str, tuple[tuple[str, str], ...]], ...]:
    return tuple(
        (product, search_text(product.name), tuple((brand, search_text(brand)) for brand in product.brands))
        for product in products()
    )


def search_text(name: str) -> str:
    """A name as its words are looked for, each after a space."""
    return " " + " ".join(WORD.findall(name.lower()))


def _hit(entry: tuple[Product, str, tuple[tuple[str, str], ...]], words: list[str]) -> Found | None:
    product, name, brands = entry
    left = [word for word in words if f" {word}" not in name]
    if not left:
        return Found(product)
    for brand, text in brands:
        if all(f" {word}" in text for word in left):
            return Found(product, brand)
    return None


def _rank(found: Found, words: tuple[str, ...]) -> tuple:
    product = found.product
    form = USUAL_FORMS.index(product.form) if product.form in USUAL_FORMS else len(USUAL_FORMS)
    begins = product.name.lower().startswith(words) or (found.brand or "").lower().startswith(words)
    return (not begins, len(product.strengths), form, product.name.split(" ")[0], product.strengths[0].amount)
