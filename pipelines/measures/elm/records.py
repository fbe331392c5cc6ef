"""Records: FHIR resources as element tables, one per element path, made when a measure first asks for the element.

A row of an element table is one occurrence of the element. Asking for a part gives positions in the part's own table,
so the same element is read out of the resources once, for all patients and all measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain, compress
from types import NoneType
from weakref import WeakValueDictionary

import numpy as np

from pipelines.measures.elm.columns import (
    Bool,
    Choice,
    Column,
    Dec,
    Int,
    Listing,
    Null,
    Rows,
    Single,
    Text,
    concat,
    gather,
    offsets_of,
)
from pipelines.measures.elm.fhir_model import SYSTEM_TYPE, Element, elements
from pipelines.measures.elm.moments import moments
from pipelines.measures.elm.texts import Texts


class ElementTable:
    """All occurrences of one element, as parsed JSON."""

    def __init__(self, type_name: str, values: Sequence, texts: Texts, path: str):
        self.type_name, self.values, self.texts, self.path = type_name, values, texts, path
        self._parts: dict[str, Column] = {}
        self.joins: WeakValueDictionary[tuple[int, ...], JoinedTable] = WeakValueDictionary()
        self.profiles: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.values)

    def value(self, row: int):
        """The JSON of one occurrence."""
        return self.values[row]

    def part(self, name: str) -> Column:
        """The part of every occurrence; null in every row when FHIR knows no such part."""
        if name not in self._parts:
            self._parts[name] = self._read(name)
        return self._parts[name]

    @cached_property
    def system_values(self) -> Column:
        """The values of a primitive."""
        raw = self.values
        if dict in set(map(type, raw)):
            raw = [value.get("value") if isinstance(value, dict) else value for value in raw]
        return READERS[SYSTEM_TYPE[self.type_name]](raw, self.texts)

    def _read(self, name: str) -> Column:
        if self.type_name in SYSTEM_TYPE:
            return self._part_of_primitive(name)
        known = elements(self.type_name) or {}
        element = known.get(name)
        if element is None:
            return Null(len(self))
        if element.choice:
            return self._choice(name, element)
        return self._single(name, name, element.types[0], element.repeats)

    def _part_of_primitive(self, name: str) -> Column:
        if name == "value":
            return self.system_values
        kind = {"extension": ("Extension", True), "id": ("string", False)}.get(name)
        if kind is None:
            return Null(len(self))
        return self._single(name, name, *kind)

    @cached_property
    def _objects(self) -> Sequence[dict]:
        """The values, with nothing in place of those that are no objects."""
        strange = set(map(type, self.values)) - {dict}
        return [one if isinstance(one, dict) else {} for one in self.values] if strange else self.values

    @cached_property
    def _keys(self) -> frozenset[str]:
        """The names that any of the values has."""
        return frozenset(chain.from_iterable(self._objects))

    def _choice(self, name: str, element: Element) -> Column:
        written = {f"{name}{kind[0].upper()}{kind[1:]}": kind for kind in element.types}
        keys = {key.lstrip("_") for key in self._keys}
        found = [self._single(key, name, kind, False) for key, kind in written.items() if key in keys]
        if not found:
            return Null(len(self))
        return found[0] if len(found) == 1 else Choice(found)

    def _single(self, key: str, name: str, kind: str, repeats: bool) -> Column:
        path = f"{self.path}.{key}"
        found = self._found(key, kind in SYSTEM_TYPE)
        if repeats:
            if set(map(type, found)) != {list}:
                found = [one if isinstance(one, list) else ([] if one is None else [one]) for one in found]
            counts = np.fromiter(map(len, found), np.int64, len(found))
            items = list(chain.from_iterable(found))
            return Listing(offsets_of(counts), self._elements(kind, items, path), counts > 0)
        if not {NoneType, list} & set(map(type, found)):
            return self._elements(kind, found, path)
        present = np.array([one is not None and not isinstance(one, list) for one in found], bool)
        kept = list(compress(found, present.tolist()))
        rows = np.where(present, np.cumsum(present) - 1, -1)
        return self._elements(kind, kept, path).take(rows)

    def _found(self, key: str, primitive: bool) -> list:
        """The JSON at a key of every value, null where there is none."""
        objects, beside = self._objects, f"_{key}"
        found = [one.get(key) for one in objects] if key in self._keys else [None] * len(self)
        if primitive and beside in self._keys:
            for row in [row for row, one in enumerate(objects) if beside in one]:
                found[row] = _primitive(objects[row], key)
        return found

    def _elements(self, kind: str, values: list, path: str) -> Elements:
        table = ElementTable(kind, values, self.texts, path)
        return Elements(table, np.arange(len(values)))


def _primitive(holder: dict, key: str):
    """The JSON value; a primitive with an extension of its own becomes {value, extension}."""
    value, beside = holder.get(key), holder.get(f"_{key}")
    if beside is None:
        return value
    if isinstance(value, list) or isinstance(beside, list):
        values, besides = value or [], beside if isinstance(beside, list) else []
        length = max(len(values), len(besides))
        pad = [*values, *[None] * (length - len(values))], [*besides, *[None] * (length - len(besides))]
        return [one if other is None else {"value": one, **other} for one, other in zip(*pad, strict=True)]
    return {"value": value, **beside} if isinstance(beside, dict) else value


class Elements(Single):
    """Positions in an element table; -1 is null."""

    def __init__(self, table: ElementTable, rows: Rows):
        self.table, self.rows = table, rows

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.table.type_name

    def join_key(self):
        return ("element", self.table.type_name)

    def __len__(self) -> int:
        return len(self.rows)

    def nulls(self) -> np.ndarray:
        return self.rows < 0

    def take(self, rows: Rows) -> Elements:
        return Elements(self.table, gather(self.rows, rows, -1))

    def join(self, others: Sequence[Elements]) -> Elements:
        columns = (self, *others)
        tables = list({id(column.table): column.table for column in columns}.values())
        if len(tables) == 1:
            return Elements(self.table, np.concatenate([column.rows for column in columns]))
        starts = dict(
            zip(map(id, tables), offsets_of(np.array([len(table) for table in tables])), strict=False)
        )
        rows = [np.where(column.rows < 0, -1, column.rows + starts[id(column.table)]) for column in columns]
        return Elements(joined_table(tables), np.concatenate(rows))

    def part(self, name: str) -> Column:
        return self.table.part(name).take(self.rows)


class JoinedTable(ElementTable):
    """Element tables of one type after one another: the same type of element from different places."""

    def __init__(self, tables: list[ElementTable]):
        first = tables[0]
        super().__init__(first.type_name, (), first.texts, first.path)
        self.tables = tables

    def __len__(self) -> int:
        return sum(len(table) for table in self.tables)

    def value(self, row: int):
        for table in self.tables:
            if row < len(table):
                return table.value(row)
            row -= len(table)
        raise IndexError(row)

    @cached_property
    def system_values(self) -> Column:
        return concat([table.system_values for table in self.tables])

    def _read(self, name: str) -> Column:
        return concat([table.part(name) for table in self.tables])


def joined_table(tables: list[ElementTable]) -> JoinedTable:
    """One table for the same tables each time, so that what was read of it is kept."""
    key = tuple(id(table) for table in tables)
    found = tables[0].joins.get(key)
    if found is None:
        found = tables[0].joins[key] = JoinedTable(tables)
    return found


def _whole_numbers(values: list, _: Texts) -> Int:
    known = np.array([isinstance(value, int) and not isinstance(value, bool) for value in values], bool)
    return Int(
        np.array([value if ok else 0 for value, ok in zip(values, known, strict=True)], np.int64), known
    )


def _decimals(values: list, _: Texts) -> Dec:
    return Dec(np.array([_decimal(value) for value in values], np.float64))


def _decimal(value) -> float:
    if isinstance(value, bool) or value is None:
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _booleans(values: list, _: Texts) -> Bool:
    return Bool(np.array([int(value) if isinstance(value, bool) else -1 for value in values], np.int8))


def _strings(values: list, texts: Texts) -> Text:
    if set(map(type, values)) - {str, NoneType}:
        values = [value if isinstance(value, str) else None for value in values]
    return Text(texts.numbered(values))


def _moments(kind: str) -> Callable[[list, Texts], Column]:
    return lambda values, _: moments(values, kind)


READERS: dict[str, Callable[[list, Texts], Column]] = {
    "Boolean": _booleans,
    "Integer": _whole_numbers,
    "Decimal": _decimals,
    "String": _strings,
    "Date": _moments("Date"),
    "DateTime": _moments("DateTime"),
    "Time": _moments("Time"),
}


class Records:
    """The resources of many patients: per type an element table and, of each resource, the patient's row.

    `declared_only`: a resource follows the profiles that it declares and no others, as the official cases assume.
    Otherwise one that declares none is judged by what it says.
    """

    def __init__(self, texts: Texts, *, declared_only: bool | frozenset[str] = False):
        self.texts, self.declared_only = texts, declared_only
        self.patients = 0
        self._resources: dict[str, list] = {}
        self._owners: dict[str, list[int]] = {}
        self._tables: dict[str, tuple[ElementTable, np.ndarray]] = {}

    def add_patient(self, resources: Sequence[dict]) -> int:
        """Takes over one patient's resources; returns the patient's row."""
        row = self.patients
        self.patients += 1
        for resource in resources:
            kind = resource.get("resourceType", "")
            self._resources.setdefault(kind, []).append(resource)
            self._owners.setdefault(kind, []).append(row)
        self._tables.clear()
        return row

    def add(self, kind: str, owners: Rows, resources: Sequence[dict]) -> None:
        """Takes over resources of one type, of each the row of its patient, in any order."""
        order = np.argsort(owners, kind="stable")
        self._resources.setdefault(kind, []).extend(resources[place] for place in order.tolist())
        self._owners.setdefault(kind, []).extend(owners[order].tolist())
        self._tables.pop(kind, None)

    def table(self, kind: str) -> tuple[ElementTable, np.ndarray]:
        """The resources of a type, ordered by patient, and of each the patient's row."""
        if kind not in self._tables:
            table = ElementTable(kind, self._resources.get(kind, []), self.texts, kind)
            self._tables[kind] = table, np.array(self._owners.get(kind, []), np.int64)
        return self._tables[kind]
