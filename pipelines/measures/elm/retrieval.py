"""Retrieves compiled: which resource, profile, codes and dates they ask for."""

from __future__ import annotations

from pipelines.measures.elm.compiler import Compiler, Scope, handles
from pipelines.measures.elm.fhir_model import resource_types
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.type_names import named

BEYOND = ("codeSearch", "dateSearch", "otherFilter", "include", "context")
"""Parts of a retrieve that would change what it finds, and that are not done."""


@handles("Retrieve")
def _retrieve(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    beyond = [name for name in BEYOND if elm.get(name)]
    if beyond:
        return compiler.unsupported(f"retrieve with {', '.join(beyond)}", elm)
    resource = _resource_type(elm["dataType"])
    if resource is None:
        return compiler.unsupported(f"retrieve of {elm['dataType']}, which is no resource of FHIR R4", elm)
    roles = [name for name in ("codes", "dateRange", "id") if elm.get(name)]
    attributes = {
        "resource": resource,
        "profile": elm.get("templateId"),
        "code_path": elm.get("codeProperty"),
        "comparator": elm.get("codeComparator", "in"),
        "date_path": elm.get("dateProperty"),
        "roles": tuple(roles),
    }
    if "id" in roles:
        attributes["id_path"] = elm.get("idProperty") or "id"
    if elm.get("dateLowProperty") or elm.get("dateHighProperty"):
        attributes |= {"low_path": elm.get("dateLowProperty"), "high_path": elm.get("dateHighProperty")}
    return compiler.make("Retrieve", [compiler.node(elm[name], scope) for name in roles], attributes, elm)


def _resource_type(data_type: str) -> str | None:
    """The resource type of a model's class, such as `ConditionProblemsHealthConcerns`; None when it has none."""
    name = named(data_type).removeprefix("fhir:")
    if name in resource_types():
        return name
    plain = name.removeprefix("QICore").removeprefix("USCore").removeprefix("US Core ")
    found = [one for one in resource_types() if plain.startswith(one)]
    return max(found, key=len) if found else None
