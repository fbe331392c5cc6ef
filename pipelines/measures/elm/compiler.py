"""The compiler's core: one ELM expression to one node, by the handler of its type or as a plain operator.

The handlers stand in `references`, `selectors`, `clauses` and `retrieval`, by what they compile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ehr_core.kernel.errors import AlmonerError
from pipelines.measures.elm.library import Library
from pipelines.measures.elm.nodes import Node, Place
from pipelines.measures.elm.run import OPERATIONS
from pipelines.measures.elm.type_names import type_text

if TYPE_CHECKING:
    from pipelines.measures.elm.program import Program

UNTYPED = {"valueset": "ValueSetRef", "codesystem": "CodeSystemRef"}
"""Operands that ELM writes without a type."""
ORDER = {
    name: place
    for place, name in enumerate(
        (
            *("operand", "source", "code", "codes", "pattern", "string", "stringToSub", "stringToSplit"),
            *("separator", "separatorPattern", "precision"),
        )
    )
}
"""In which order an operator's named operands are taken, in whichever order a file writes them."""
LEFT_OUT = frozenset(
    {"localId", "type", "signature", "annotation", "locator", "resultTypeName", "resultTypeSpecifier"}
)
SUPPORTED_ROLES = frozenset(
    {
        *(
            "Interval",
            "DateTime",
            "Date",
            "Time",
            "InValueSet",
            "AnyInValueSet",
            "Message",
            "Slice",
            "IndexOf",
        ),
        *("Substring", "PositionOf", "Split", "Combine", "Round", "Code", "Concept", "InCodeSystem"),
        *("ForEach", "Filter", "LastPositionOf", "Expand", "Collapse", "ReplaceMatches", "AnyInCodeSystem"),
        *("Quantity", "Ratio", "Matches", "CalculateAgeAt", "CalculateAge"),
    }
)


@dataclass(frozen=True)
class Scope:
    """What names mean at one point: aliases and operands as nodes, and how deep queries are nested there."""

    names: Mapping[str, Node] = field(default_factory=dict)
    depth: int = 0
    calls: int = 0
    this: Node | None = None

    def binding(self, names: Mapping[str, Node], deeper: int = 0) -> Scope:
        return Scope({**self.names, **names}, self.depth + deeper, self.calls, self.this)


NOWHERE = Scope()
Handler = Callable[["Compiler", dict, Scope], Node]
HANDLERS: dict[str, Handler] = {}


def handles(*types: str) -> Callable[[Handler], Handler]:
    """Registers what compiles the named types of expression."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(types, handler))
        return handler

    return register


class Compiler:
    """Compiles the expressions of one definition or function body."""

    def __init__(self, program: Program, library: Library, definition: str):
        self.program, self.library, self.name = program, library, definition

    def make(
        self, op: str, args=(), attributes: Mapping[str, Any] | None = None, elm: dict | None = None
    ) -> Node:
        return self.program.nodes.make(op, tuple(args), attributes or {}, self.place(elm or {}))

    def place(self, elm: dict) -> Place:
        return Place(self.library.name, self.name, elm.get("localId"))

    def node(self, elm: dict, scope: Scope) -> Node:
        """The node of an expression; an `Unsupported` one where the ELM is broken or names what is not there."""
        handler = HANDLERS.get(elm["type"])
        try:
            return handler(self, elm, scope) if handler else self.generic(elm, scope)
        except AlmonerError as error:
            return self.unsupported(str(error), elm)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            return self.unsupported(
                f"{elm['type']} that cannot be read ({type(error).__name__}: {error})", elm
            )

    def body(self, definition: dict, scope: Scope = NOWHERE) -> Node:
        """The node of a definition or function; an `Unsupported` one where the translation to ELM left none."""
        if "expression" in definition:
            return self.node(definition["expression"], scope)
        return self.unsupported("a definition that was not translated to ELM", definition)

    def generic(self, elm: dict, scope: Scope) -> Node:
        """An operator: its operands in order, what is not an operand as attributes."""
        if elm["type"] not in OPERATIONS:
            return self.unsupported(f"operator {elm['type']}", elm)
        args, roles, attributes = [], [], {}
        for name, value in sorted(elm.items(), key=lambda part: ORDER.get(part[0], len(ORDER))):
            if name in LEFT_OUT:
                continue
            if name in UNTYPED:
                value = {**value, "type": UNTYPED[name]}
            if isinstance(value, dict) and "type" in value and not name.endswith("TypeSpecifier"):
                args.append(self.node(value, scope))
                roles.append(name)
            elif (
                isinstance(value, list)
                and name in ("operand", "element")
                and all("type" in one for one in value)
            ):
                args += [self.node(one, scope) for one in value]
                roles += [name] * len(value)
            elif name.endswith("TypeSpecifier"):
                attributes["of"] = type_text(value)
            elif not isinstance(value, dict | list):
                attributes[name] = value
        if elm["type"] in SUPPORTED_ROLES:
            attributes["roles"] = tuple(roles)
        return self.make(elm["type"], args, attributes, elm)

    def included_name(self, elm: dict) -> str:
        """The name of the library that the expression is looked for in; it need not be in the package."""
        name = elm.get("libraryName")
        return self.library.includes[name]["path"].rsplit("/", 1)[-1] if name else self.library.name

    def included(self, elm: dict) -> Library:
        name = elm.get("libraryName")
        if not name:
            return self.library
        include = self.library.includes[name]
        return self.program.library(include["path"].rsplit("/", 1)[-1], include.get("version"))

    def unsupported(self, what: str, elm: dict) -> Node:
        self.program.unsupported.setdefault(what, self.place(elm))
        return self.make("Unsupported", (), {"what": what}, elm)
