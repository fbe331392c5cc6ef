"""Parses FHIRPath into a tree: paths, functions, indexes, literals, constants and operators by precedence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ehr_core.kernel.errors import BadRequest

TOKENS = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | @(?P<moment>T[0-9:.]+ | \d{4}(?:-\d{2}(?:-\d{2})?)?(?:T(?:[0-9:.]+(?:Z|[+-]\d{2}:\d{2})?)?)?)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<quoted>`[^`]+`)
    | (?P<word>[%$]?[A-Za-z_]\w*)
    | (?P<mark>!=|<=|>=|[-+*/&().,|=<>{}\[\]])
    )""",
    re.VERBOSE,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
PRECEDENCE = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "!="),
    ("<", "<=", ">", ">="),
    ("|",),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
"""Operators from the loosest to the tightest; those of a row bind from left to right."""


@dataclass(frozen=True)
class Literal:
    """A value as written; `type` is its FHIR type, None for the empty collection `{}`. A number keeps its digits."""

    value: str
    type: str | None


@dataclass(frozen=True)
class Constant:
    """`%name`: a constant of the view, or `%rowIndex`."""

    name: str


@dataclass(frozen=True)
class Element:
    name: str


@dataclass(frozen=True)
class Function:
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Index:
    place: Expression


@dataclass(frozen=True)
class Path:
    """Steps from a start; without one they begin at the element that the path is asked of (`$this`)."""

    steps: tuple[Element | Function | Index, ...]
    start: Expression | None = None


@dataclass(frozen=True)
class Operation:
    operator: str
    left: Expression
    right: Expression


Expression = Literal | Constant | Path | Operation
ZERO = Literal("0", "integer")


def parse(text: str) -> Expression:
    """The expression as a tree. Raises BadRequest when it is not FHIRPath, or beyond what is understood here."""
    parser = _Parser(text)
    expression = parser.operation()
    if parser.peek() is not None:
        raise parser.unreadable()
    return expression


class _Parser:
    def __init__(self, text: str):
        self.text, self.position = text, 0
        self.words: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = TOKENS.match(text, at)
            if not match:
                raise self.unreadable()
            self.words.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()

    def unreadable(self) -> BadRequest:
        return BadRequest(f"'{self.text}' is not FHIRPath that is understood here")

    def peek(self) -> str | None:
        """The next word, unless it is a literal or a quoted name: those are no operators and no brackets."""
        if self.position == len(self.words):
            return None
        kind, word = self.words[self.position]
        return word if kind in ("word", "mark") else ""

    def take(self, expected: str | None = None) -> tuple[str, str]:
        if self.position == len(self.words) or (expected is not None and self.peek() != expected):
            raise self.unreadable()
        self.position += 1
        return self.words[self.position - 1]

    def operation(self, level: int = 0) -> Expression:
        if level == len(PRECEDENCE):
            return self.signed()
        left = self.operation(level + 1)
        while self.peek() in PRECEDENCE[level]:
            _, operator = self.take()
            left = Operation(operator, left, self.operation(level + 1))
        return left

    def signed(self) -> Expression:
        if self.peek() in ("-", "+"):
            _, sign = self.take()
            return Operation(sign, ZERO, self.signed())
        return self.path()

    def path(self) -> Expression:
        start, steps = self._start()
        while self.peek() in (".", "["):
            if self.take()[1] == ".":
                steps.append(self._step())
            else:
                steps.append(Index(self.operation()))
                self.take("]")
        if start is not None and not steps:
            return start
        return Path(tuple(steps), start)

    def _start(self) -> tuple[Expression | None, list[Element | Function | Index]]:
        kind, word = self.words[self.position] if self.position < len(self.words) else ("", "")
        if kind in LITERALS:
            self.take()
            return LITERALS[kind](word), []
        if word in ("true", "false"):
            self.take()
            return Literal(word, "boolean"), []
        if word.startswith("%"):
            self.take()
            return Constant(word[1:]), []
        if word == "$this":
            self.take()
            return None, []
        if word == "{":
            self.take()
            self.take("}")
            return Literal("", None), []
        if word == "(":
            self.take()
            inner = self.operation()
            self.take(")")
            return inner, []
        return None, [self._step()]

    def _step(self) -> Element | Function:
        kind, word = self.take()
        if kind == "quoted":
            return Element(word[1:-1])
        if kind != "word" or word[0] in "%$":
            raise self.unreadable()
        if self.peek() != "(":
            return Element(word)
        self.take()
        arguments: list[Expression] = []
        while self.peek() != ")":
            if arguments:
                self.take(",")
            arguments.append(self.operation())
        self.take(")")
        return Function(word, tuple(arguments))


def _text(word: str) -> Literal:
    def meaning(match: re.Match[str]) -> str:
        written = match[1]
        return chr(int(written[1:], 16)) if len(written) == 5 else ESCAPES.get(written, written)

    return Literal(ESCAPE.sub(meaning, word[1:-1]), "string")


def _moment(word: str) -> Literal:
    if word.startswith("T"):
        return Literal(word[1:], "time")
    return Literal(word.removesuffix("T"), "dateTime" if "T" in word else "date")


LITERALS: dict[str, Callable[[str], Literal]] = {
    "text": _text,
    "moment": _moment,
    "number": lambda word: Literal(word, "decimal" if "." in word else "integer"),
}
