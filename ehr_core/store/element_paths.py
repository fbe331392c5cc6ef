"""The small part of FHIRPath that points at elements: Patient.contact.where(gender='female')[0].name, first(), last().

What computes (arithmetic, functions over values) is not understood here, and is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_]*)|'((?:[^'\\]|\\.)*)'|(-?\d+(?:\.\d+)?)|([.\[\]()=]))")
LONGEST_PATH = 2000
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
FUNCTIONS = ("where", "first", "last", "ofType", "as", "extension")


class PathNotUnderstood(ValueError):
    """The sentence says which part."""


@dataclass(frozen=True)
class Place:
    """One element: `holder[key]` is its value; `name` is the element's."""

    holder: Any
    key: Any
    name: str

    @property
    def value(self) -> Any:
        return self.holder[self.key]


@dataclass(frozen=True)
class Step:
    """A name, an index or a function with its argument."""

    kind: str
    value: Any = None


@dataclass(frozen=True)
class Equality:
    """`path = literal` inside where()."""

    path: tuple[Step, ...]
    literal: Any


def steps_of(path: str) -> list[Step]:
    """The path's steps. Raises PathNotUnderstood."""
    if len(path) > LONGEST_PATH:
        raise PathNotUnderstood(f"is longer than {LONGEST_PATH} characters")
    parser = _Parser(path)
    found = parser.steps()
    parser.expect_end()
    return found


def places(resource: dict[str, Any], steps: list[Step]) -> list[Place]:
    """The elements at these steps, in document order; lists are walked item by item."""
    found = [Place({"": resource}, "", resource.get("resourceType", ""))]
    if steps and steps[0] == Step("name", resource.get("resourceType")):
        steps = steps[1:]
    for step in steps:
        found = _stepped(found, step)
    return found


def _stepped(found: list[Place], step: Step) -> list[Place]:
    if step.kind == "name":
        return [inner for place in found for inner in _children(place, step.value)]
    if step.kind == "index":
        return found[step.value : step.value + 1]
    if step.kind == "first":
        return found[:1]
    if step.kind == "last":
        return found[-1:]
    if step.kind == "where":
        return [place for place in found if all(_holds(place, each) for each in step.value)]
    if step.kind == "extension":
        inner = [each for place in found for each in _children(place, "extension")]
        return [place for place in inner if place.value.get("url") == step.value]
    suffix = step.value[:1].upper() + step.value[1:]
    return [place for place in found if place.key == f"{place.name}{suffix}" or place.name == place.key]


def _children(place: Place, name: str) -> list[Place]:
    """`value` also finds valueQuantity and its like: in FHIRPath a choice has one name."""
    node = place.value
    if not isinstance(node, dict):
        return []
    keys = [name] if name in node else [key for key in node if re.fullmatch(rf"{name}[A-Z]\w*", key)]
    found = []
    for key in keys:
        value = node[key]
        if isinstance(value, list):
            found += [Place(value, index, name) for index in range(len(value))]
        else:
            found.append(Place(node, key, name))
    return found


def _holds(place: Place, equality: Equality) -> bool:
    inner = [place]
    for step in equality.path:
        inner = _stepped(inner, step)
    return any(each.value == equality.literal for each in inner)


class _Parser:
    def __init__(self, path: str):
        self.tokens: list[tuple[str, Any]] = []
        end = 0
        text = path.strip()
        while end < len(text):
            found = TOKEN.match(text, end)
            if not found:
                raise PathNotUnderstood("has a character that a path to an element does not have")
            self.tokens.append(_token(found))
            end = found.end()
        self.at = 0

    def steps(self) -> list[Step]:
        found = [self._named()]
        while True:
            if self._take("sign", "."):
                found.append(self._named())
            elif self._take("sign", "["):
                kind, value = self._next()
                if kind != "number" or not isinstance(value, int) or value < 0:
                    raise PathNotUnderstood("has an index that is no whole number")
                self._must("]")
                found.append(Step("index", value))
            else:
                return found

    def expect_end(self) -> None:
        if self.at != len(self.tokens):
            raise PathNotUnderstood("goes on after the element's path")

    def _named(self) -> Step:
        kind, name = self._next()
        if kind != "name":
            raise PathNotUnderstood("needs an element's name after each dot")
        if not self._take("sign", "("):
            return Step("name", name)
        if name not in FUNCTIONS:
            raise PathNotUnderstood(f"calls a function other than {', '.join(FUNCTIONS)}")
        argument = self._argument(name)
        self._must(")")
        return Step("ofType" if name == "as" else name, argument)

    def _argument(self, name: str) -> Any:
        if name in ("first", "last"):
            return None
        if name == "where":
            equalities = [self._equality()]
            while self._take("name", "and"):
                equalities.append(self._equality())
            return tuple(equalities)
        kind, value = self._next()
        if kind != ("text" if name == "extension" else "name"):
            raise PathNotUnderstood(f"needs a {'text' if name == 'extension' else 'type'} inside {name}()")
        return value

    def _equality(self) -> Equality:
        path = tuple(self.steps())
        self._must("=")
        kind, value = self._next()
        if kind == "name" and value in ("true", "false"):
            kind, value = "boolean", value == "true"
        if kind not in ("text", "number", "boolean"):
            raise PathNotUnderstood("compares with something that is no text, number or boolean")
        return Equality(path, value)

    def _next(self) -> tuple[str, Any]:
        if self.at == len(self.tokens):
            raise PathNotUnderstood("ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _take(self, kind: str, value: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == (kind, value):
            self.at += 1
            return True
        return False

    def _must(self, sign: str) -> None:
        if not self._take("sign", sign):
            raise PathNotUnderstood(f"lacks a '{sign}'")


def _token(found: re.Match[str]) -> tuple[str, Any]:
    name, text, number, sign = found.groups()
    if name is not None:
        return "name", name
    if text is not None:
        return "text", re.sub(r"\\(.)", lambda escape: ESCAPED.get(escape[1], escape[1]), text)
    if number is not None:
        return "number", float(number) if "." in number else int(number)
    return "sign", sign
