"""Trees: what a value is made of, and lists that are made of lists again and again."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import (
    Choice,
    Column,
    Listing,
    Null,
    Record,
    concat,
    offsets_of,
)
from pipelines.measures.elm.fhir_model import elements
from pipelines.measures.elm.lists import as_list, first_of_each, from_rows
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.records import Elements
from pipelines.measures.elm.run import Frame, Run, operation

DEEPEST = 100
"""Rounds after which a repetition is taken for one that never ends."""


@operation("Children")
def children(run: Run, node: Node, frame: Frame) -> Listing:
    return children_of(run.value(node.args[0], frame))


@operation("Descendents")
def descendents(run: Run, node: Node, frame: Frame) -> Listing:
    """The children, their children and so on."""
    found = [children_of(run.value(node.args[0], frame))]
    while len(found[-1].items) and len(found) < DEEPEST:
        below = children_of(found[-1].items)
        owners = found[-1].owners()[below.owners()]
        found.append(from_rows(owners, below.items, frame.rows))
    return _joined(found, frame.rows)


def children_of(column: Column) -> Listing:
    """Of each value, the values of its parts, lists taken apart; nothing for what has no parts."""
    if isinstance(column, Listing):
        return column
    if isinstance(column, Choice):
        return _joined([children_of(part) for part in column.alternatives], len(column))
    if isinstance(column, Elements):
        names = elements(column.table.type_name) or ({"value": None} if len(column) else {})
        parts = [
            column.part(name) for name in names if name != "value" or column.table.type_name[0].isupper()
        ]
    elif isinstance(column, Record):
        parts = list(column.parts.values())
    else:
        parts = []
    return _joined([as_list(part) for part in parts if not part.nulls().all()], len(column))


def _joined(lists: list[Listing], rows: int) -> Listing:
    """The lists of each row one after the other."""
    if not lists:
        return Listing(np.zeros(rows + 1, np.int64), Null(0))
    owners = np.concatenate([one.owners() for one in lists])
    order = np.argsort(owners, kind="stable")
    return from_rows(owners[order], concat([one.items for one in lists]).take(order), rows)


@operation("Repeat")
def repeat(run: Run, node: Node, frame: Frame) -> Listing:
    """What the element gives for the items, then for what it gave, until nothing new comes."""
    row, _, source = node.query.sources[0]
    newest = as_list(run.value(source, frame))
    found = Listing(np.zeros(frame.rows + 1, np.int64), Null(0), newest.known)
    for _ in range(DEEPEST):
        owners = newest.owners()
        given = as_list(run.value(node.query.returns, Frame(len(owners), frame, owners, {row: newest.items})))
        together = _joined([found, from_rows(owners[given.owners()], given.items, frame.rows)], frame.rows)
        kept = first_of_each(together.owners(), run.equality.identity(together.items))
        grown = from_rows(together.owners()[kept], together.items.take(kept), frame.rows, found.known)
        if len(grown.items) == len(found.items):
            return grown
        fresh = np.arange(len(grown.items)) - grown.offsets[grown.owners()] >= found.counts[grown.owners()]
        rows = np.flatnonzero(fresh)
        newest, found = from_rows(grown.owners()[rows], grown.items.take(rows), frame.rows), grown
    run.fail(node, frame, np.ones(frame.rows, bool), "a repetition that does not end")
    return found


@operation("Times")
def times(run: Run, node: Node, frame: Frame) -> Column:
    """Every tuple of the first list with every one of the second."""
    first, second = (as_list(column) for column in run.args(node, frame))
    if not isinstance(first.items, Record) or not isinstance(second.items, Record):
        return Listing(np.zeros(frame.rows + 1, np.int64), Null(0), first.known & second.known)
    spread = second.take(first.owners())
    left = first.items.take(spread.owners())
    items = Record({**left.parts, **spread.items.parts}, left.known & spread.items.known)
    counts = np.bincount(first.owners()[spread.owners()], minlength=frame.rows)
    return Listing(offsets_of(counts), items, first.known & second.known)
