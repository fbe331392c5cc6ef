"""Libraries: one ELM library with its definitions by name."""

from __future__ import annotations


class Library:
    """One ELM library with its definitions by name."""

    def __init__(self, elm: dict):
        identifier = elm["identifier"]
        self.name, self.version = identifier["id"], identifier.get("version")
        self.elm = elm
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


def _definitions(elm: dict, section: str) -> list[dict]:
    return elm.get(section, {}).get("def", [])
