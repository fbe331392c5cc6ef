"""Reads a FHIRPath expression into a tree. Expressions come from packages: length and depth are bounded.

A tree is nested tuples: ("name", text), ("call", function, arguments), ("step", left, right), ("item", left, index),
("literal", value), ("constant", name), ("sign", operator, operand), ("both", operator, left, right),
("type", "is" or "as", left, type name).
Source: FHIRPath 2.0.0, grammar and precedence.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

LONGEST_EXPRESSION = 5000
DEEPEST = 40
"""Levels of brackets and calls; HL7's own rules need about ten."""
TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<date>@T?\d[\dT:.+\-Z]*)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<quoted>`(?:[^`\\]|\\.)*`)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{}%$])""",
    re.VERBOSE | re.DOTALL,
)
PRECEDENCE = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<=", "<", ">", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
"""From what binds last to what binds first."""
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
Tree = tuple[Any, ...]
Token = tuple[str, str]


class NotUnderstood(ValueError):
    """The expression is no FHIRPath, or has something in it that is not evaluated here. Says what, in words."""


@lru_cache(maxsize=4096)
def parsed(expression: str) -> Tree:
    """The tree of an expression. Raises NotUnderstood."""
    if len(expression) > LONGEST_EXPRESSION:
        raise NotUnderstood(f"has more than {LONGEST_EXPRESSION} characters")
    reader = _Reader(_tokens(expression))
    tree = reader.expression()
    if reader.at != len(reader.tokens):
        raise NotUnderstood("goes on after its end")
    return tree


def _tokens(expression: str) -> list[Token]:
    found: list[Token] = []
    position = 0
    while position < len(expression):
        match = TOKEN.match(expression, position)
        if match is None:
            raise NotUnderstood("has a sign that FHIRPath does not know")
        position = match.end()
        if match.lastgroup:
            found.append((match.lastgroup, match.group()))
    return found


class _Reader:
    """Goes through the tokens once, from left to right."""

    def __init__(self, tokens: list[Token]):
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def expression(self, level: int = 0) -> Tree:
        if level == 0:
            self.depth += 1
            if self.depth > DEEPEST:
                raise NotUnderstood(f"is nested more than {DEEPEST} levels deep")
        tree = self._level(level)
        if level == 0:
            self.depth -= 1
        return tree

    def _level(self, level: int) -> Tree:
        if level == len(PRECEDENCE):
            return self._signed()
        left = self._level(level + 1)
        while (operator := self._peek()[1]) in PRECEDENCE[level] and self._peek()[0] in ("name", "sign"):
            self.at += 1
            if operator in ("is", "as"):
                left = ("type", operator, left, self.type_name())
            else:
                left = ("both", operator, left, self._level(level + 1))
        return left

    def _signed(self) -> Tree:
        signs = []
        while self._peek() in (("sign", "-"), ("sign", "+")):
            signs.append(self._next()[1])
        tree = self._steps()
        return ("sign", "-", tree) if signs.count("-") % 2 else tree

    def _steps(self) -> Tree:
        tree = self._term()
        while True:
            if self._take("."):
                tree = ("step", tree, self._invocation())
            elif self._take("["):
                tree = ("item", tree, self.expression())
                self._must("]")
            else:
                return tree

    def _term(self) -> Tree:
        kind, text = self._peek()
        if kind == "number":
            self.at += 1
            return ("literal", Decimal(text) if "." in text else int(text))
        if kind == "text":
            self.at += 1
            return ("literal", _unescaped(text))
        if kind == "date":
            self.at += 1
            return ("literal", text[1:].removeprefix("T"))
        if self._take("("):
            tree = self.expression()
            self._must(")")
            return tree
        if self._take("{"):
            self._must("}")
            return ("nothing",)
        if self._take("%"):
            return ("constant", self._constant())
        if (kind, text) in (("name", "true"), ("name", "false")):
            self.at += 1
            return ("literal", text == "true")
        return self._invocation()

    def _constant(self) -> str:
        kind, text = self._next()
        if kind not in ("name", "quoted", "text"):
            raise NotUnderstood("has a % without a name")
        return text.strip("`'")

    def _invocation(self) -> Tree:
        if self._take("$"):
            kind, text = self._next()
            if (kind, text) not in (("name", "this"), ("name", "index"), ("name", "total")):
                raise NotUnderstood("has a $ without 'this'")
            return ("constant", f"${text}")
        kind, text = self._next()
        if kind == "quoted":
            return ("name", _unescaped(text))
        if kind != "name":
            raise NotUnderstood("lacks a name")
        if not self._take("("):
            return ("name", text)
        if text in ("ofType", "as", "is"):
            tree = ("call", text, (("name", self.type_name()),))
        else:
            tree = ("call", text, self._arguments())
        self._must(")")
        return tree

    def _arguments(self) -> tuple[Tree, ...]:
        if self._peek() == ("sign", ")"):
            return ()
        found = [self.expression()]
        while self._take(","):
            found.append(self.expression())
        return tuple(found)

    def type_name(self) -> str:
        """A type, with or without 'FHIR.' or 'System.' in front."""
        bracket = self._take("(")
        kind, text = self._next()
        if kind not in ("name", "quoted"):
            raise NotUnderstood("lacks the name of a type")
        while self._take("."):
            text = self._next()[1]
        if bracket:
            self._must(")")
        return text.strip("`")

    def _peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def _next(self) -> Token:
        if self.at == len(self.tokens):
            raise NotUnderstood("ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _take(self, sign: str) -> bool:
        if self._peek() == ("sign", sign):
            self.at += 1
            return True
        return False

    def _must(self, sign: str) -> None:
        if not self._take(sign):
            raise NotUnderstood(f"lacks a '{sign}'")


def _unescaped(text: str) -> str:
    return re.sub(
        r"\\(u[0-9A-Fa-f]{4}|.)",
        lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 5 else ESCAPED.get(found[1], found[1]),
        text[1:-1],
        flags=re.DOTALL,
    )
