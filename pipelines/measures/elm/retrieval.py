"""Retrieves compiled: which resource, profile, codes and dates they ask for."""

from __future__ import annotations

from pipelines.measures.elm.compiler import Compiler, Scope, handles
from pipelines.measures.elm.fhir_model import resource_types
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.type_names import named


@handles("Retrieve")
def _retrieve(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    args = [compiler.node(elm["codes"], scope)] if elm.get("codes") else []
    roles = ["codes"] * len(args)
    if elm.get("dateRange"):
        args.append(compiler.node(elm["dateRange"], scope))
        roles.append("dateRange")
    resource = _resource_type(elm["dataType"])
    if resource is None:
        return compiler.unsupported(f"retrieve of {elm['dataType']}, which is no resource of FHIR R4", elm)
    attributes = {
        "resource": resource,
        "profile": elm.get("templateId"),
        "code_path": elm.get("codeProperty"),
        "comparator": elm.get("codeComparator", "in"),
        "date_path": elm.get("dateProperty"),
        "roles": tuple(roles),
    }
    return compiler.make("Retrieve", args, attributes, elm)


def _resource_type(data_type: str) -> str | None:
    """The resource type of a model's class, such as `ConditionProblemsHealthConcerns`; None when it has none."""
    name = named(data_type).removeprefix("fhir:")
    if name in resource_types():
        return name
    plain = name.removeprefix("QICore").removeprefix("USCore").removeprefix("US Core ")
    found = [one for one in resource_types() if plain.startswith(one)]
    return max(found, key=len) if found else None
