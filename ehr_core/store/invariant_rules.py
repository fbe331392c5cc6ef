"""What FHIR's rules between elements are made of; `of` lets a rule read a decoded struct and the JSON alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, Struct

from ehr_core.kernel.fhir_definitions import field_name
from ehr_core.store.dates import bounds

Rule = Callable[[Any], bool]


@dataclass(frozen=True)
class Invariant:
    """What must hold for every element of a type; `element` is where it is told, '' for the whole."""

    key: str
    element: str
    sentence: str
    holds: Rule


def of(node: Any, path: str) -> list[Any]:
    """What stands at a dotted path of a struct or a JSON object, lists flattened."""
    found = [node]
    for name in path.split("."):
        inner: list[Any] = []
        for each in found:
            if isinstance(each, Struct):
                value = getattr(each, field_name(name), UNSET)
            else:
                value = each.get(name, UNSET)
            if value is not UNSET and value is not None:
                inner += value if isinstance(value, list) else [value]
        if not inner:
            return inner
        found = inner
    return found


def has(node: Any, *names: str) -> bool:
    """Any of these elements; 'value*' is the choice value[x]."""
    return any(_chosen(node, name[:-1]) if name.endswith("*") else of(node, name) for name in names)


def _chosen(node: Any, stem: str) -> bool:
    names = node.__struct_fields__ if isinstance(node, Struct) else node
    return any(
        name.startswith(stem) and name[len(stem) :][:1].isupper() and of(node, name.rstrip("_"))
        for name in names
    )


def of_presence(rule: Rule, *names: str) -> Rule:
    """Marks a rule that only asks which top-level elements are there: it holds or not wherever the same ones stand."""
    if not any("." in name for name in names):
        rule.asks_presence = True
    return rule


def asks_presence(rule: Rule) -> bool:
    return getattr(rule, "asks_presence", False)


def needs(given: str, *others: str) -> Rule:
    """Who has the first has one of the others."""
    return of_presence(lambda node: not has(node, given) or has(node, *others), given, *others)


def excludes(given: str, *others: str) -> Rule:
    return of_presence(lambda node: not (has(node, given) and has(node, *others)), given, *others)


def one_of(*names: str) -> Rule:
    return of_presence(lambda node: has(node, *names), *names)


def both_or_none(first: str, second: str) -> Rule:
    return of_presence(lambda node: has(node, first) == has(node, second), first, second)


def in_order(first: str, second: str) -> Rule:
    """The first date is not after the second; dates of different precision may overlap."""

    def holds(node: Any) -> bool:
        low, high = of(node, first), of(node, second)
        return not low or not high or bounds(low[0], "UTC")[0] <= bounds(high[0], "UTC")[1]

    return holds


def either_or(first: str, second: str) -> Rule:
    """One of the two, and not both."""
    return of_presence(lambda node: has(node, first) != has(node, second), first, second)


def at_most(name: str, limit: float) -> Rule:
    return lambda node: all(value <= limit for value in of(node, name))


def not_negative(name: str) -> Rule:
    return lambda node: all(value >= 0 for value in of(node, name))


def coded(node: Any, path: str) -> set[str]:
    return set(of(node, f"{path}.coding.code"))


def binding(path: str, system: str, *codes: str) -> Rule:
    """Every coding of that system, or of none, is one of the list. Another system's code may stand beside it."""
    allowed = frozenset(codes)

    def holds(node: Any) -> bool:
        return all(
            code in allowed
            for coding in of(node, f"{path}.coding")
            if (of(coding, "system") or [system])[0] == system
            for code in of(coding, "code")
        )

    return holds
