"""Programs: a measure's ELM libraries compiled to nodes, with includes, functions and names resolved.

What cannot be compiled becomes an `Unsupported` node with its place, so that the rest of the measure still runs and the
import can list what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.measures.elm import (  # noqa: F401 - they register handlers
    clauses,
    references,
    retrieval,
    selectors,
)
from pipelines.measures.elm.compiler import Compiler
from pipelines.measures.elm.library import Library
from pipelines.measures.elm.nodes import Node, Nodes, Place, reachable
from pipelines.measures.elm.packages import Package

NOBODYS = frozenset(
    {
        *(
            "Location",
            "Medication",
            "Organization",
            "Practitioner",
            "PractitionerRole",
            "Substance",
            "Device",
        ),
        *("HealthcareService", "Endpoint", "MedicationKnowledge", "Questionnaire", "PlanDefinition"),
    }
)
"""Resources that are nobody's: the same in every context."""


class Program:
    """Compiles definitions of a package's libraries when they are asked for."""

    def __init__(self, package: Package, nodes: Nodes | None = None):
        self.package = package
        self.nodes = Nodes() if nodes is None else nodes
        self.unsupported: dict[str, Place] = {}
        self.value_sets: dict[str, Place] = {}
        self.named: dict[int, str] = {}
        self.calls: dict[tuple, Node] = {}
        self.called: dict[int, tuple[str, tuple[Node, ...]]] = {}
        self._libraries: dict[tuple[str, str | None], Library] = {}
        self._compiled: dict[tuple[str, str | None, str], Node | None] = {}

    def library(self, name: str, version: str | None = None) -> Library:
        key = (name, version)
        if key not in self._libraries:
            self._libraries[key] = Library(self.package.library(name, version))
        return self._libraries[key]

    def compiled(self) -> Iterator[tuple[str, Node]]:
        """Every definition that was asked for, by `Library.Definition`."""
        for (library, _, name), node in self._compiled.items():
            if node is not None:
                yield f"{library}.{name}", node

    def definition(self, library: Library, name: str) -> Node:
        """The node of a definition. Raises NotFound when the library has none of that name."""
        key = (library.name, library.version, name)
        if key in self._compiled:
            compiled = self._compiled[key]
            if compiled is None:
                raise BadRequest(f"'{library.name}.{name}' is defined by itself.")
            return compiled
        found = library.expressions.get(name)
        if found is None:
            raise NotFound(f"The library '{library.name}' defines no '{name}'.")
        self._compiled[key] = None
        compiler = Compiler(self, library, name)
        node = compiler.body(found)
        if found.get("context", "Patient") != "Patient" and _reads_people(node):
            what = f"definition '{name}' of the context {found['context']}, which reads the data of many patients"
            node = compiler.unsupported(what, found)
        self._compiled[key] = node
        self.named.setdefault(node.number, f"{library.name}.{name}")
        return node


def _reads_people(node: Node) -> bool:
    """Does it retrieve what belongs to a patient, and not only places, medicines or organisations?"""
    return any(one.op == "Retrieve" and one["resource"] not in NOBODYS for one in reachable([node]))


def not_evaluable(program: Program) -> list[str]:
    """The definitions that read something which could not be compiled."""
    broken: list[str] = []
    for key, node in program.compiled():
        if any(one.op == "Unsupported" for one in reachable([node])):
            broken.append(key)
    return sorted(set(broken))
