"""What can be ordered: read from the TOML files beside this, each item checked, found by key, by code or by words."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from data_contracts.api.orders import CatalogueItem, OrderCatalogue, OrderDetails, OrderSet, Priority
from data_contracts.code_systems import LOINC, ORDERABLE, code_system
from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store.names import folded

KINDS = ("laboratory", "imaging", "referral", "nursing", "immunization")
PRIORITIES: tuple[Priority, ...] = ("stat", "asap", "urgent", "routine")

EXPECTED_DAYS_OF_OTHERS = 30
"""When the result of an order that the catalogue does not list is expected (days). Ours, no authority's."""


@dataclass(frozen=True)
class SetLine:
    item_key: str
    details: OrderDetails


@dataclass(frozen=True)
class Catalogue:
    items: dict[str, CatalogueItem]
    sets: dict[str, tuple[str, tuple[SetLine, ...]]] = field(default_factory=dict)

    def item(self, key: str) -> CatalogueItem:
        """Raises InvalidResource for a key that nothing has."""
        if key not in self.items:
            raise InvalidResource(
                [
                    Issue(
                        "item_key",
                        "This is not in the order catalogue. Choose from /api/order-catalogue.",
                        "value",
                    )
                ]
            )
        return self.items[key]

    def set_lines(self, key: str) -> tuple[SetLine, ...]:
        if key not in self.sets:
            raise InvalidResource(
                [Issue("set_key", "There is no such order set. Choose from /api/order-catalogue.", "value")]
            )
        return self.sets[key][1]

    def of_code(self, system: str, code: str) -> CatalogueItem | None:
        """The first item of that code; None when the catalogue has none."""
        return next(
            (item for item in self.items.values() if (item.code_system, item.code) == (system, code)), None
        )

    def offer(self) -> OrderCatalogue:
        sets = [
            OrderSet(key=key, name=name, items=[self.items[line.item_key].name for line in lines])
            for key, (name, lines) in self.sets.items()
        ]
        return OrderCatalogue(items=list(self.items.values()), sets=sets)

    def search(self, words: str) -> list[CatalogueItem]:
        """Items of which every word begins some word of name, other words or code; names before other words."""
        wanted = folded(words).split()
        ranked = [(_rank(item, wanted), item) for item in self.items.values()] if wanted else []
        found = [(rank, item) for rank, item in ranked if rank is not None]
        return [item for _, item in sorted(found, key=lambda one: (one[0], one[1].name))]


def _rank(item: CatalogueItem, wanted: list[str]) -> int | None:
    named = folded(item.name).split()
    others = [*named, *folded(" ".join(item.also)).split(), item.code, item.kind]
    if all(any(word.startswith(each) for word in named) for each in wanted):
        return 0 if named[0].startswith(wanted[0]) else 1
    return 2 if all(any(word.startswith(each) for word in others) for each in wanted) else None


@cache
def catalogue() -> Catalogue:
    """Every item of the files, in their order. Raises BadRequest for a code that cannot be one of its system."""
    items = {item.key: item for kind in KINDS for item in _items(_read(f"{kind}.toml"))}
    sets = {
        entry["key"]: (entry["name"], tuple(map(_set_line, entry["orders"])))
        for entry in _read("order_sets.toml")["set"]
    }
    return Catalogue(items, sets)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("ehr_core.orders.catalogue").joinpath(name).read_text(encoding="utf-8"))


def _items(page: dict[str, Any]) -> list[CatalogueItem]:
    return [_item(page["defaults"] | entry) for entry in page["item"]]


def _item(entry: dict[str, Any]) -> CatalogueItem:
    system = code_system(entry.pop("system"))
    code = entry.pop("code", entry["key"] if system is ORDERABLE else "")
    for member, _ in entry.get("members", ()):
        LOINC.checked(member)
    return CatalogueItem(code_system=system.uri, code=system.checked(code), **entry)


def _set_line(entry: dict[str, Any]) -> SetLine:
    return SetLine(
        entry["item"], OrderDetails(**{key: value for key, value in entry.items() if key != "item"})
    )
