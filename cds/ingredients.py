"""Ingredients by RxNorm code and name, and the classes that the rules mean: read once from cds/knowledge."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from cds.knowledge import read_rows, read_toml


@lru_cache(maxsize=1)
def names() -> dict[str, str]:
    """The name of each ingredient that our knowledge mentions, by RxCUI."""
    return {row["rxcui"]: row["name"] for row in read_rows("ingredients.csv")}


@lru_cache(maxsize=1)
def rxcuis() -> dict[str, str]:
    """The RxCUI of each ingredient that our knowledge mentions, by name."""
    return {row["name"]: row["rxcui"] for row in read_rows("ingredients.csv")}


def ingredient_name(rxcui: str) -> str:
    """The ingredient's name, or its code where our knowledge does not mention it."""
    return names().get(rxcui, f"RxNorm {rxcui}")


def rxcui_of(name: str) -> str:
    """Raises ValueError naming the ingredient and the file to add it to."""
    try:
        return rxcuis()[name]
    except KeyError:
        raise ValueError(f"'{name}' is not in cds/knowledge/ingredients.csv. Add its RxCUI there.") from None


@lru_cache(maxsize=512)
def members(class_id: str) -> frozenset[str]:
    """The RxCUIs of a class; raises ValueError where there is no such class."""
    classes = read_toml("classes.toml")
    if class_id not in classes:
        raise ValueError(f"'{class_id}' is not a class of cds/knowledge/classes.toml.")
    return resolve(classes[class_id]["members"])


def class_title(class_id: str) -> str:
    return read_toml("classes.toml")[class_id]["title"]


def resolve(written: Iterable[str]) -> frozenset[str]:
    """RxCUIs of ingredient names and `@class` references, as knowledge files write them."""
    return frozenset().union(
        *(members(one[1:]) if one.startswith("@") else {rxcui_of(one)} for one in written)
    )


@lru_cache(maxsize=1)
def _classes_by_ingredient() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for class_id in read_toml("classes.toml"):
        for rxcui in members(class_id):
            found.setdefault(rxcui, []).append(class_id)
    return {rxcui: tuple(classes) for rxcui, classes in found.items()}


def classes_of(rxcui: str) -> tuple[str, ...]:
    """The ids of the classes an ingredient belongs to, in the order of the file."""
    return _classes_by_ingredient().get(rxcui, ())
