"""Criteria compiled: a node for every population, observation and stratifier of a group, by its id."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.measures.elm.compiler import Compiler, Scope
from pipelines.measures.elm.library import Library
from pipelines.measures.elm.measure import Group, Stratifier
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.program import Program

OBSERVED, OBSERVATION = "observed", "measure-observation"


def criteria_of(program: Program, library: Library, group: Group) -> dict[str, Node]:
    """Raises NotFound where the library has no definition of a name."""
    nodes = {}
    for population in group.populations:
        if population.code == OBSERVATION:
            nodes[population.id] = _of_subject(program, library, population.expression)
        else:
            nodes[population.id] = program.definition(library, population.expression)
    for stratifier in group.stratifiers:
        nodes[stratifier.id] = _stratified(program, library, stratifier)
    return nodes


def _stratified(program: Program, library: Library, stratifier: Stratifier) -> Node:
    """What it parts by; several components as one tuple."""
    if not stratifier.components:
        return _of_subject(program, library, stratifier.expression)
    parts = {name: _of_subject(program, library, expression) for name, expression in stratifier.components}
    compiler = Compiler(program, library, stratifier.id)
    return compiler.make("Tuple", parts.values(), {"names": tuple(parts)})


def _of_subject(program: Program, library: Library, expression: str) -> Node:
    """The function of that name with the subject (a visit, a procedure) as its operand, or the definition."""
    functions = library.functions.get(expression)
    if not functions:
        return program.definition(library, expression)
    compiler = Compiler(program, library, expression)
    subject = compiler.make("Row", (), {"row": OBSERVED})
    names: Mapping[str, Node] = {operand["name"]: subject for operand in functions[0].get("operand", [])}
    return compiler.body(functions[0], Scope(names))
