"""Running: nodes evaluated over whole columns, each once, in the outermost frame that knows what they read.

A frame is a set of rows: one constant row, one row per patient, or the rows of a query. What an inner frame does not
change is computed in the outer one and taken along (a hospice stay once per patient, not once per visit).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pipelines.measures.elm.columns import Column, Null, Rows
from pipelines.measures.elm.equality import Equality
from pipelines.measures.elm.nodes import Node, reachable
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.spans import Comparer
from pipelines.measures.elm.terminology import Terminology


class Frame:
    """Rows in sight of one another's names. `up`: of each row, the row of the parent that it belongs to."""

    def __init__(
        self,
        rows: int,
        parent: Frame | None = None,
        up: Rows | None = None,
        names: Mapping[str, Column] | None = None,
        *,
        patients: bool = False,
        guarded: bool = False,
    ):
        self.rows, self.parent, self.up = rows, parent, up
        self.names = dict(names or {})
        self.patients, self.guarded = patients, guarded
        self.memo: dict[int, Column] = {}
        self._ups: dict[int, Rows | None] = {}

    def rows_in(self, ancestor: Frame) -> Rows | None:
        """Of each row, the ancestor's row; None when the frame is the ancestor."""
        key = id(ancestor)
        if key not in self._ups:
            rows, at = None, self
            while at is not ancestor:
                rows = at.up if rows is None else at.up[rows]
                at = at.parent
            self._ups[key] = rows
        return self._ups[key]

    def only(self, rows: Rows) -> Frame:
        """Some of the rows, with the same names."""
        names = {name: column.take(rows) for name, column in self.names.items()}
        return Frame(len(rows), self.parent, self.up[rows], names)


@dataclass
class RunError:
    """A run-time error: which patients it makes not evaluable, where and why."""

    message: str
    place: str
    patients: Rows
    node: int
    unsupported: bool = False


Operation = Callable[["Run", Node, Frame], Column]
OPERATIONS: dict[str, Operation] = {}


def operation(*names: str) -> Callable[[Operation], Operation]:
    """Registers what evaluates the named operations."""

    def register(function: Operation) -> Operation:
        for name in names:
            OPERATIONS[name] = function
        return function

    return register


class Run:
    """One evaluation: patients, parameters and a moment that is `now`."""

    def __init__(
        self,
        records: Records,
        terminology: Terminology,
        parameters: Mapping[str, Column],
        patients: Rows | None = None,
        now: datetime | None = None,
        *,
        strict: bool = False,
    ):
        self.records, self.terminology, self.parameters = records, terminology, dict(parameters)
        self.texts = records.texts
        self.comparer = Comparer(self.texts)
        self.equality = Equality(self.comparer)
        self.patients = np.arange(records.patients) if patients is None else patients
        self.now = now or datetime.now(UTC)
        self.strict = strict
        self.errors: list[RunError] = []
        self.constant = Frame(1)
        self.root = Frame(
            len(self.patients), self.constant, np.zeros(len(self.patients), np.int64), patients=True
        )

    def patient_column(self, node: Node) -> Column:
        """A definition's value, one row per patient."""
        return self.value(node, self.root)

    def value(self, node: Node, frame: Frame) -> Column:
        """The node's value for every row of the frame."""
        home = _home(node, frame)
        column = home.memo.get(node.number)
        if column is None:
            column = home.memo[node.number] = self._computed(node, home)
        rows = frame.rows_in(home)
        return column if rows is None else column.take(rows)

    def _computed(self, node: Node, frame: Frame) -> Column:
        """An operation that cannot be done is null and a run-time error; it does not stop the others."""
        function = OPERATIONS.get(node.op)
        if function is None:
            self.fail(node, frame, np.ones(frame.rows, bool), f"the operator {node.op} is not supported")
            return Null(frame.rows)
        if self.strict:
            return function(self, node, frame)
        try:
            return function(self, node, frame)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.fail(node, frame, np.ones(frame.rows, bool), f"{node.op} failed ({type(error).__name__})")
            return Null(frame.rows)

    def args(self, node: Node, frame: Frame) -> list[Column]:
        return [self.value(arg, frame) for arg in node.args]

    def fail(self, node: Node, frame: Frame, rows: np.ndarray, message: str) -> None:
        """Notes a run-time error for the patients of these rows."""
        where = np.flatnonzero(rows)
        if not len(where):
            return
        if frame is self.constant:
            patients = np.arange(self.root.rows)
        else:
            up = frame.rows_in(self.root)
            patients = np.unique(where if up is None else up[where])
        self.errors.append(
            RunError(message, str(node.place), patients, node.number, node.op == "Unsupported")
        )

    def errors_below(self, *nodes: Node) -> list[RunError]:
        """The run-time errors that the nodes' values rest on, also those met first by another measure."""
        if not self.errors:
            return []
        numbers = {node.number for node in reachable(nodes)}
        return [error for error in self.errors if error.node in numbers]


def _home(node: Node, frame: Frame) -> Frame:
    at = frame
    while at.parent is not None:
        if at.patients and node.patient:
            return at
        if at.guarded and node.may_fail:
            return at
        if node.free and not node.free.isdisjoint(at.names):
            return at
        at = at.parent
    return at
