"""Lists: exists, first and last, set algebra, and what is counted or added up over a list."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.measures.elm.arithmetic import numbers, rounded
from pipelines.measures.elm.columns import (
    Bool,
    Choice,
    Column,
    Dec,
    Int,
    Interval,
    Listing,
    Null,
    Quantity,
    Rows,
    Text,
    alternatives_of,
    choice_of,
    concat,
    offsets_of,
    scatter,
    whole,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.intervals import combine
from pipelines.measures.elm.logic import truth
from pipelines.measures.elm.moments import Moment
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation


def as_list(column: Column) -> Listing:
    """A list as it is; nulls of no type as null lists; anything else as lists of one."""
    if isinstance(column, Listing):
        return column
    if isinstance(column, Choice):
        lists = [part for part in column.alternatives if isinstance(part, Listing)]
        if lists:
            return _merged(lists)
    present = ~column.nulls()
    known = np.zeros(len(column), bool) if isinstance(column, Null) else present
    return Listing(offsets_of(present.astype(np.int64)), column.take(np.flatnonzero(present)), known)


def _merged(lists: list[Listing]) -> Listing:
    merged = lists[0]
    rows = np.arange(len(merged))
    for one in lists[1:]:
        merged = merged.join([one]).take(np.where(merged.known, rows, rows + len(rows)))
    return merged


def from_rows(owners: Rows, items: Column, rows: int, known: np.ndarray | None = None) -> Listing:
    """A list per row from items in the order of their owners."""
    return Listing(offsets_of(np.bincount(owners, minlength=rows)), items, known)


@operation("Exists")
def exists(run: Run, node: Node, frame: Frame) -> Bool:
    listing = as_list(run.value(node.args[0], frame))
    present = ~listing.items.nulls()
    found = np.zeros(frame.rows, bool)
    found[listing.owners()[present]] = True
    return Bool.of(found)


@operation("First", "Last")
def first_or_last(run: Run, node: Node, frame: Frame) -> Column:
    listing = as_list(run.value(node.args[0], frame))
    at = listing.offsets[:-1] if node.op == "First" else listing.offsets[1:] - 1
    return listing.items.take(np.where(listing.counts > 0, at, -1))


@operation("SingletonFrom")
def singleton(run: Run, node: Node, frame: Frame) -> Column:
    listing = as_list(run.value(node.args[0], frame))
    run.fail(node, frame, listing.counts > 1, "a list that should have one item has more")
    return listing.items.take(np.where(listing.counts == 1, listing.offsets[:-1], -1))


@operation("Indexer")
def indexer(run: Run, node: Node, frame: Frame) -> Column:
    source, index = (system(column) for column in run.args(node, frame))
    if not isinstance(index, Int):
        return Null(frame.rows)
    if isinstance(source, Text):
        return _letters(run, source, index)
    listing = as_list(source)
    inside = index.known & (index.values >= 0) & (index.values < listing.counts)
    return listing.items.take(np.where(inside, listing.offsets[:-1] + index.values, -1))


def _letters(run: Run, source: Text, index: Int) -> Text:
    """The letter in a place of each string."""
    places = np.where(index.known, index.values, -1).tolist()
    texts = [run.texts.string(number) or "" for number in source.values.tolist()]
    return Text(
        run.texts.numbered(
            text[at] if 0 <= at < len(text) else None for text, at in zip(texts, places, strict=True)
        )
    )


@operation("IndexOf")
def index_of(run: Run, node: Node, frame: Frame) -> Int:
    parts = dict(zip(node["roles"], run.args(node, frame), strict=True))
    listing, element = as_list(parts["source"]), parts["element"]
    owners = listing.owners()
    hit = run.equality.equal(system(listing.items), system(element.take(owners))).values == 1
    found = np.full(frame.rows, -1, np.int64)
    places = np.arange(len(owners)) - listing.offsets[owners]
    found[owners[hit][::-1]] = places[hit][::-1]
    return Int(found, listing.known & ~element.nulls())


@operation("Slice")
def slice_(run: Run, node: Node, frame: Frame) -> Listing:
    parts = dict(zip(node["roles"], run.args(node, frame), strict=True))
    listing = as_list(parts["source"])
    begin = _index(parts.get("startIndex"), np.zeros(frame.rows, np.int64))
    end = _index(parts.get("endIndex"), listing.counts)
    end = np.where((begin < 0) | (end < 0), 0, end)
    owners = listing.owners()
    place = np.arange(len(owners)) - listing.offsets[owners]
    kept = np.flatnonzero((place >= begin[owners]) & (place < end[owners]))
    return from_rows(owners[kept], listing.items.take(kept), frame.rows, listing.known)


def _index(column: Column | None, otherwise: np.ndarray) -> np.ndarray:
    return np.where(column.known, column.values, otherwise) if isinstance(column, Int) else otherwise


@operation("Flatten")
def flatten(run: Run, node: Node, frame: Frame) -> Column:
    outer = as_list(run.value(node.args[0], frame))
    inner = as_list(outer.items)
    if not isinstance(outer.items, Listing | Choice | Null):
        return outer
    return Listing(inner.offsets[outer.offsets], inner.items, outer.known)


@operation("Distinct")
def distinct(run: Run, node: Node, frame: Frame) -> Listing:
    return distinct_items(run, as_list(run.value(node.args[0], frame)))


def distinct_items(run: Run, listing: Listing) -> Listing:
    """Each value once, where it first stands."""
    kept = first_of_each(listing.owners(), run.equality.identity(listing.items))
    return from_rows(listing.owners()[kept], listing.items.take(kept), len(listing), listing.known)


def first_of_each(owners: Rows, keys: np.ndarray) -> Rows:
    """Positions at which a pair of owner and key is met first, in order."""
    if not len(keys):
        return np.zeros(0, np.int64)
    order = np.lexsort((np.arange(len(keys)), keys, owners))
    first = np.ones(len(keys), bool)
    first[1:] = (keys[order][1:] != keys[order][:-1]) | (owners[order][1:] != owners[order][:-1])
    return np.sort(order[first])


@operation("Union", "Intersect", "Except")
def set_algebra(run: Run, node: Node, frame: Frame) -> Column:
    columns = run.args(node, frame)
    values = [system(column) for column in columns]
    if all(isinstance(value, Interval) for value in values):
        result = values[0]
        for value in values[1:]:
            result = combine(run, node.op, result, value)
        return result
    if any(isinstance(value, Interval) for value in values):
        return Null(frame.rows)
    result = as_list(columns[0])
    for column in columns[1:]:
        result = _algebra(run, node.op, result, as_list(column))
    return result


def _algebra(run: Run, name: str, first: Listing, second: Listing) -> Listing:
    rows = len(first)
    items = concat([first.items, second.items])
    owners = np.concatenate([first.owners(), second.owners()])
    keys = run.equality.identity(items)
    if name == "Union":
        order = np.argsort(owners, kind="stable")
        kept = order[first_of_each(owners[order], keys[order])]
        return from_rows(owners[kept], items.take(kept), rows)
    size = int(keys.max(initial=0)) + 2
    pairs = owners * size + keys + 1
    ours = np.arange(len(first.items))
    inside = np.isin(pairs[: len(ours)], pairs[len(ours) :])
    kept = ours[inside if name == "Intersect" else ~inside]
    kept = kept[first_of_each(owners[kept], keys[kept])]
    known = first.known & second.known if name == "Intersect" else first.known
    return from_rows(owners[kept], items.take(kept), rows, known)


def present_items(run: Run, node: Node, frame: Frame) -> tuple[Listing, Rows, Column]:
    """The list, and owners and values of its items that are not null."""
    listing = as_list(run.value(node.args[0], frame))
    items = system(listing.items)
    kept = np.flatnonzero(~items.nulls())
    return listing, listing.owners()[kept], items.take(kept)


@operation("Count")
def count(run: Run, node: Node, frame: Frame) -> Int:
    _, owners, _ = present_items(run, node, frame)
    return Int(np.bincount(owners, minlength=frame.rows), np.ones(frame.rows, bool))


@operation("AnyTrue", "AllTrue")
def any_or_all(run: Run, node: Node, frame: Frame) -> Bool:
    _, owners, items = present_items(run, node, frame)
    values = truth(items).values == 1
    wanted = node.op == "AnyTrue"
    result = np.full(frame.rows, not wanted)
    result[owners[values == wanted]] = wanted
    return Bool.of(result)


@operation("Min", "Max")
def extreme(run: Run, node: Node, frame: Frame) -> Column:
    _, owners, items = present_items(run, node, frame)
    found = []
    for part in alternatives_of(items):
        kept = np.flatnonzero(~part.nulls())
        ranks = ranks_of(run, part)[kept]
        order = np.lexsort((ranks if node.op == "Min" else -ranks, owners[kept]))
        rows, first = np.unique(owners[kept][order], return_index=True)
        found.append(scatter([(rows, part.take(kept[order][first]))], frame.rows))
    return choice_of(found, frame.rows) if len(found) != 1 else found[0]


def ranks_of(run: Run, column: Column) -> np.ndarray:
    """Numbers in the order of the values; nulls come first."""
    column = system(column)
    ranks = np.zeros(len(column), np.float64)
    for part in alternatives_of(column):
        present = ~part.nulls()
        ranks = np.where(present, _ranks(run, part), ranks)
    return np.where(column.nulls(), -np.inf, ranks)


def _ranks(run: Run, part: Column) -> np.ndarray:
    if isinstance(part, Moment):
        return part.low.astype(np.float64)
    if isinstance(part, Quantity):
        return np.nan_to_num(run.comparer.canonical(part)[0])
    if isinstance(part, Int | Dec):
        return np.nan_to_num(numbers(part))
    if isinstance(part, Interval):
        return ranks_of(run, part.part("low"))
    if hasattr(part, "values") and part.kind == "String":
        return run.comparer.text_spans(part, part)[0].low.astype(np.float64)
    if isinstance(part, Bool):
        return part.values.astype(np.float64)
    return np.zeros(len(part))


def _spread(values: np.ndarray) -> float:
    return float(np.var(values, ddof=1)) if len(values) > 1 else np.nan


FOLDS: dict[str, Callable[[np.ndarray], float]] = {
    "Sum": np.sum,
    "Product": np.prod,
    "Avg": np.mean,
    "Median": np.median,
    "Variance": _spread,
    "StdDev": lambda values: float(np.sqrt(_spread(values))),
    "PopulationVariance": np.var,
    "PopulationStdDev": np.std,
    "GeometricMean": lambda values: float(np.exp(np.mean(np.log(values)))),
}


@operation(*FOLDS, "Mode")
def fold(run: Run, node: Node, frame: Frame) -> Column:
    """Null for a row without values. Quantities are taken in the unit of the first one."""
    _, owners, items = present_items(run, node, frame)
    if node.op == "Mode":
        return _mode(run, owners, items, frame.rows)
    part = next((one for one in alternatives_of(items) if isinstance(one, Int | Dec | Quantity)), None)
    if part is None:
        return Null(frame.rows)
    rows, first = np.unique(owners, return_index=True)
    values = _in_first_unit(run, part, owners, first) if isinstance(part, Quantity) else numbers(part)
    pieces = np.split(values, first[1:]) if len(first) else []
    with np.errstate(all="ignore"):
        folded = rounded(np.array([FOLDS[node.op](piece) for piece in pieces], np.float64))
    return scatter([(rows, _folded(node.op, part, first, folded))], frame.rows)


def _mode(run: Run, owners: Rows, items: Column, rows: int) -> Column:
    """The value that stands most often in each list; of several, the one that stands first."""
    if not len(owners):
        return items.take(np.full(rows, -1))
    keys = run.equality.identity(items)
    _, places, counts = np.unique(np.stack([owners, keys]), axis=1, return_inverse=True, return_counts=True)
    often = counts[places.ravel()]
    order = np.lexsort((np.arange(len(owners)), -often, owners))
    found, first = np.unique(owners[order], return_index=True)
    return scatter([(found, items.take(order[first]))], rows)


def _in_first_unit(run: Run, part: Quantity, owners: Rows, first: Rows) -> np.ndarray:
    canonical, kinds = run.comparer.canonical(part)
    values = numbers(part.part("value"))
    group = np.searchsorted(owners[first], owners)
    head = first[group]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(canonical[head] == 0, 1, values[head] / canonical[head])
    return np.where(kinds == kinds[head], rounded(canonical * scale), np.nan)


def _folded(name: str, part: Column, first: Rows, values: np.ndarray) -> Column:
    if isinstance(part, Quantity):
        unit = part.part("unit").take(first)
        return Quantity({"value": Dec(values), "unit": unit}, ~np.isnan(values))
    if isinstance(part, Int) and name in ("Sum", "Product"):
        return whole(np.nan_to_num(values), ~np.isnan(values), part)
    return Dec(values)
