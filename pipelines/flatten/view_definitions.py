"""Reads a ViewDefinition: its parts by name, its paths parsed, and all that is wrong with it by element."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ehr_core.kernel.errors import BadRequest, InvalidResource, Issue
from ehr_core.kernel.fhir_definitions import is_resource
from pipelines.flatten.fhirpath import Expression, parse
from pipelines.flatten.values import KINDS, NUMBERS, Value, literal

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
ITERATIONS = ("forEach", "forEachOrNull", "repeat")
ANY_ELEMENT = {"id", "extension", "modifierExtension", "description"}
SELECT_ELEMENTS = ANY_ELEMENT | {*ITERATIONS, "column", "select", "unionAll"}
COLUMN_ELEMENTS = ANY_ELEMENT | {"name", "path", "type", "collection", "tag"}
JSON_TYPES = {"boolean": bool, "integer": int, "decimal": (int, float)}


@dataclass(frozen=True)
class Located:
    """An expression, as it was written and where."""

    text: str
    expression: Expression
    where: str


@dataclass(frozen=True)
class ViewColumn:
    name: str
    path: Located
    type: str | None
    collection: bool
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Select:
    """One node of the tree: `iteration` is how it makes rows (None: as its parent does), `paths` what it goes over."""

    where: str
    iteration: str | None = None
    paths: tuple[Located, ...] = ()
    columns: tuple[ViewColumn, ...] = ()
    selects: tuple[Select, ...] = ()
    unions: tuple[Select, ...] = ()

    def column_names(self) -> list[str]:
        names = [column.name for column in self.columns]
        names += [name for inner in self.selects for name in inner.column_names()]
        return names + (self.unions[0].column_names() if self.unions else [])


@dataclass(frozen=True)
class ViewDefinition:
    name: str
    resource: str
    constants: Mapping[str, Value]
    conditions: tuple[Located, ...]
    root: Select


def read_view(document: Any) -> ViewDefinition:
    """The view. Raises InvalidResource with everything that is wrong in it, each by the element where it stands."""
    reader = _Reader()
    view = reader.view(document)
    if reader.issues:
        raise InvalidResource(reader.issues)
    return view


@dataclass
class _Reader:
    issues: list[Issue] = field(default_factory=list)

    def wrong(self, where: str, message: str) -> None:
        self.issues.append(Issue(where, message))

    def view(self, document: Any) -> ViewDefinition:
        if not isinstance(document, dict):
            self.wrong("ViewDefinition", "is a JSON object.")
            document = {}
        if document.get("resourceType", "ViewDefinition") != "ViewDefinition":
            self.wrong("resourceType", "is ViewDefinition.")
        resource = document.get("resource")
        if not isinstance(resource, str) or not is_resource(resource):
            self.wrong("resource", "names a FHIR R4 resource type, such as Patient.")
        constants = dict(self._constants(document))
        conditions = tuple(
            self._path(item, f"{where}.path", item.get("path"))
            for where, item in self._objects(document, "where", "")
        )
        root = Select("select", selects=tuple(self._selects(document, "select", "")))
        if not root.selects:
            self.wrong("select", "has at least one item.")
        elif not root.column_names():
            self.wrong("select", "has at least one column.")
        for name in {name for name in root.column_names() if root.column_names().count(name) > 1}:
            self.wrong("select", f"names the column '{name}' more than once.")
        name = document.get("name")
        return ViewDefinition(
            name if isinstance(name, str) else "view", str(resource), constants, conditions, root
        )

    def _constants(self, document: dict[str, Any]) -> Iterator[tuple[str, Value]]:
        for where, item in self._objects(document, "constant", ""):
            name = self._name(item, where)
            values = [key for key in item if key.startswith("value")]
            if len(values) != 1:
                self.wrong(where, "has exactly one value[x], such as valueString.")
                continue
            type_name = values[0][5:6].lower() + values[0][6:]
            value = item[values[0]]
            wanted = JSON_TYPES.get(KINDS.get(type_name, ""), str)
            if (
                type_name not in KINDS
                or not isinstance(value, wanted)
                or (wanted is not bool and value is True)
            ):
                self.wrong(f"{where}.{values[0]}", "is no value of a primitive FHIR type.")
                continue
            is_number = KINDS[type_name] in (*NUMBERS, "boolean")
            yield name, literal(str(value).lower() if is_number else value, type_name)

    def _selects(self, owner: dict[str, Any], element: str, before: str) -> Iterator[Select]:
        for where, item in self._objects(owner, element, before):
            yield self._select(item, where)

    def _select(self, item: dict[str, Any], where: str) -> Select:
        self._only(item, SELECT_ELEMENTS, where)
        iterations = [name for name in ITERATIONS if name in item]
        if len(iterations) > 1:
            self.wrong(where, f"has one of {' and '.join(iterations)}, not both.")
        paths: tuple[Located, ...] = ()
        if iterations:
            paths = tuple(self._iterated(item, iterations[0], where))
        unions = tuple(self._selects(item, "unionAll", f"{where}."))
        for place, union in enumerate(unions[1:], start=1):
            if union.column_names() != unions[0].column_names():
                first = ", ".join(unions[0].column_names())
                self.wrong(
                    f"{where}.unionAll[{place}]",
                    f"has the columns of the first branch in its order: {first}.",
                )
        return Select(
            where,
            iterations[0] if iterations else None,
            paths,
            tuple(
                self._column(column, place) for place, column in self._objects(item, "column", f"{where}.")
            ),
            tuple(self._selects(item, "select", f"{where}.")),
            unions,
        )

    def _iterated(self, item: dict[str, Any], iteration: str, where: str) -> Iterator[Located]:
        if iteration != "repeat":
            yield self._path(item, f"{where}.{iteration}", item[iteration])
            return
        listed = item["repeat"] if isinstance(item["repeat"], list) else []
        if not listed:
            self.wrong(f"{where}.repeat", "is a list of paths.")
        for place, text in enumerate(listed):
            yield self._path(item, f"{where}.repeat[{place}]", text)

    def _column(self, item: dict[str, Any], where: str) -> ViewColumn:
        self._only(item, COLUMN_ELEMENTS, where)
        type_name, collection = item.get("type"), item.get("collection", False)
        if type_name is not None and not isinstance(type_name, str):
            self.wrong(f"{where}.type", "is the name of a FHIR type.")
        if not isinstance(collection, bool):
            self.wrong(f"{where}.collection", "is true or false.")
        tags = {
            str(tag.get("name")): str(tag.get("value")) for _, tag in self._objects(item, "tag", f"{where}.")
        }
        path = self._path(item, f"{where}.path", item.get("path"))
        short = type_name.rpartition("/")[2] if isinstance(type_name, str) else None
        return ViewColumn(self._name(item, where), path, short, collection is True, tags)

    def _name(self, item: dict[str, Any], where: str) -> str:
        name = item.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            self.wrong(f"{where}.name", "starts with a letter and has only letters, digits and '_'.")
        return str(name)

    def _path(self, item: dict[str, Any], where: str, text: Any) -> Located:
        if not isinstance(text, str) or not text.strip():
            self.wrong(where, "is a FHIRPath text.")
            return Located("", parse("$this"), where)
        try:
            return Located(text, parse(text), where)
        except BadRequest as error:
            self.wrong(where, f"{error.message}.")
            return Located(text, parse("$this"), where)

    def _objects(
        self, owner: dict[str, Any], element: str, before: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        listed = owner.get(element, [])
        if not isinstance(listed, list):
            self.wrong(f"{before}{element}", "is a list.")
            listed = []
        for place, item in enumerate(listed):
            where = f"{before}{element}[{place}]"
            if isinstance(item, dict):
                yield where, item
            else:
                self.wrong(where, "is a JSON object.")

    def _only(self, item: dict[str, Any], known: set[str], where: str) -> None:
        for name in item.keys() - known:
            self.wrong(f"{where}.{name}", "is no element here: look for a slip of the pen.")
