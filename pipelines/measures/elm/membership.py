"""Membership: is an item in a list, is a list in a list; codes in value sets."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import (
    Bool,
    Code,
    Column,
    Concept,
    Listing,
    Null,
    Text,
    alternatives_of,
    concat,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.equality import coded
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.terminology import members


def list_relation(run: Run, name: str, first: Column, second: Column) -> Bool:
    """`in`, `contains`, `included in`, `includes` where one side is a list."""
    turned = name in ("Contains", "Includes", "ProperContains", "ProperIncludes")
    inner, outer = (second, first) if turned else (first, second)
    proper = name.startswith("Proper")
    if isinstance(outer, Null) and isinstance(inner, Listing):
        return Bool(np.full(len(inner), -1, np.int8))
    if not isinstance(outer, Listing):
        return Bool(np.where(inner.nulls(), -1, 0))
    if isinstance(inner, Listing):
        return _subset(run, inner, outer, proper)
    found = contains(run, outer, inner)
    return Bool.of((found.values == 1) & (outer.counts > 1)) if proper else found


def contains(run: Run, outer: Listing, item: Column) -> Bool:
    """A null item is in a list that has a null; nothing is in a null list."""
    keys, item_keys = _together(run, outer.items, item)
    owners = outer.owners()
    found = np.zeros(len(outer), bool)
    found[owners[keys == item_keys[owners]]] = True
    return Bool.of(found)


def _subset(run: Run, inner: Listing, outer: Listing, proper: bool) -> Bool:
    keys, outer_keys = _together(run, inner.items, outer.items)
    size = max(int(keys.max(initial=0)), int(outer_keys.max(initial=0))) + 2
    left = inner.owners() * size + keys + 1
    right = outer.owners() * size + outer_keys + 1
    missing = np.zeros(len(inner), bool)
    missing[inner.owners()[~np.isin(left, right)]] = True
    result = ~missing
    if proper:
        result &= inner.counts < outer.counts
    return Bool.of(result, inner.known & outer.known)


def _together(run: Run, first: Column, second: Column) -> tuple[np.ndarray, np.ndarray]:
    numbers = run.equality.identity(concat([system(first), system(second)]))
    distinct, places = np.unique(numbers, return_inverse=True)
    places = places - (1 if len(distinct) and distinct[0] == -1 else 0)
    return places[: len(first)], places[len(first) :]


@operation("InValueSet", "AnyInValueSet")
def in_value_set(run: Run, node: Node, frame: Frame) -> Bool:
    """False for a null code; a list of codes is in it when any of them is."""
    arguments = dict(zip(node["roles"], node.args, strict=True))
    operand = next(node_ for role, node_ in arguments.items() if not role.startswith("valueset"))
    url = _value_set_url(arguments)
    column = system(run.value(operand, frame))
    result = np.zeros(frame.rows, bool)
    if url is None:
        run.fail(node, frame, np.ones(frame.rows, bool), "a value set that is only known at run time")
        return Bool.of(result)
    for part in alternatives_of(column):
        result |= _in_value_set(run, part, url)
    return Bool.of(result)


def _value_set_url(arguments: dict[str, Node]) -> str | None:
    for role, node in arguments.items():
        while role.startswith("valueset") and node.op in ("As", "ExpandValueSet"):
            node = node.args[0]
        if role.startswith("valueset") and node.op == "ValueSet":
            return node["url"]
    return None


def _in_value_set(run: Run, column: Column, url: str) -> np.ndarray:
    result = np.zeros(len(column), bool)
    if isinstance(column, Listing):
        inner = np.zeros(len(column.items), bool)
        for part in alternatives_of(column.items):
            inner |= _in_value_set(run, part, url)
        result[column.owners()[inner]] = True
    elif isinstance(column, Code | Concept):
        owners, keys = coded(column)
        result[owners[members(keys, run.terminology.keys(url))]] = True
    elif isinstance(column, Text):
        result = members(column.values, run.terminology.codes(url))
    return result


@operation("InCodeSystem", "AnyInCodeSystem")
def in_code_system(run: Run, node: Node, frame: Frame) -> Bool:
    """By the code's system; also by its code where the package holds the whole code system."""
    arguments = dict(zip(node["roles"], node.args, strict=True))
    url = next((one["url"] for one in node.args if one.op == "CodeSystem"), None)
    operand = next(one for role, one in arguments.items() if not role.startswith("codesystem"))
    column = system(run.value(operand, frame))
    number, loaded = run.texts.number(url), run.terminology.package.code_systems.get(url or "")
    listed = run.texts.numbered(loaded.above) if loaded and loaded.complete else None
    result = np.zeros(frame.rows, bool)
    for part in alternatives_of(column):
        if isinstance(part, Code | Concept):
            owners, keys = coded(part)
            inside = keys % (1 << 31) == number + 1
            if listed is not None:
                inside &= np.isin(keys >> 31, listed)
            result[owners[inside]] = True
    return Bool.of(result)


@operation("ValueSet", "ExpandValueSet")
def expand_value_set(run: Run, node: Node, frame: Frame) -> Column:
    """The codes of a value set, as a list."""
    if node.op == "ExpandValueSet":
        return run.value(node.args[0], frame)
    keys = run.terminology.keys(node["url"])
    every = np.tile(keys, frame.rows)
    parts = {"code": Text(every >> 31), "system": Text(every % (1 << 31) - 1)}
    return Listing(np.arange(frame.rows + 1) * len(keys), Code(parts, np.ones(len(every), bool)))
