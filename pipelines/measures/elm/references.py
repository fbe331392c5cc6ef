"""References compiled: definitions, functions with their overloads, names in sight, parts, parameters."""

from __future__ import annotations

import re

from pipelines.measures.elm.compiler import Compiler, Scope, handles
from pipelines.measures.elm.library import Library
from pipelines.measures.elm.natives import native
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.type_names import named, options, type_text

STEP, INDEX = re.compile(r"([^.\[\]]+)((?:\[\d+\])*)"), re.compile(r"\d+")
PATH = re.compile(rf"{STEP.pattern}(?:\.{STEP.pattern})*")
"""Names of parts, each with the places in its list: `name.given[0]`."""
DEEPEST = 60
"""Functions that call each other deeper than this are taken for recursion, which CQL does not have."""


@handles("ExpressionRef")
def _expression_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.program.definition(compiler.included(elm), elm["name"])


@handles("FunctionRef")
def _function_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    args = tuple(compiler.node(one, scope) for one in elm.get("operand", []))
    found = native(compiler.included_name(elm), elm["name"], len(args))
    if found:
        return compiler.make(found, args, {}, elm)
    library = compiler.included(elm)
    fitting = [
        one for one in library.functions.get(elm["name"], []) if len(one.get("operand", [])) == len(args)
    ]
    chosen = _overloads(fitting, elm, len(args))
    if not chosen or any(one.get("external") for one in chosen):
        return compiler.unsupported(f"function {library.name}.{elm['name']} with {len(args)} operands", elm)
    bodies = [_called(compiler, library, one, args, elm, scope) for one in chosen]
    if len(bodies) == 1:
        return bodies[0]
    conditions = [_takes(compiler, one, args, elm) for one in chosen[:-1]]
    branches = [part for pair in zip(conditions, bodies, strict=False) for part in pair]
    return compiler.make("Case", (*branches, bodies[-1]), {"comparand": False}, elm)


def _called(
    compiler: Compiler, library: Library, chosen: dict, args: tuple[Node, ...], elm: dict, scope: Scope
) -> Node:
    """The function's body with the operands in place."""
    if scope.calls > DEEPEST:
        return compiler.unsupported(f"recursion of {library.name}.{elm['name']}", elm)
    key = (id(chosen), tuple(arg.number for arg in args), scope.depth)
    calls = compiler.program.calls
    if key not in calls:
        names = {operand["name"]: arg for operand, arg in zip(chosen.get("operand", []), args, strict=True)}
        inside = Scope(names, scope.depth, scope.calls + 1)
        calls[key] = Compiler(compiler.program, library, elm["name"]).body(chosen, inside)
        if calls[key] not in args:
            compiler.program.called.setdefault(calls[key].number, (f"{library.name}.{elm['name']}", args))
    return calls[key]


def _overloads(fitting: list[dict], elm: dict, count: int) -> list[dict]:
    """The function whose operands fit the call's signature best; without a signature, all that may be meant."""
    signature = [type_text(one) for one in elm.get("signature", [])]
    if len(fitting) < 2:
        return fitting
    if len(signature) == count:
        best = max(fitting, key=lambda one: _fit(one, signature))
        if _fit(best, signature):
            return [best]
    return sorted(fitting, key=lambda one: sum(_operand_type(each) == "Any" for each in one["operand"]))


def _takes(compiler: Compiler, function: dict, args: tuple[Node, ...], elm: dict) -> Node:
    """Are the operands of the types that the function takes?"""
    tests = [
        compiler.make("Is", (arg,), {"of": _operand_type(operand), "strict": False}, elm)
        for operand, arg in zip(function["operand"], args, strict=True)
    ]
    return tests[0] if len(tests) == 1 else compiler.make("And", tests, {}, elm)


def _operand_type(operand: dict) -> str:
    offered = type_text(operand.get("operandTypeSpecifier"))
    return named(operand["operandType"]) if offered == "Any" and operand.get("operandType") else offered


def _fit(function: dict, signature: list[str]) -> int:
    fit = 0
    for operand, wanted in zip(function["operand"], signature, strict=True):
        offered = _operand_type(operand)
        if offered == wanted:
            fit += 100
        else:
            fit += 10 * len(set(options(offered)) & set(options(wanted)))
    return fit


@handles("AliasRef", "OperandRef", "QueryLetRef", "IdentifierRef")
def _name_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    found = scope.names.get(elm["name"])
    if found is not None:
        return found
    if elm["type"] == "IdentifierRef" and scope.this is not None:
        if elm["name"] == "$this":
            return scope.this
        return compiler.make("Property", (scope.this,), {"path": elm["name"]}, elm)
    return compiler.unsupported(f"name '{elm['name']}' out of reach", elm)


@handles("Current")
def _current(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return _name_ref(compiler, {**elm, "name": elm.get("scope") or "$this"}, scope)


@handles("Total")
def _total(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return _name_ref(compiler, {**elm, "name": "$total"}, scope)


@handles("Iteration")
def _iteration(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return _name_ref(compiler, {**elm, "name": "$index"}, scope)


@handles("Property")
def property_of(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    if "source" in elm:
        source = compiler.node(elm["source"], scope)
    elif "scope" in elm:
        source = _name_ref(compiler, {**elm, "name": elm["scope"]}, scope)
    elif scope.this is not None:
        source = scope.this
    else:
        return compiler.unsupported("a property of nothing", elm)
    if not PATH.fullmatch(elm["path"]):
        return compiler.unsupported(f"path '{elm['path']}'", elm)
    for name, places in STEP.findall(elm["path"]):
        source = compiler.make("Property", (source,), {"path": name}, elm)
        for place in INDEX.findall(places):
            at = compiler.make("Literal", (), {"of": "Integer", "value": place}, elm)
            source = compiler.make("Indexer", (source, at), {}, elm)
    return source


@handles("ParameterRef")
def _parameter_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    found = library.parameters.get(elm["name"], {})
    args = [compiler.node(found["default"], Scope())] if "default" in found else []
    attributes = {"name": elm["name"], "of": type_text(found.get("parameterTypeSpecifier"))}
    return compiler.make("Parameter", args, attributes, elm)
