"""What the views may name: FHIR elements with their types, and the DuckDB type that holds just those that are used."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ehr_core.kernel.errors import BadRequest

STRUCTURE = Path(__file__).with_name("structure.toml")
PRIMITIVES = {"text": "VARCHAR", "digits": "VARCHAR", "boolean": "BOOLEAN"}


@cache
def elements() -> dict[str, dict[str, str]]:
    return tomllib.loads(STRUCTURE.read_text(encoding="utf-8"))


@dataclass
class Used:
    """The elements that are used below one element: filled while views are compiled, so that no other is read."""

    type_name: str
    repeats: bool = False
    parts: dict[str, Used] = field(default_factory=dict)

    def part(self, name: str) -> Used:
        """The element of that name, noted as used. Raises BadRequest when the structure does not list it."""
        if name not in self.parts:
            declared = elements().get(self.type_name, {}).get(name)
            if declared is None:
                raise BadRequest(f"A view names {self.type_name}.{name}, which structure.toml does not list.")
            self.parts[name] = Used(declared.removesuffix("[]"), declared.endswith("[]"))
        return self.parts[name]

    @property
    def has_digits(self) -> bool:
        """True when a number has to keep its digits as they were written."""
        return self.type_name == "digits" or any(part.has_digits for part in self.parts.values())

    def duckdb_type(self) -> str:
        """The DuckDB type, as `read_json` takes it."""
        inner = PRIMITIVES.get(self.type_name) or (
            "STRUCT(" + ", ".join(f'"{name}" {part.duckdb_type()}' for name, part in self.parts.items()) + ")"
        )
        return f"{inner}[]" if self.repeats else inner

    def json_structure(self) -> object:
        """The same as `from_json` takes it."""
        inner = PRIMITIVES.get(self.type_name) or {
            name: part.json_structure() for name, part in self.parts.items()
        }
        return [inner] if self.repeats else inner
