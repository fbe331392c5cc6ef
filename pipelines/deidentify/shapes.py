"""Compiles the allow-list into shapes: what has no field cannot pass, what has one is treated while decoding.

Codes, concepts and references repeat a lot, so their scrubbed bytes are remembered by the bytes that came in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from msgspec import Meta, Raw

from pipelines.deidentify.boundary import Boundary, ResourceBoundary, Strings
from pipelines.deidentify.codes import keep_listed_code
from pipelines.deidentify.nested import (
    ListedByName,
    ListedModifiers,
    name_of_extension,
    name_of_resource,
    remembering,
)
from pipelines.deidentify.profile import Profile
from pipelines.deidentify.quantities import guard_quantity
from pipelines.deidentify.references import CONTAINED_DOMAIN
from pipelines.deidentify.remembered import (
    Remembered,
    RememberedMeta,
    RememberedQuantity,
    RememberedReference,
    RememberedReferences,
)
from pipelines.deidentify.structs import Shape
from pipelines.deidentify.treatments import TREATMENTS, Tools, dropped, numbers, refused_modifier

REMEMBERED_DATATYPES = frozenset({"concept", "coding", "reference", "quantity", "meta"})
REMEMBERED_PARTS = frozenset({"Observation.referenceRange", "MedicationRequest.substitution"})
VALUE_ELEMENTS = {
    "boolean": "valueBoolean",
    "code": "valueCode",
    "coding": "valueCoding",
    "concept": "valueCodeableConcept",
    "date": "valueDateTime",
    "period": "valuePeriod",
}
NEEDED = {"reference": "reference", "coding": "system"}
"""The element without which the rest of a data type means nothing."""
MAX_DEPTH = 6
Ancestors = tuple[tuple[str, Mapping[str, Any]], ...]


class Compiler:
    """Turns tables of one profile into shapes. One compiler serves one Deidentifier."""

    def __init__(self, profile: Profile, tools: Tools):
        self.profile = profile
        self.tools = tools

    def resource(self, resource_type: str) -> ResourceBoundary:
        """The boundary of a resource type that the profile lists."""
        shape = self._resource(resource_type, resource_type, domain=resource_type)
        contained = remembering(
            lambda name: self._boundary(
                self._resource(f"{resource_type}.contained.{name}", name, domain=CONTAINED_DOMAIN)
            ),
            self.profile.resource_types,
        )
        path = f"{resource_type}.contained"
        shape.add_treated(
            "contained",
            Raw,
            ListedByName(path, name_of_resource, contained, self.tools.dropped, remembers=False),
        )
        return ResourceBoundary(shape, self.tools.dropped)

    def _resource(self, path: str, resource_type: str, *, domain: str) -> Shape:
        """`domain` is what record codes are made for: a contained resource is known to its parent only."""
        shape = Shape(path, self.tools.dropped)
        shape.add("resourceType", Literal[resource_type], ...)
        shape.add_treated(
            "id", Annotated[str, Meta(min_length=1)], partial(self.tools.codes.pseudonym, domain), ...
        )
        self.fill(shape, {group: names for group, names in self.profile.common.items() if group != "id"}, ())
        self._refuse_modifiers(shape, "implicitRules")
        shape.add_treated("modifierExtension", Raw, self._modifiers(path, resource_type))
        shape.add_treated("extension", Raw, self._extensions(path, resource_type))
        self.fill(shape, self.profile.resources[resource_type], ())
        return shape

    def _boundary(self, shape: Shape, *, repeats: bool = False, needed: str | None = None) -> Boundary:
        return Boundary(shape, self.tools.dropped, repeats=repeats, needed=needed)

    def _refuse_modifiers(self, shape: Shape, *names: str) -> None:
        for name in names:
            shape.add_dropped(name, refused_modifier(f"{shape.path}.{name}", self.tools))

    def _extensions(self, path: str, resource_type: str) -> ListedByName:
        tables = self._listed(resource_type, modifiers=False)
        path = f"{path}.extension"
        kept = remembering(lambda url: self._extension(path, url, tables[url]), tables)
        return ListedByName(path, name_of_extension, kept, self.tools.dropped, remembers=True)

    def _modifiers(self, path: str, resource_type: str) -> ListedModifiers:
        tables = self._listed(resource_type, modifiers=True)
        path = f"{path}.modifierExtension"
        kept = remembering(lambda url: self._extension(path, url, tables[url]), tables)
        return ListedModifiers(path, name_of_extension, kept, self.tools.dropped, remembers=False)

    def _listed(self, resource_type: str, *, modifiers: bool) -> dict[str, Mapping[str, Any]]:
        return {
            url: table
            for url, table in self.profile.extensions.items()
            if resource_type in table["on"] and table.get("modifier", False) == modifiers
        }

    def _extension(self, path: str, url: str, table: Mapping[str, Any]) -> Boundary:
        """One extension, with a value of its own or with parts. Without anything left in it, it goes (ext-1)."""
        path = f"{path}({url.rpartition('/')[2]})"
        shape = Shape(path, self.tools.dropped)
        shape.add("url", Literal[url], ...)
        if "value" in table:
            needed = VALUE_ELEMENTS[table["value"]]
            self._element(shape, table["value"], needed)
            return self._boundary(shape, needed=needed)
        parts = table["parts"]
        kept = remembering(lambda name: self._extension(path, name, {"value": parts[name]}), parts)
        shape.add_treated(
            "extension", Raw, ListedByName(path, name_of_extension, kept, self.tools.dropped, remembers=True)
        )
        return self._boundary(shape, needed="extension")

    def object(self, path: str, table: Mapping[str, Any], ancestors: Ancestors) -> Shape:
        """The shape of an element with parts, or of a data type."""
        shape = Shape(path, self.tools.dropped)
        self.fill(shape, table, ancestors)
        for name in {"id", "extension"} - shape.names:
            shape.add_dropped(name, dropped(f"{path}.{name}", self.tools))
        self._refuse_modifiers(shape, "modifierExtension")
        return shape

    def fill(self, shape: Shape, table: Mapping[str, Any], ancestors: Ancestors) -> None:
        for group, content in table.items():
            if group == "dropped":
                for name in (name for names in content.values() for name in names):
                    shape.add_dropped(name, dropped(f"{shape.path}.{name}", self.tools))
            elif group == "again":
                for name, ancestor in content.items() if len(ancestors) < MAX_DEPTH else ():
                    table_again = next(found for key, found in reversed(ancestors) if key == ancestor)
                    self._part(shape, name, table_again, ancestors)
            elif isinstance(content, Mapping):
                self._part(shape, group, content, ancestors)
            else:
                for name in content:
                    self._element(shape, group, name)

    def _part(self, shape: Shape, name: str, table: Mapping[str, Any], ancestors: Ancestors) -> None:
        plain, repeats = name.removesuffix("[]"), name.endswith("[]")
        inner = self.object(f"{shape.path}.{plain}", table, (*ancestors, (name, table)))
        if inner.path in REMEMBERED_PARTS:
            remembered = Remembered(self._boundary(inner, repeats=repeats), self.tools.dropped)
            shape.add_treated(plain, Raw, remembered)
        else:
            shape.parts[plain] = inner
            shape.add(plain, list if repeats else object)

    def _element(self, shape: Shape, group: str, name: str) -> None:
        plain, repeats = name.removesuffix("[]"), name.endswith("[]")
        path = f"{shape.path}.{plain}"
        if group not in self.profile.datatypes:
            self._value(shape, plain, self.profile.treatment[group], repeats)
            return
        inner = self.object(path, self.profile.datatypes[group], ())
        if group == "coding":
            inner.after.append(keep_listed_code(path, self.tools))
        elif group in ("age", "quantity"):
            inner.after.append(guard_quantity(path, self.tools, is_age=group == "age"))
        if group in REMEMBERED_DATATYPES:
            shape.add_treated(plain, Raw, self._remembered(group, inner, repeats))
        else:
            shape.parts[plain] = inner
            shape.add(plain, list if repeats else object)

    def _remembered(self, group: str, inner: Shape, repeats: bool) -> Callable[[Raw], Any]:
        lost, pseudonym = self.tools.dropped, self.tools.codes.pseudonym
        boundary = self._boundary(inner, repeats=repeats, needed=NEEDED.get(group))
        if group == "meta":
            return RememberedMeta(boundary, lost, inner.path)
        if group == "reference":
            kind = RememberedReferences if repeats else RememberedReference
            return kind(boundary, lost, pseudonym, self.profile.resource_types)
        if group == "quantity" and not repeats and "oldest_age_shown" not in self.profile.rules:
            return RememberedQuantity(boundary, lost, self.profile.rules["bare_number_digits"])
        return Remembered(boundary, lost)

    def _value(self, shape: Shape, name: str, treatment: str, repeats: bool) -> None:
        path = f"{shape.path}.{name}"
        if treatment == "boolean":
            shape.add(name, bool)
            return
        treat = TREATMENTS[treatment](path, self.tools)
        if treatment in ("number", "bare_number", "money_value"):
            shape.add_treated(name, Raw, numbers(path, self.tools) if repeats else treat)
        elif repeats:
            shape.add_treated(name, Raw, Remembered(Strings(treat), self.tools.dropped))
        else:
            shape.add_treated(name, str, treat)
