"""Turns a parsed path into DuckDB SQL over typed columns, and notes every element that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.fhirpath import Constant, Expression, Literal, Operation, Path, Step, Union
from pipelines.flatten.structure import Used

CHOICE_NAMES = {
    "dateTime": "DateTime",
    "instant": "Instant",
    "boolean": "Boolean",
    "integer": "Integer",
    "code": "Code",
}


@dataclass(frozen=True)
class Value:
    """SQL for a value. `used` describes its elements; None for a plain SQL value. `many` means a list."""

    sql: str
    used: Used | None = None
    many: bool = False

    @property
    def one(self) -> str:
        """SQL for the first value that is there."""
        return f"list_filter({self.sql}, lambda v: v IS NOT NULL)[1]" if self.many else self.sql


@dataclass
class Scope:
    """Where a path starts: the resource's own columns (`alias.`), or an item of a `forEach`."""

    used: Used
    prefix: str
    row_index: str | None = None
    constants: Mapping[str, Expression] | None = None

    def __post_init__(self) -> None:
        self._variables = count(1)

    def value(self, expression: Expression) -> Value:
        match expression:
            case Literal(value=value):
                return Value(_literal(value))
            case Constant(name=name):
                return self._constant(name)
            case Union(options=options):
                return Value(f"coalesce({', '.join(self.value(option).one for option in options)})")
            case Operation(operator=operator, left=left, right=right):
                return Value(f"({self.value(left).one} {operator.upper()} {self.value(right).one})")
            case Path(steps=steps):
                return self._walk(steps)

    def _constant(self, name: str) -> Value:
        if name == "rowIndex" and self.row_index:
            return Value(self.row_index)
        if self.constants and name in self.constants:
            return self.value(self.constants[name])
        raise BadRequest(f"A view uses %{name}, which it does not define.")

    def _walk(self, steps: tuple[Step, ...]) -> Value:
        value = Value(self.prefix, self.used)
        waiting: Step | None = None
        for position, step in enumerate(steps):
            if step.arguments is None and _is_choice(steps, position):
                waiting = step
            elif waiting is not None:
                value = self._element(value, waiting.name + _choice_suffix(step))
                waiting = None
            elif step.arguments is None:
                value = self._element(value, step.name)
            else:
                value = self._function(value, step)
        return value

    def _element(self, value: Value, name: str) -> Value:
        if value.used is None:
            raise BadRequest(f"A view asks for '{name}' of a value that has no elements.")
        used = value.used.part(name)
        if not value.many:
            return Value(f'{value.sql}."{name}"', used, used.repeats)
        variable = f"x{next(self._variables)}"
        each = f'list_transform({value.sql}, lambda {variable}: {variable}."{name}")'
        return Value(f"flatten({each})" if used.repeats else each, used, True)

    def _function(self, value: Value, step: Step) -> Value:
        arguments = step.arguments or ()
        match step.name:
            case "first":
                return Value(value.one, value.used)
            case "exists":
                return Value(f"({value.one} IS NOT NULL)")
            case "getResourceKey":
                return self._element(value, "id")
            case "getReferenceKey":
                return self._reference_key(value, arguments)
            case "extension":
                listed = self._element(value, "extension")
                return self._filtered(listed, Operation("=", Path((Step("url"),)), arguments[0]))
            case "where":
                return self._filtered(value, arguments[0])
        raise BadRequest(f"A view uses the function {step.name}(), which flatten does not know.")

    def _reference_key(self, value: Value, arguments: tuple[Expression, ...]) -> Value:
        reference = self._element(value, "reference")
        type_name = arguments[0].steps[0].name
        key = "CASE WHEN starts_with({0}, '" + type_name + "/') THEN split_part({0}, '/', 2) END"
        if not reference.many:
            return Value(key.format(reference.sql))
        return Value(f"list_transform({reference.sql}, lambda r: {key.format('r')})", None, True)

    def _filtered(self, value: Value, condition: Expression) -> Value:
        if not value.many or value.used is None:
            raise BadRequest("A view filters an element that does not repeat.")
        variable = f"x{next(self._variables)}"
        item = Scope(value.used, variable, constants=self.constants)
        item._variables = self._variables
        return Value(
            f"list_filter({value.sql}, lambda {variable}: {item.value(condition).sql})", value.used, True
        )


def _is_choice(steps: tuple[Step, ...], position: int) -> bool:
    return position + 1 < len(steps) and steps[position + 1].name == "ofType"


def _choice_suffix(step: Step) -> str:
    name = step.arguments[0].steps[0].name
    return CHOICE_NAMES.get(name, name)


def _literal(value: str | bool | int) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()
