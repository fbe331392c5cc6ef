"""FHIRPath's functions as SQL, one after the other: how many arguments each takes, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.boundaries import boundary
from pipelines.flatten.fhirpath import Element, Expression, Function, Literal, Operation, Path
from pipelines.flatten.values import EMPTY, NOTHING, Value, must_be_yes_or_no, quoted, truth

if TYPE_CHECKING:
    from pipelines.flatten.expressions import Scope


@dataclass(frozen=True)
class Known:
    """A function: what it does with the value that it is asked of, and the number of its arguments."""

    gives: Callable[[Scope, Value, Function], Value]
    arguments: range = range(1)
    of_nothing: Value | None = None
    """What it gives where the value is empty for certain; None: it looks itself."""


def apply(scope: Scope, value: Value, step: Function) -> Value:
    """Raises BadRequest when there is no such function here, or it is asked wrongly."""
    known = FUNCTIONS.get(step.name)
    if known is None:
        raise BadRequest(
            f"the function {step.name}() is not known here; known are {', '.join(sorted(FUNCTIONS))}"
        )
    if len(step.arguments) not in known.arguments:
        wanted = " or ".join(str(number) for number in known.arguments)
        raise BadRequest(f"{step.name}() takes {wanted} arguments, not {len(step.arguments)}")
    if value.kind == NOTHING and known.of_nothing is not None:
        return known.of_nothing
    return known.gives(scope, value, step)


def _where(scope: Scope, value: Value, step: Function) -> Value:
    return scope.where(value, step.arguments[0])


def _exists(scope: Scope, value: Value, step: Function) -> Value:
    return truth((scope.where(value, step.arguments[0]) if step.arguments else value).is_there)


def _empty(scope: Scope, value: Value, step: Function) -> Value:
    return truth(f"(NOT {value.is_there})")


def _not(scope: Scope, value: Value, step: Function) -> Value:
    must_be_yes_or_no(value, "not()")
    return truth(f"(NOT {value.single('not()').sql})")


def _first(scope: Scope, value: Value, step: Function) -> Value:
    return value.first


def _last(scope: Scope, value: Value, step: Function) -> Value:
    return value.one_of(f"({value.items})[-1]")


def _count(scope: Scope, value: Value, step: Function) -> Value:
    return Value(f"coalesce(len({value.items}), 0)", "integer")


def _join(scope: Scope, value: Value, step: Function) -> Value:
    _must_be(value, "text", step)
    separator = _text(step.arguments[0], step) if step.arguments else ""
    return Value(f"coalesce(array_to_string({value.items}, {quoted(separator)}), '')", "string")


def _extension(scope: Scope, value: Value, step: Function) -> Value:
    listed = scope.plain_element(value, "extension")
    url = Literal(_text(step.arguments[0], step), "string")
    return scope.where(listed, Operation("=", Path((Element("url"),)), url))


def _resource_key(scope: Scope, value: Value, step: Function) -> Value:
    return scope.plain_element(value, "id")


def _reference_key(scope: Scope, value: Value, step: Function) -> Value:
    """The id of a relative reference, which is what `getResourceKey()` gives there; of another server's, none."""
    if value.type != "Reference":
        raise BadRequest(f"getReferenceKey() is asked of a Reference, not of {value.in_words}")
    reference = scope.plain_element(value, "reference")
    if step.arguments:
        is_meant = f"starts_with({{0}}, '{type_named(step)}/')"
    else:
        is_meant = "regexp_matches({0}, '^[A-Z][A-Za-z]+/')"
    key = f"CASE WHEN {is_meant} THEN split_part({{0}}, '/', 2) END"
    if not reference.many:
        return Value(key.format(reference.sql), "id")
    sql = f"list_transform({reference.sql}, lambda r: {key.format('r')})"
    return Value(sql, "id", many=True, holes=True)


def _boundary(scope: Scope, value: Value, step: Function) -> Value:
    return boundary(value.single(f"{step.name}()"), high=step.name == "highBoundary")


def _matches(scope: Scope, value: Value, step: Function) -> Value:
    _must_be(value, "text", step)
    pattern = quoted(_text(step.arguments[0], step))
    return truth(f"regexp_matches({value.single('matches()').sql}, {pattern})")


def _starts_with(scope: Scope, value: Value, step: Function) -> Value:
    _must_be(value, "text", step)
    start = quoted(_text(step.arguments[0], step))
    return truth(f"starts_with({value.single('startsWith()').sql}, {start})")


def _substring(scope: Scope, value: Value, step: Function) -> Value:
    """Empty where it starts beyond the end, as in FHIRPath."""
    _must_be(value, "text", step)
    text = value.single("substring()").sql
    start, *length = (_whole(argument, step) for argument in step.arguments)
    cut = f"substr({text}, {start + 1}{f', {length[0]}' if length else ''})"
    return Value(f"CASE WHEN length({text}) > {start} THEN {cut} END", "string")


def type_named(step: Function) -> str:
    """The type that `ofType(...)` or `getReferenceKey(...)` names."""
    match step.arguments:
        case (Path(steps=(Element(name=name),), start=None),) if name.isalnum():
            return name
        case (Path(steps=(Element(name="FHIR" | "System"), Element(name=name)), start=None),) if (
            name.isalnum()
        ):
            return name
    raise BadRequest(f"{step.name}(...) takes the name of a type, such as {step.name}(Patient)")


def _must_be(value: Value, kind: str, step: Function) -> None:
    if value.kind != kind:
        raise BadRequest(f"{step.name}() is asked of a text, not of {value.in_words}")


def _text(argument: Expression, step: Function) -> str:
    if not isinstance(argument, Literal) or argument.type != "string":
        raise BadRequest(f"{step.name}() takes a text in quotes")
    return argument.value


def _whole(argument: Expression, step: Function) -> int:
    if not isinstance(argument, Literal) or argument.type != "integer":
        raise BadRequest(f"{step.name}() takes whole numbers")
    return int(argument.value)


ONE = range(1, 2)
NONE_OR_ONE = range(2)
NO_TEXT = replace(EMPTY, sql="''", type="string")
FUNCTIONS: dict[str, Known] = {
    "count": Known(_count, of_nothing=Value("0", "integer")),
    "empty": Known(_empty, of_nothing=truth("TRUE")),
    "exists": Known(_exists, NONE_OR_ONE, truth("FALSE")),
    "extension": Known(_extension, ONE, EMPTY),
    "first": Known(_first),
    "getReferenceKey": Known(_reference_key, NONE_OR_ONE, EMPTY),
    "getResourceKey": Known(_resource_key, of_nothing=EMPTY),
    "highBoundary": Known(_boundary, of_nothing=EMPTY),
    "join": Known(_join, NONE_OR_ONE, NO_TEXT),
    "last": Known(_last, of_nothing=EMPTY),
    "lowBoundary": Known(_boundary, of_nothing=EMPTY),
    "matches": Known(_matches, ONE, EMPTY),
    "not": Known(_not, of_nothing=EMPTY),
    "startsWith": Known(_starts_with, ONE, EMPTY),
    "substring": Known(_substring, range(1, 3), EMPTY),
    "where": Known(_where, ONE, EMPTY),
}
"""`ofType` is a step of the path itself: it decides which column is read."""
