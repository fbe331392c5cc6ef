"""Nodes: the intermediate form between ELM and columns, a tree without names to resolve, each sub-tree kept once.

Functions are written out, `let`s and operands replaced by what they stand for, and aliases numbered by depth, so that
equal logic is the same node wherever it stands, in whichever library: it is evaluated once per run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where in a package a node was first met."""

    library: str
    definition: str
    local_id: str | None = None

    def __str__(self) -> str:
        return f"{self.library}.{self.definition}" + (f" ({self.local_id})" if self.local_id else "")


@dataclass(frozen=True)
class Relation:
    """`with` or `without` of a query."""

    keeps: bool
    row: str
    source: Node
    such_that: Node


@dataclass(frozen=True)
class SortKey:
    """`by` is evaluated with the item as `row`; None sorts by the item itself."""

    by: Node | None
    ascending: bool


@dataclass(frozen=True)
class Aggregate:
    """Folds the rows in order: `total` stands for the value so far, `place` for how many came before."""

    total: str
    place: str
    distinct: bool
    start: Node
    step: Node

    def names(self) -> tuple[str, str]:
        return self.total, self.place


@dataclass(eq=False)
class Node:
    """One operation. `free`: row variables that it reads. `patient`: it reads patient data."""

    number: int
    op: str
    args: tuple[Node, ...]
    attributes: Mapping[str, Any]
    place: Place
    free: frozenset[str] = frozenset()
    patient: bool = False
    may_fail: bool = False
    query: Query | None = None
    memo: dict = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]

    def get(self, name: str, otherwise: Any = None) -> Any:
        return self.attributes.get(name, otherwise)


@dataclass(frozen=True)
class Query:
    sources: tuple[tuple[str, str, Node], ...]
    """(row variable, alias, source)"""
    relations: tuple[Relation, ...]
    where: Node | None
    returns: Node | None
    distinct: bool
    sort_row: str
    sort: tuple[SortKey, ...]
    aggregate: Aggregate | None

    def inside(self) -> Iterator[Node]:
        """The nodes that are evaluated with the query's rows in sight."""
        for relation in self.relations:
            yield relation.source
            yield relation.such_that
        yield from (node for node in (self.where, self.returns) if node is not None)
        yield from (key.by for key in self.sort if key.by is not None)
        if self.aggregate:
            yield self.aggregate.start
            yield self.aggregate.step

    def rows(self) -> frozenset[str]:
        names = {row for row, _, _ in self.sources} | {relation.row for relation in self.relations}
        return frozenset(names | {self.sort_row} | set(self.aggregate.names() if self.aggregate else ()))


FAILING = frozenset({"SingletonFrom", "Message", "PointFrom", "Subsumes", "SubsumedBy"})
PATIENT = frozenset({"Retrieve"})


class Nodes:
    """Makes nodes, each distinct one once."""

    def __init__(self) -> None:
        self._known: dict[tuple, Node] = {}

    def make(self, op: str, args: tuple[Node, ...], attributes: Mapping[str, Any], place: Place) -> Node:
        key = (op, tuple(arg.number for arg in args), frozenset(attributes.items()))
        found = self._known.get(key)
        if found is None:
            free = frozenset().union(*(arg.free for arg in args))
            if op == "Row":
                free |= {attributes["row"]}
            patient = op in PATIENT or any(arg.patient for arg in args)
            fails = op in FAILING or (op == "As" and bool(attributes.get("strict")))
            fails = fails or any(arg.may_fail for arg in args)
            found = Node(len(self._known), op, args, dict(attributes), place, free, patient, fails)
            self._known[key] = found
        return found

    def make_query(self, query: Query, place: Place, op: str = "Query") -> Node:
        inside = list(query.inside())
        sources = [source for _, _, source in query.sources]
        key = (op, _query_key(query))
        found = self._known.get(key)
        if found is None:
            free = frozenset().union(*(node.free for node in inside)) - query.rows()
            free = free.union(*(source.free for source in sources))
            everything = (*sources, *inside)
            patient = any(node.patient for node in everything)
            fails = any(node.may_fail for node in everything)
            found = Node(len(self._known), op, tuple(sources), {}, place, free, patient, fails, query)
            self._known[key] = found
        return found

    def __len__(self) -> int:
        return len(self._known)


def _query_key(query: Query) -> tuple:
    number = lambda node: None if node is None else node.number  # noqa: E731
    aggregate = query.aggregate
    return (
        tuple((row, source.number) for row, _, source in query.sources),
        tuple((one.keeps, one.row, one.source.number, one.such_that.number) for one in query.relations),
        number(query.where),
        number(query.returns),
        query.distinct,
        tuple((number(key.by), key.ascending) for key in query.sort),
        aggregate and (aggregate.total, aggregate.distinct, aggregate.start.number, aggregate.step.number),
    )


def children(node: Node) -> list[Node]:
    return [*node.args, *(node.query.inside() if node.query else ())]


def reachable(nodes: Iterable[Node]) -> list[Node]:
    """The nodes and all below them, each once."""
    seen: dict[int, Node] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.number not in seen:
            seen[node.number] = node
            waiting += children(node)
    return list(seen.values())
