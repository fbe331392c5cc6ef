"""Queries: sources become the rows of an inner frame; relationships and `where` keep some of them."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import Choice, Column, Int, Listing, Null, Record, Rows, merge, scatter
from pipelines.measures.elm.lists import as_list, first_of_each, from_rows, ranks_of
from pipelines.measures.elm.logic import truth
from pipelines.measures.elm.nodes import Aggregate, Node, Query, Relation
from pipelines.measures.elm.run import Frame, Run, operation

LISTING = frozenset(
    {
        *("Retrieve", "Union", "Intersect", "Except", "Flatten", "Distinct", "List", "Collapse", "Expand"),
        *("Split", "SplitOnMatches", "ToChars", "ToList", "Slice", "ValueSet", "ExpandValueSet"),
        *("Children", "Descendents", "Repeat", "Times"),
    }
)
"""Operations whose value is a list."""


@operation("Query")
def evaluate_query(run: Run, node: Node, frame: Frame) -> Column:
    query = node.query
    sources = [run.value(source, frame) for _, _, source in query.sources]
    listed = [_is_list(node, column) for (_, _, node), column in zip(query.sources, sources, strict=True)]
    conditions = _conjuncts(query.where)
    inner = _rows_of(run, query, sources, listed, conditions, frame)
    for relation in query.relations:
        inner = _related(run, relation, inner)
    inner = _meeting(run, conditions, inner)
    if query.aggregate:
        if query.aggregate.distinct:
            kept = first_of_each(inner.up, run.equality.identity(_returned(run, query, inner)))
            inner = inner.only(kept)
        return _aggregate(run, query.aggregate, inner, frame)
    items = _returned(run, query, inner)
    owners = inner.up
    if query.distinct:
        kept = first_of_each(owners, run.equality.identity(items))
        if len(kept) < len(owners):
            owners, items = owners[kept], items.take(kept)
    if query.sort:
        order = _order(run, query, frame, owners, items)
        owners, items = owners[order], items.take(order)
    if any(listed):
        known = np.ones(frame.rows, bool)
        for source, is_listed in zip(sources, listed, strict=True):
            if is_listed:
                known &= as_list(source).known
        return from_rows(owners, items, frame.rows, known)
    return scatter([(owners, items)], frame.rows)


def _is_list(node: Node, column: Column) -> bool:
    """Is the source a list? Where all rows are null, its operation tells."""
    if isinstance(column, Choice):
        return any(isinstance(part, Listing) for part in column.alternatives)
    return isinstance(column, Listing) or (isinstance(column, Null) and _makes_lists(node))


def _makes_lists(node: Node) -> bool:
    if node.query:
        return any(_makes_lists(source) for _, _, source in node.query.sources)
    return node.op in LISTING or (node.op == "As" and node["of"].startswith("List<"))


def _rows_of(
    run: Run, query: Query, sources: list[Column], listed: list[bool], conditions: list[Node], frame: Frame
) -> Frame:
    """One row per combination of the sources' items. A source that is no list is one item, null or not.

    Each condition is taken out of the list and asked as soon as the sources that it reads are there, so that a query
    over many sources does not make every combination first. Conditions that may raise an error wait for the others.
    """
    inner: Frame | None = None
    rows = frozenset(row for row, _, _ in query.sources)
    for (row, _, _), source, is_listed in zip(query.sources, sources, listed, strict=True):
        listing = as_list(source) if is_listed else Listing(np.arange(frame.rows + 1), source)
        if inner is None:
            inner = Frame(len(listing.items), frame, listing.owners(), {row: listing.items})
        else:
            spread = listing.take(inner.up)
            inner = inner.only(spread.owners())
            inner.names[row] = spread.items
        ready = [one for one in conditions if not one.may_fail and one.free & rows <= inner.names.keys()]
        conditions[:] = [one for one in conditions if one not in ready]
        inner = _meeting(run, ready, inner)
    return inner


def _meeting(run: Run, conditions: list[Node], inner: Frame) -> Frame:
    """The rows for which all the conditions are true, each asked only of the rows that are left."""
    for condition in conditions:
        kept = truth(run.value(condition, inner)).values == 1
        if not kept.all():
            inner = inner.only(np.flatnonzero(kept))
    return inner


def _related(run: Run, relation: Relation, inner: Frame) -> Frame:
    """The rows that have (`with`) or do not have (`without`) a related item for which the condition is true."""
    listing = as_list(run.value(relation.source, inner))
    owners = listing.owners()
    pairs = Frame(len(owners), inner, owners, {relation.row: listing.items})
    found = np.zeros(inner.rows, bool)
    found[_meeting(run, _conjuncts(relation.such_that), pairs).up] = True
    kept = found if relation.keeps else ~found
    return inner if kept.all() else inner.only(np.flatnonzero(kept))


def _conjuncts(node: Node | None) -> list[Node]:
    if node is None:
        return []
    if node.op == "And":
        return [part for arg in node.args for part in _conjuncts(arg)]
    return [node]


def _returned(run: Run, query: Query, inner: Frame) -> Column:
    if query.returns is not None:
        return run.value(query.returns, inner)
    if len(query.sources) == 1:
        return inner.names[query.sources[0][0]]
    parts = {alias: inner.names[row] for row, alias, _ in query.sources}
    return Record(parts, np.ones(inner.rows, bool))


def _order(run: Run, query: Query, frame: Frame, owners: Rows, items: Column) -> Rows:
    inside = Frame(len(owners), frame, owners, {query.sort_row: items})
    keys = []
    for key in query.sort:
        ranks = ranks_of(run, items if key.by is None else run.value(key.by, inside))
        keys.append(ranks if key.ascending else -ranks)
    return np.lexsort((*reversed(keys), owners))


def _aggregate(run: Run, aggregate: Aggregate, inner: Frame, frame: Frame) -> Column:
    """Folds each row's items in order, all rows at once: first the first items, then the second ones."""
    total = run.value(aggregate.start, frame)
    place = np.arange(inner.rows) - np.searchsorted(inner.up, inner.up)
    for step in range(int(place.max(initial=-1)) + 1):
        rows = np.flatnonzero(place == step)
        owners = inner.up[rows]
        names = {name: column.take(rows) for name, column in inner.names.items()}
        names[aggregate.place] = Int(np.full(len(rows), step), np.ones(len(rows), bool))
        now = Frame(len(rows), frame, owners, {**names, aggregate.total: total.take(owners)})
        changed = scatter([(owners, run.value(aggregate.step, now))], frame.rows)
        untouched = np.ones(frame.rows, bool)
        untouched[owners] = False
        kept = total.take(np.where(untouched, np.arange(frame.rows), -1))
        total = merge(changed, kept) if untouched.any() else changed
    return total if len(total) else Null(frame.rows)
