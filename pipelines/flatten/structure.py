"""What the views name: FHIR elements with their types, and the DuckDB type that holds just those that are used."""

from __future__ import annotations

from dataclasses import dataclass, field

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_definitions import definition

ANY_RESOURCE = "Resource"


class NoSuchElement(BadRequest):
    """A path names an element that FHIR R4 does not have there."""


@dataclass
class Used:
    """The elements that are used below one element: filled while views are compiled, so that no other is read.

    `raw`: what is below is kept as JSON, because it nests without end; `from_json` reads it where it is needed.
    """

    type_name: str
    repeats: bool = False
    primitive: bool = False
    raw: bool = False
    parts: dict[str, Used] = field(default_factory=dict)

    def part(self, name: str) -> Used:
        """The element of that name, noted as used. Raises NoSuchElement when FHIR R4 has none."""
        if name not in self.parts:
            self.parts[name] = self._declared(name)
        return self.parts[name]

    def choices(self, name: str) -> tuple[str, ...]:
        """The names under which a choice element such as value[x] is written; none when it is no choice."""
        return () if self.primitive else definition(self.type_name).choices.get(name, ())

    def as_resource(self, type_name: str) -> Used:
        """The same resource (one that is contained), read as one of that type: what is used of any is read of all."""
        return Used(type_name, self.repeats, parts=self.parts)

    def _declared(self, name: str) -> Used:
        if name.startswith("_"):
            return Used("Element")
        if name == "resourceType" and self._is_resource:
            return Used("code", primitive=True)
        declared = None if self.primitive else definition(self.type_name).elements.get(name)
        if declared is None:
            raise NoSuchElement(f"{self.type_name} has no element '{name}' in FHIR R4")
        return Used(declared.type, declared.many, declared.primitive)

    @property
    def _is_resource(self) -> bool:
        return self.type_name == ANY_RESOURCE or definition(self.type_name).is_resource

    @property
    def has_digits(self) -> bool:
        """True when a number has to keep its digits as they were written."""
        return self.type_name == "decimal" or any(part.has_digits for part in self.parts.values())

    def duckdb_type(self) -> str:
        """The DuckDB type, as `read_json` takes it. An element of which only the presence counts stays JSON."""
        inner = self._leaf or (
            "STRUCT(" + ", ".join(f'"{name}" {part.duckdb_type()}' for name, part in self.parts.items()) + ")"
        )
        return f"{inner}[]" if self.repeats else inner

    def json_structure(self) -> object:
        """The same as `from_json` takes it."""
        return [self.item_structure()] if self.repeats else self.item_structure()

    def item_structure(self) -> object:
        """Of one item."""
        return self._leaf or self.inner_structure()

    def inner_structure(self) -> dict[str, object]:
        return {name: part.json_structure() for name, part in self.parts.items()}

    @property
    def _leaf(self) -> str | None:
        if self.primitive:
            return "BOOLEAN" if self.type_name == "boolean" else "VARCHAR"
        return None if self.parts and not self.raw else "JSON"
