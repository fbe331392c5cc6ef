"""Parses the part of FHIRPath that our views use: paths, functions, unions, comparisons, `and`, `or`, literals."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ehr_core.kernel.errors import BadRequest

TOKENS = re.compile(r"\s*(?:('(?:[^'])*')|(%\w+|\$this|[A-Za-z_]\w*|\d+)|(!=|[().,|=]))")


@dataclass(frozen=True)
class Literal:
    value: str | bool | int


@dataclass(frozen=True)
class Constant:
    """A view's constant (`%name`) or `%rowIndex`."""

    name: str


@dataclass(frozen=True)
class Step:
    """One element or function of a path; `arguments` is None for an element."""

    name: str
    arguments: tuple[Expression, ...] | None = None


@dataclass(frozen=True)
class Path:
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Union:
    """`a | b`: for a column, the first that is there."""

    options: tuple[Expression, ...]


@dataclass(frozen=True)
class Operation:
    """`=`, `!=`, `and`, `or`."""

    operator: str
    left: Expression
    right: Expression


Expression = Literal | Constant | Path | Union | Operation


def parse(text: str) -> Expression:
    """The expression, as a tree. Raises BadRequest when it is outside of the part that we understand."""
    parser = _Parser(text)
    expression = parser.either()
    if parser.position != len(parser.words):
        raise parser.unreadable()
    return expression


class _Parser:
    def __init__(self, text: str):
        self.text, self.position = text, 0
        self.words: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            match = TOKENS.match(text, at)
            if not match:
                raise self.unreadable()
            self.words.append(match[1] or match[2] or match[3])
            at = match.end()

    def unreadable(self) -> BadRequest:
        return BadRequest(f"The FHIRPath '{self.text}' of a view is outside of what flatten understands.")

    def peek(self) -> str | None:
        return self.words[self.position] if self.position < len(self.words) else None

    def take(self, expected: str | None = None) -> str:
        word = self.peek()
        if word is None or (expected is not None and word != expected):
            raise self.unreadable()
        self.position += 1
        return word

    def either(self) -> Expression:
        return self._joined("or", self.both)

    def both(self) -> Expression:
        return self._joined("and", self.comparison)

    def _joined(self, operator: str, part) -> Expression:
        left = part()
        while self.peek() == operator:
            self.take()
            left = Operation(operator, left, part())
        return left

    def comparison(self) -> Expression:
        left = self.union()
        if self.peek() in ("=", "!="):
            return Operation(self.take(), left, self.union())
        return left

    def union(self) -> Expression:
        options = [self.term()]
        while self.peek() == "|":
            self.take()
            options.append(self.term())
        return options[0] if len(options) == 1 else Union(tuple(options))

    def term(self) -> Expression:
        word = self.take()
        if word.startswith("'"):
            return Literal(word[1:-1])
        if word.isdigit():
            return Literal(int(word))
        if word in ("true", "false"):
            return Literal(word == "true")
        if word.startswith("%"):
            return Constant(word[1:])
        if word == "(":
            inner = self.either()
            self.take(")")
            return inner
        steps = [] if word == "$this" else [self._step(word)]
        while self.peek() == ".":
            self.take()
            steps.append(self._step(self.take()))
        return Path(tuple(steps))

    def _step(self, name: str) -> Step:
        if not name[0].isalpha():
            raise self.unreadable()
        if self.peek() != "(":
            return Step(name)
        self.take()
        arguments: list[Expression] = []
        while self.peek() != ")":
            arguments.append(self.either())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return Step(name, tuple(arguments))
