"""Turns a parsed expression into DuckDB SQL over typed columns, and notes every element that it uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten import fhirpath
from pipelines.flatten.fhirpath import Element, Expression, Function, Index
from pipelines.flatten.functions import apply, type_named
from pipelines.flatten.operators import operate
from pipelines.flatten.structure import ANY_RESOURCE, Used
from pipelines.flatten.values import EMPTY, NOTHING, Value, literal, must_be_yes_or_no, quoted, truth


@dataclass
class Names:
    """What all expressions of a view share: its constants, lambda variables, and elements that are read from JSON."""

    constants: Mapping[str, Value] = field(default_factory=dict)
    read_from_json: list[Used] = field(default_factory=list)
    variables: count = field(default_factory=lambda: count(1))

    def variable(self) -> str:
        return f"x{next(self.variables)}"

    def structure_of(self, used: Used) -> str:
        """Stands for the structure of one item of it, which is known once the whole view is compiled."""
        self.read_from_json.append(used)
        return f"{{structure {len(self.read_from_json) - 1}}}"

    def with_structures(self, sql: str) -> str:
        for place, used in enumerate(self.read_from_json):
            sql = sql.replace(f"{{structure {place}}}", quoted(json.dumps(used.inner_structure())))
        return sql


@dataclass(frozen=True)
class Choice:
    """An element such as value[x], of which the type is still open."""

    parent: Value
    name: str
    options: tuple[str, ...]


@dataclass
class Scope:
    """Where paths start: a resource, or an item of a `forEach`, `repeat` or `where`."""

    this: Value
    names: Names = field(default_factory=Names)
    row_index: str = "0"

    def value(self, expression: Expression) -> Value:
        """Raises BadRequest for an element, function or constant that there is not, and for types that do not fit."""
        match expression:
            case fhirpath.Literal(value=text, type=type_name):
                return literal(text, type_name)
            case fhirpath.Constant(name=name):
                return self._constant(name)
            case fhirpath.Operation(operator=operator, left=left, right=right):
                return operate(operator, self.value(left), self.value(right))
            case fhirpath.Path(steps=steps, start=start):
                return self._walk(steps, start)

    def item(self, value: Value, sql: str) -> Scope:
        """The scope of one item of a value."""
        return Scope(value.one_of(sql), self.names, self.row_index)

    def typed(self, value: Value) -> Value:
        """The value with its elements at hand, when it was kept as JSON so far."""
        if value.used is None or not value.used.raw:
            return value
        structure = self.names.structure_of(value.used)
        sql = f"from_json({value.sql}, {structure})"
        if value.many:
            sql = f"list_transform({value.sql}, lambda j: from_json(j, {structure}))"
        return replace(value, sql=sql, used=replace(value.used, raw=False))

    def element(self, value: Value, name: str) -> Value | Choice:
        if value.kind == NOTHING:
            return EMPTY
        if value.used is None or (value.used.primitive and name != "extension"):
            raise BadRequest(f"'{name}' is asked of {value.in_words}, which has no elements")
        if value.used.primitive:
            return self._of_primitive(value, name)
        value = self.typed(value)
        if options := value.used.choices(name):
            return Choice(value, name, options)
        return self._part(value, name)

    def plain_element(self, value: Value, name: str) -> Value:
        found = self.element(value, name)
        if isinstance(found, Choice):
            raise open_choice(found)
        return found

    def _part(self, value: Value, name: str) -> Value:
        used = value.used.part(name)
        part = Value(f'{value.sql}."{name}"', used.type_name, used)
        part = replace(part, many=used.repeats, digits=part.kind in ("integer", "decimal"))
        if not value.many:
            return replace(part, holes=used.repeats and used.primitive, origin=(value, name))
        variable = self.names.variable()
        each = f'list_transform({value.sql}, lambda {variable}: {variable}."{name}")'
        sql = f"flatten({each})" if used.repeats else each
        return replace(part, sql=sql, many=True, holes=used.primitive or not used.repeats)

    def _of_primitive(self, value: Value, name: str) -> Value:
        """Extensions of a primitive stand in a sibling with an underscore."""
        if value.origin is None or value.many:
            raise BadRequest(f"'{name}' of a text, number or date is read where that does not repeat")
        parent, own_name = value.origin
        return self._part(self._part(parent, f"_{own_name}"), name)

    def _constant(self, name: str) -> Value:
        if name == "rowIndex":
            return Value(self.row_index, "integer")
        if name not in self.names.constants:
            raise BadRequest(f"%{name} is not among the constants of the view")
        return self.names.constants[name]

    def _walk(self, steps: tuple[Element | Function | Index, ...], start: Expression | None) -> Value:
        found: Value | Choice = self.this if start is None else self.value(start)
        for position, step in enumerate(steps):
            if position == 0 and start is None and self._is_own_type(step):
                continue
            found = self._step(found, step)
        if isinstance(found, Choice):
            raise open_choice(found)
        return found

    def _is_own_type(self, step: Element | Function | Index) -> bool:
        """`Patient.name` is `name` where the view is of patients."""
        return isinstance(step, Element) and step.name == self.this.type and step.name[0].isupper()

    def _step(self, found: Value | Choice, step: Element | Function | Index) -> Value | Choice:
        if isinstance(step, Function) and step.name == "ofType":
            return self._of_type(found, type_named(step))
        if isinstance(found, Choice):
            return self._of_choice(found, step)
        match step:
            case Element(name=name):
                return self.element(found, name)
            case Index(place=place):
                return self._indexed(found, place)
            case Function():
                return apply(self, found, step)

    def _of_type(self, found: Value | Choice, type_name: str) -> Value:
        if isinstance(found, Choice):
            name = found.name + type_name[0].upper() + type_name[1:]
            if name not in found.options:
                raise BadRequest(f"{found.parent.type}.{found.name} is never a {type_name} in FHIR R4")
            return self._part(found.parent, name)
        if found.type != ANY_RESOURCE:
            return found if found.type == type_name else EMPTY
        found = self.typed(found)
        found.used.part("resourceType")
        found = replace(found, type=type_name, used=found.used.as_resource(type_name))
        return self.filtered(found, lambda item: truth(f"{item.this.sql}.\"resourceType\" = '{type_name}'"))

    def _of_choice(self, choice: Choice, step: Element | Function | Index) -> Value:
        if not isinstance(step, Function) or step.name not in ("exists", "empty") or step.arguments:
            raise open_choice(choice)
        there = " OR ".join(self._part(choice.parent, name).is_there for name in choice.options)
        return truth(f"({there})" if step.name == "exists" else f"(NOT ({there}))")

    def _indexed(self, found: Value, place: Expression) -> Value:
        index = self.value(place)
        if index.kind != "integer" or index.many:
            raise BadRequest(f"[ ] takes one whole number, not {index.in_words}")
        if found.kind == NOTHING:
            return EMPTY
        return found.one_of(f"({found.items})[{index.native.sql} + 1]")

    def filtered(self, value: Value, criterion) -> Value:
        """The items for which `criterion(scope of the item)` is true."""
        if value.kind == NOTHING:
            return EMPTY
        value = self.typed(value)
        if not value.many:
            return value.one_of(
                f"CASE WHEN {criterion(self.item(value, value.sql)).sql} THEN {value.sql} END"
            )
        variable = self.names.variable()
        wanted = criterion(self.item(value, variable)).sql
        sql = f"list_filter({value.sql}, lambda {variable}: {wanted})"
        return replace(value, sql=sql, first_sql=None)

    def where(self, value: Value, criterion: Expression) -> Value:
        def judged(item: Scope) -> Value:
            found = item.value(criterion)
            must_be_yes_or_no(found, "where(...)")
            return replace(found.single("the criterion of where(...)"), type="boolean")

        return self.filtered(value, judged)


def open_choice(choice: Choice) -> BadRequest:
    types = ", ".join(option.removeprefix(choice.name) for option in choice.options[:4])
    return BadRequest(
        f"{choice.parent.type}.{choice.name} may have several types ({types} …): choose one with ofType(...)"
    )
