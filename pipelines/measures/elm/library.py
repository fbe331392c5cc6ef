"""Libraries: one ELM library with its definitions by name, of an edition that can be read."""

from __future__ import annotations

from ehr_core.kernel.errors import BadRequest


class Library:
    """One ELM library with its definitions by name."""

    def __init__(self, elm: dict):
        identifier = elm["identifier"]
        self.name, self.version = identifier["id"], identifier.get("version")
        self.elm = elm
        _check(self.name, elm)
        statements = elm.get("statements", {}).get("def", [])
        self.expressions = {one["name"]: one for one in statements if one.get("type") != "FunctionDef"}
        self.functions: dict[str, list[dict]] = {}
        for one in statements:
            if one.get("type") == "FunctionDef":
                self.functions.setdefault(one["name"], []).append(one)
        self.includes = {one["localIdentifier"]: one for one in _definitions(elm, "includes")}
        self.value_sets = {one["name"]: one for one in _definitions(elm, "valueSets")}
        self.codes = {one["name"]: one for one in _definitions(elm, "codes")}
        self.concepts = {one["name"]: one for one in _definitions(elm, "concepts")}
        self.code_systems = {one["name"]: one for one in _definitions(elm, "codeSystems")}
        self.parameters = {one["name"]: one for one in _definitions(elm, "parameters")}


def _check(name: str, elm: dict) -> None:
    """Raises BadRequest for another release of ELM, and for a data model that is not made of FHIR R4."""
    release = str((elm.get("schemaIdentifier") or {}).get("version") or "r1")
    if release != "r1":
        raise BadRequest(f"The library '{name}' is ELM {release}. Translate it to ELM r1.")
    for one in _definitions(elm, "usings"):
        model, version = one.get("localIdentifier"), str(one.get("version") or "")
        if model == "FHIR" and version and not version.startswith("4."):
            raise BadRequest(f"The library '{name}' uses FHIR {version}. Take its edition for FHIR 4.0.1.")
        if model == "QDM":
            raise BadRequest(f"The library '{name}' uses QDM. Take its edition for FHIR (QI-Core).")


def _definitions(elm: dict, section: str) -> list[dict]:
    return elm.get(section, {}).get("def", [])
