"""The rows of a view as SQL: its tree taken apart into branches, and each branch built up layer by layer.

A `unionAll` splits the tree: a branch holds one of its options each time. In a branch, every `forEach` or `repeat`
opens a layer over the one before. A layer works out, once a row, its own columns and the lists that later layers
go over; nothing else of it is carried on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ehr_core.kernel.errors import BadRequest, InvalidResource, Issue
from pipelines.flatten.expressions import Names, Scope
from pipelines.flatten.iterations import NO_ROWS, Opening, for_each, repeat
from pipelines.flatten.structure import Used
from pipelines.flatten.values import Value, located, must_be_yes_or_no
from pipelines.flatten.view_definitions import Located, Select, ViewColumn, ViewDefinition

STAGE = "{stage}"


@dataclass
class Layer:
    """What one layer works out, by name: columns of the view, and lists (`#1` is what layer 1 goes over)."""

    scope: Scope
    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    opening: Opening | None = None


@dataclass(eq=False)
class Branch:
    """One SELECT of a view: each layer a subquery over the one before."""

    layers: list[Layer]
    conditions: tuple[str, ...] = ()

    @property
    def names(self) -> Names:
        return self.layers[0].scope.names

    def open(self, parent: int, opening: Opening, where: str) -> int:
        number = len(self.layers)
        self.layers[parent].lists[f"#{number}"] = located(opening.listed, where)
        self.layers.append(Layer(opening.scope, opening=opening))
        return number

    def sql(self) -> str:
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        first = self.layers[0]
        sql = f"SELECT {listed(first.texts | first.lists)} FROM {STAGE} AS s{where}"
        carried = [*first.texts, *first.lists]
        for number, layer in enumerate(self.layers[1:], start=1):
            carried.remove(f"#{number}")
            kept = [f'f."{name}"' for name in carried]
            opened = layer.opening.rows(sql, f'"#{number}"', [f'"{name}"' for name in carried])
            own = layer.texts | layer.lists
            sql = f"SELECT {', '.join(kept + ([listed(own)] if own else []))} FROM ({opened}) AS f"
            carried += own
        return self.names.with_structures(sql)


@dataclass(frozen=True)
class Step:
    """A step of a branch: a select is entered, or one of its columns is added."""

    select: Select
    parent: Select | None
    column: ViewColumn | None = None


AddColumn = Callable[[Branch, Layer, ViewColumn], None]


def compile_branches(view: ViewDefinition, used: Used, add_column: AddColumn) -> list[Branch]:
    """The branches of a view, after noting in `used` what they read; `add_column` puts a column into its layer.

    Raises InvalidResource with every path that is not understood or whose types do not fit.
    """
    compilation = _Compilation(view, used, add_column)
    built = compilation.branches()
    if compilation.walked:  # only now is it known what is kept as JSON, because a `repeat` goes over it
        built = compilation.branches()
    return built


def steps_of(select: Select, parent: Select | None = None) -> list[list[Step]]:
    """The ways through the tree below a select, each the steps in order."""
    ways = [[Step(select, parent), *(Step(select, parent, column) for column in select.columns)]]
    parts = [steps_of(inner, select) for inner in select.selects]
    if select.unions:
        parts.append([way for option in select.unions for way in steps_of(option, select)])
    for options in parts:
        ways = [way + option for way in ways for option in options]
    return ways


@dataclass
class _Compilation:
    view: ViewDefinition
    used: Used
    add_column: AddColumn
    walked: dict[str, Used] = field(default_factory=dict)
    issues: dict[str, str] = field(default_factory=dict)

    def branches(self) -> list[Branch]:
        conditions = tuple(filter(None, map(self._condition, self.view.conditions)))
        built = [self._branch(steps, conditions) for steps in steps_of(self.view.root)]
        if self.issues:
            raise InvalidResource([Issue(where, f"{message}.") for where, message in self.issues.items()])
        return built

    def _top(self) -> Scope:
        return Scope(Value("s", self.view.resource, self.used), Names(self.view.constants))

    def _condition(self, path: Located) -> str | None:
        try:
            value = self._top().value(path.expression)
            must_be_yes_or_no(value, "where")
            return located(f"({value.single(path.text).sql}) IS TRUE", path.where)
        except BadRequest as error:
            self.issues[path.where] = error.message
            return None

    def _branch(self, steps: list[Step], conditions: tuple[str, ...]) -> Branch:
        branch = Branch([Layer(self._top())], conditions)
        layer_of: dict[str, int] = {}
        for step in steps:
            if step.column is None:
                parent = layer_of[step.parent.where] if step.parent else 0
                layer_of[step.select.where] = self._entered(branch, step.select, parent)
                continue
            try:
                self.add_column(branch, branch.layers[layer_of[step.select.where]], step.column)
            except BadRequest as error:
                self.issues[step.column.path.where] = error.message
        return branch

    def _entered(self, branch: Branch, select: Select, parent: int) -> int:
        if select.iteration is None:
            return parent
        scope = branch.layers[parent].scope
        try:
            opening = (
                repeat(scope, select, self.walked)
                if select.iteration == "repeat"
                else for_each(scope, select)
            )
        except BadRequest as error:
            self.issues[select.paths[0].where] = error.message
            opening = NO_ROWS
        return branch.open(parent, opening, select.paths[0].where)


def listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
