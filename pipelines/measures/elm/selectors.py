"""Selectors compiled: literals, quantities, codes and value sets, tuples and instances, conditions, type operators."""

from __future__ import annotations

from pipelines.measures.elm.compiler import Compiler, Scope, handles
from pipelines.measures.elm.library import Library
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.type_names import named, type_text


@handles("Literal")
def _literal(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.make("Literal", (), {"of": named(elm["valueType"]), "value": str(elm["value"])}, elm)


@handles("Quantity")
def _quantity(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.make("Quantity", (), {"value": float(elm["value"]), "unit": elm.get("unit", "1")}, elm)


@handles("Ratio")
def _ratio(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = [_quantity(compiler, elm[part], scope) for part in ("numerator", "denominator")]
    return compiler.make("Ratio", parts, {"roles": ("numerator", "denominator")}, elm)


def _code(library: Library, found: dict) -> dict:
    system = found.get("codeSystem", {}).get("name")
    url = library.code_systems[system]["id"] if system in library.code_systems else None
    return {"code": found["id"], "system": url, "display": found.get("display")}


@handles("CodeRef")
def _code_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    return compiler.make("Code", (), _code(library, library.codes[elm["name"]]), elm)


@handles("ConceptRef")
def _concept_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    concept = library.concepts[elm["name"]]
    codes = [
        compiler.make("Code", (), _code(library, library.codes[one["name"]]), elm) for one in concept["code"]
    ]
    return compiler.make("Concept", codes, {"display": concept.get("display")}, elm)


@handles("ValueSetRef")
def _value_set_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    found = library.value_sets[elm["name"]]
    url = found["id"] + (f"|{found['version']}" if found.get("version") else "")
    compiler.program.value_sets.setdefault(url, compiler.place(elm))
    return compiler.make("ValueSet", (), {"url": url, "name": elm["name"]}, elm)


@handles("CodeSystemRef")
def _code_system_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.make(
        "CodeSystem", (), {"url": compiler.included(elm).code_systems[elm["name"]]["id"]}, elm
    )


@handles("Code")
def _code_selector(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    """`Code '…' from …`, which names its system instead of holding it."""
    system = elm.get("system") or {}
    library = compiler.included(system)
    url = library.code_systems[system["name"]]["id"] if system.get("name") in library.code_systems else None
    return compiler.make("Code", (), {"code": elm["code"], "system": url, "display": elm.get("display")}, elm)


@handles("Concept")
def _concept_selector(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    codes = [_code_selector(compiler, one, scope) for one in elm.get("code", [])]
    return compiler.make("Concept", codes, {"display": elm.get("display")}, elm)


@handles("Tuple")
def _tuple(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = {one["name"]: compiler.node(one["value"], scope) for one in elm.get("element", [])}
    return compiler.make("Tuple", parts.values(), {"names": tuple(parts)}, elm)


@handles("Instance")
def _instance(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = {one["name"]: compiler.node(one["value"], scope) for one in elm.get("element", [])}
    return compiler.make(
        "Instance", parts.values(), {"names": tuple(parts), "of": named(elm["classType"])}, elm
    )


@handles("Case")
def _case(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    comparand = [compiler.node(elm["comparand"], scope)] if elm.get("comparand") else []
    items = [compiler.node(one[part], scope) for one in elm["caseItem"] for part in ("when", "then")]
    last = compiler.node(elm["else"], scope) if elm.get("else") else compiler.make("Null", (), {}, elm)
    return compiler.make("Case", (*comparand, *items, last), {"comparand": bool(comparand)}, elm)


@handles("If")
def _if(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = [compiler.node(elm[part], scope) for part in ("condition", "then", "else")]
    return compiler.make("Case", parts, {"comparand": False}, elm)


@handles("As", "Is", "Convert", "CanConvert")
def _type_operator(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    attribute = {"As": "as", "Is": "is"}.get(elm["type"], "to")
    specifier = elm.get(f"{attribute}TypeSpecifier")
    of = type_text(specifier) if specifier else named(elm[f"{attribute}Type"])
    attributes = {"of": of, "strict": bool(elm.get("strict"))}
    return compiler.make(elm["type"], (compiler.node(elm["operand"], scope),), attributes, elm)
