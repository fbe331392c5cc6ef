"""Explains a definition: the intermediate form as indented text, definitions by name, rows by alias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.measures.elm.compiler import Compiler, Scope
from pipelines.measures.elm.engine import Compiled, Engine, deep_enough
from pipelines.measures.elm.nodes import Node, Query, children
from pipelines.measures.elm.survey import asked_codes

WIDTH = 100
INFIX = {
    **{"And": "and", "Or": "or", "Xor": "xor", "Implies": "implies", "Equal": "=", "Equivalent": "~"},
    **{"NotEqual": "!=", "Less": "<", "LessOrEqual": "<=", "Greater": ">", "GreaterOrEqual": ">="},
    **{
        "Add": "+",
        "Subtract": "-",
        "Multiply": "*",
        "Divide": "/",
        "Union": "union",
        "Intersect": "intersect",
    },
    **{
        "Except": "except",
        "In": "in",
        "Contains": "contains",
        "IncludedIn": "included in",
        "Includes": "includes",
    },
    **{
        "Before": "before",
        "After": "after",
        "SameOrBefore": "same or before",
        "SameOrAfter": "same or after",
    },
    **{"SameAs": "same as", "Overlaps": "overlaps", "OverlapsBefore": "overlaps before"},
    **{"OverlapsAfter": "overlaps after", "Starts": "starts", "Ends": "ends", "Meets": "meets"},
}


@dataclass(frozen=True)
class Names:
    """Definitions by node number, and what stands for a call of a function."""

    definitions: Mapping[int, str]
    calls: Mapping[int, tuple[str, tuple[Node, ...]]]

    def without(self, node: Node) -> Names:
        drop = lambda known: {number: what for number, what in known.items() if number != node.number}  # noqa: E731
        return Names(drop(self.definitions), drop(self.calls))


def explain_node(node: Node, names: Names) -> str:
    """The node as text; definitions and functions below it are named, not written out."""
    return _text(node, names.without(node), "")


def definitions_below(node: Node, names: Mapping[int, str]) -> list[Node]:
    """The named definitions that the node reads directly, in order of first use."""
    found: dict[int, Node] = {}
    seen: set[int] = set()

    def visit(one: Node) -> None:
        if one.number in seen:
            return
        seen.add(one.number)
        if one.number in names and one is not node:
            found.setdefault(one.number, one)
            return
        for below in children(one):
            visit(below)

    visit(node)
    return list(found.values())


def _text(node: Node, names: Names, indent: str) -> str:
    if node.number in names.definitions:
        return f'"{names.definitions[node.number]}"'
    if node.number in names.calls:
        function, operands = names.calls[node.number]
        return f"{function}({', '.join(_text(one, names, indent + '  ') for one in operands)})"
    if node.query:
        return _query(node.query, names, indent)
    printer: Callable | None = LEAVES.get(node.op)
    if printer:
        return printer(node)
    deeper = indent + "  "
    args = [_text(arg, names, deeper) for arg in node.args]
    if node.op == "Property":
        return f"{args[0]}.{node['path']}"
    precision = f" {node['precision'].lower()} of" if node.get("precision") else ""
    if node.op in INFIX and len(args) == 2:
        return _infix(args, INFIX[node.op] + precision, indent)
    if node.op == "Case":
        return _case(node, args, indent)
    return _call(node, args, precision, indent)


def _infix(args: list[str], word: str, indent: str) -> str:
    line = f"({args[0]} {word} {args[1]})"
    if "\n" not in line and len(line) + len(indent) < WIDTH:
        return line
    return f"({args[0]}\n{indent}  {word} {args[1]})"


def _call(node: Node, args: list[str], precision: str, indent: str) -> str:
    hidden = ("roles", "precision", "strict", "preserve")
    extra = [f"{name}: {value}" for name, value in node.attributes.items() if name not in hidden]
    name = node.op + precision.removesuffix(" of")
    line = f"{name}({', '.join([*args, *extra])})"
    if "\n" not in line and len(line) + len(indent) < WIDTH:
        return line
    return f"{name}(\n{indent}  " + f",\n{indent}  ".join([*args, *extra]) + ")"


def _case(node: Node, args: list[str], indent: str) -> str:
    start = 1 if node["comparand"] else 0
    head = f"case {args[0]}" if start else "case"
    items = [f"\n{indent}  when {args[at]} then {args[at + 1]}" for at in range(start, len(args) - 1, 2)]
    return head + "".join(items) + f"\n{indent}  else {args[-1]} end"


def _query(query: Query, names: Names, indent: str) -> str:
    deeper = indent + "  "
    lines = [f"from {_text(source, names, deeper)} {row}" for row, _, source in query.sources]
    for one in query.relations:
        word = "with" if one.keeps else "without"
        lines.append(f"{word} {_text(one.source, names, deeper)} {one.row}")
        lines.append(f"  such that {_text(one.such_that, names, deeper + '  ')}")
    if query.where is not None:
        lines.append(f"where {_text(query.where, names, deeper)}")
    if query.returns is not None:
        lines.append(f"return {'' if query.distinct else 'all '}{_text(query.returns, names, deeper)}")
    if query.aggregate:
        start, step = (_text(one, names, deeper) for one in (query.aggregate.start, query.aggregate.step))
        lines.append(f"aggregate {query.aggregate.total} starting {start}: {step}")
    for key in query.sort:
        by = "itself" if key.by is None else _text(key.by, names, deeper)
        lines.append(f"sort by {by} {'ascending' if key.ascending else 'descending'}")
    return "(" + f"\n{deeper}".join(lines) + ")"


def _retrieve(node: Node) -> str:
    codes = asked_codes(node)
    profile = f" as {node['profile'].rsplit('/', 1)[-1]}" if node.get("profile") else ""
    where = f": {node['code_path']} {node['comparator']} {value_set_text(codes)}" if codes is not None else ""
    return f"[{node['resource']}{profile}{where}]"


def value_set_text(node: Node) -> str:
    if node.op == "ValueSet":
        return f'"{node["name"]}"'
    if node.op == "Code":
        return f'{node["code"]} "{node.get("display") or ""}"'
    return ", ".join(value_set_text(arg) for arg in node.args)


LEAVES: dict[str, Callable[[Node], str]] = {
    "Literal": lambda node: repr(node["value"]) if node["of"] == "String" else node["value"],
    "Quantity": lambda node: f"{node['value']:g} '{node['unit']}'",
    "Row": lambda node: node["row"],
    "Parameter": lambda node: f'"{node["name"]}"',
    "ValueSet": value_set_text,
    "Code": value_set_text,
    "Retrieve": _retrieve,
    "Null": lambda node: "null",
}


def explain_measure(engine: Engine, name: str, definition: str | None) -> str:
    """A definition or function of the measure and what it reads; without one, the measure's populations.

    Raises NotFound when there is no such measure or definition.
    """
    compiled = engine.compile(engine.package.measure(name)["name"])
    program = compiled.program
    if definition is None:
        lines = [f"{compiled.measure.name} {compiled.measure.version}: {compiled.measure.title}"]
        for group in compiled.measure.groups:
            lines.append(f"{group.id} ({group.scoring}, {group.basis} basis)")
            lines += [f'  {one.code}: "{one.expression}"' for one in group.populations]
            lines += [f'  stratifier: "{one.expression}"' for one in group.stratifiers]
        return "\n".join(lines)
    with deep_enough():
        title, node = _named(compiled, definition)
        text = f"{title}:\n{explain_node(node, Names(program.named, program.called))}"
        below = [f'  "{program.named[one.number]}"' for one in definitions_below(node, program.named)]
    return text + ("\n\nreads:\n" + "\n".join(below) if below else "")


def _named(compiled: Compiled, name: str) -> tuple[str, Node]:
    """A definition or function of the measure's library, or `Library.name` of one that it includes."""
    program, library = compiled.program, compiled.library
    place, _, inner = name.partition(".")
    if name not in library.expressions and name not in library.functions and inner:
        include = next(
            (one for one in library.includes.values() if one["path"].rsplit("/", 1)[-1] == place), None
        )
        if include:
            library, name = program.library(place, include.get("version")), inner
    if name in library.expressions or name not in library.functions:
        return f'"{name}"', program.definition(library, name)
    function = library.functions[name][0]
    compiler = Compiler(program, library, name)
    operands = [operand["name"] for operand in function.get("operand", [])]
    rows = {operand: compiler.make("Row", (), {"row": operand}) for operand in operands}
    return f"{name}({', '.join(operands)})", compiler.body(function, Scope(rows))
