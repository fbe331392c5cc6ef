"""Which resources made a definition true for whom: the logic of a criterion walked down to what it retrieved.

Parts that are joined by `and` or `or` are followed where they hold; a definition that gives resources, or a last or
first one, ends there: these are the facts. What is only said not to be has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipelines.measures.elm.columns import Choice, Column, Listing
from pipelines.measures.elm.engine import Result
from pipelines.measures.elm.lists import as_list
from pipelines.measures.elm.logic import truth
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.records import Elements, ElementTable
from pipelines.measures.elm.run import Run

JOINING = frozenset({"And", "Or"})
SAYING_NOT = frozenset({"Not", "IsNull", "IsFalse"})


@dataclass(frozen=True)
class Found:
    """Resources of one definition: of each the patient's row and its place in the element table."""

    definition: str
    table: ElementTable
    patients: np.ndarray
    rows: np.ndarray


class Names:
    """Definitions by node, without the name of the measure's own library."""

    def __init__(self, result: Result):
        self._named, self._own = result.compiled.program.named, f"{result.compiled.library.name}."

    def of(self, node: Node, otherwise: str) -> str:
        """The name of the node's definition or of what it tests for existence: the first that says something new."""
        for one in (node, *(node.args[:1] if node.op in ("Exists", "IsTrue", "IsNotNull") else ())):
            name = self._named.get(one.number, otherwise).removeprefix(self._own)
            if name != otherwise:
                return name
        return otherwise


def facts_of(
    result: Result, node: Node, definition: str, people: np.ndarray, *, all_parts: bool
) -> list[Found]:
    """What the criterion found for these people (a mask). `all_parts`: also what was looked at in vain."""
    walk = _Walk(result.run, Names(result), all_parts, definition)
    walk.visit(node, people, definition)
    return walk.found


class _Walk:
    """Facts go by the first named definition below the population's own: the condition that a reader knows."""

    def __init__(self, run: Run, names: Names, all_parts: bool, whole: str):
        self._run, self._names, self._all_parts, self._whole = run, names, all_parts, whole
        self._seen: dict[tuple[int, str], np.ndarray] = {}
        self.found: list[Found] = []

    def visit(self, node: Node, people: np.ndarray, definition: str) -> None:
        if definition == self._whole:
            definition = self._names.of(node, definition)
        people = self._not_seen(node, people, definition)
        if not people.any() or not node.patient or node.free:
            return
        if node.op in SAYING_NOT and not self._all_parts:
            return
        if node.op in JOINING:
            for part in node.args:
                holds = people if self._all_parts else people & self._true(part)
                self.visit(part, holds, definition)
            return
        found = list(resources(self._run.patient_column(node), people))
        self.found += [Found(definition, *one) for one in found]
        if not found:
            for part in node.args:
                self.visit(part, people, definition)

    def _true(self, node: Node) -> np.ndarray:
        return truth(self._run.patient_column(node)).values == 1

    def _not_seen(self, node: Node, people: np.ndarray, definition: str) -> np.ndarray:
        key = (node.number, definition)
        seen = self._seen.get(key)
        self._seen[key] = people if seen is None else seen | people
        return people if seen is None else people & ~seen


def resources(column: Column, people: np.ndarray) -> Iterator[tuple[ElementTable, np.ndarray, np.ndarray]]:
    """(table, patient rows, places) of the whole resources that the column holds for these people."""
    if isinstance(column, Choice):
        for part in column.alternatives:
            yield from resources(part, people)
    elif isinstance(column, Listing):
        listing = as_list(column)
        owners = listing.owners()
        for table, at, rows in _whole(listing.items):
            kept = people[owners[at]]
            if kept.any():
                yield table, owners[at][kept], rows[kept]
    else:
        for table, at, rows in _whole(column):
            kept = people[at]
            if kept.any():
                yield table, at[kept], rows[kept]


def _whole(column: Column) -> Iterator[tuple[ElementTable, np.ndarray, np.ndarray]]:
    """(table, positions, places) of the elements that are whole resources."""
    if isinstance(column, Choice):
        for part in column.alternatives:
            yield from _whole(part)
    elif isinstance(column, Elements) and "." not in column.table.path:
        at = np.flatnonzero(column.rows >= 0)
        yield column.table, at, column.rows[at]


def deciding_conditions(
    result: Result, node: Node, definition: str, people: np.ndarray, *, met: bool
) -> Mapping[int, str]:
    """By patient row, the definition that decides: the first part that holds (`met`), or that does not."""
    names = Names(result)
    decided: dict[int, str] = {}

    def visit(one: Node, wanted: np.ndarray, name: str) -> None:
        name = names.of(one, name)
        if not wanted.any():
            return
        splits = "Or" if met else "And"
        if one.op == splits:
            left = wanted
            for part in one.args:
                decides = (truth(result.run.patient_column(part)).values == 1) == met
                visit(part, left & decides, name)
                left = left & ~decides
            return
        for row in np.flatnonzero(wanted):
            decided.setdefault(int(row), name)

    visit(node, people, definition)
    return decided
