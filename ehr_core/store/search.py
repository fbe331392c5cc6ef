"""Finds current resources of one type, a page at a time, in an order that does not move between pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select, text

from ehr_core.access.chart_policy import require_scope
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.patient_compartment import in_compartment, narrowed_to
from ehr_core.store.resource_types import ResourceType, resource_type
from ehr_core.store.search_conditions import conditions, patient_named
from ehr_core.store.search_parameters import CONTROLS, Search, known_parameters, shown
from ehr_core.store.tables import current_table
from ehr_core.store.versions import StoredResource, stored, version_columns

LARGEST_PAGE = 1000
PLAN_BY_VALUE = text("SET LOCAL plan_cache_mode = force_custom_plan")
IN_ORDER = 100
"""Characters of a name that an index orders by; the rest decides among the few that begin alike."""
NAMES = frozenset({"name_text", "family_text"})
LAST_CHANGES = "-_lastUpdated"
"""An import writes thousands in one moment: from the end of their index they come without being sorted."""
ALWAYS_THERE = frozenset({"id", "last_updated"})
"""Columns without nulls: to say where nulls go would keep an index from being read backwards."""


@dataclass(frozen=True)
class SearchPage:
    """`total` counts all matches, None when `_total=none` asked for no count."""

    resources: list[StoredResource]
    total: int | None
    limit: int
    offset: int

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins; None on the last one."""
        end = self.offset + len(self.resources)
        more = len(self.resources) == self.limit if self.total is None else end < self.total
        return end if more and self.resources else None


def find(
    connection: Connection,
    type_name: str,
    given: Sequence[tuple[str, str]],
    search: Search,
    *,
    limit: int,
    offset: int = 0,
) -> SearchPage:
    """One page. Raises BadRequest for an unknown parameter, modifier, sort key or number."""
    asked = Asked.of(type_name, given, search, limit=limit, offset=offset)
    asked.plan_by_value(connection)
    found = [stored(type_name, found_row) for found_row in connection.execute(asked.page())]
    total: int | None = asked.offset + len(found)
    if not asked.counting:
        total = None
    elif len(found) == asked.limit or (asked.offset and not found):
        total = asked.count(connection)
    return SearchPage(found, total, asked.limit, asked.offset)


@dataclass(frozen=True)
class Asked:
    """A search that has been understood: its conditions, its order and its page.

    `counting`: the answer tells how many there are; `exact`: also when counting all of them is the most of the work.
    `wide`: it names no patient.
    """

    type_name: str
    where: list[ColumnElement[bool]]
    order: list[Any]
    limit: int
    offset: int
    counting: bool
    exact: bool
    wide: bool

    @classmethod
    def of(
        cls,
        type_name: str,
        given: Sequence[tuple[str, str]],
        search: Search,
        *,
        limit: int,
        offset: int = 0,
    ) -> Asked:
        require_scope(search.sight.actor, type_name, "s")
        search.sight.require_type(type_name)
        row, table = resource_type(type_name), current_table(type_name)
        given, known = narrowed_to(type_name, given, search), known_parameters(row, table, search)
        controls = _controls(given)
        return cls(
            type_name,
            [*conditions(row, table, given, search), *in_compartment(type_name, known, search)],
            _order(row, table, controls.get("_sort"), search),
            _number(controls, "_count", limit, highest=LARGEST_PAGE),
            _number(controls, "_offset", offset, highest=10**9),
            _counting(controls) != "none",
            _counting(controls) in ("accurate", "estimate"),
            patient_named(known, given, search) is None,
        )

    def plan_by_value(self, connection: Connection) -> None:
        """From here on in this transaction: which index serves a wide search depends on what it asks for."""
        if self.wide:
            connection.execute(PLAN_BY_VALUE)

    def page(self) -> Select:
        columns = version_columns(current_table(self.type_name))
        return select(*columns).where(*self.where).order_by(*self.order).limit(self.limit).offset(self.offset)

    def ids(self, most: int) -> Select:
        """The ids of everything that matches, in order."""
        return select(current_table(self.type_name).c.id).where(*self.where).order_by(*self.order).limit(most)

    def count(self, connection: Connection) -> int:
        query = select(func.count()).select_from(current_table(self.type_name)).where(*self.where)
        return connection.execute(query).scalar_one()


def _controls(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    controls: dict[str, str] = {}
    for name, value in given:
        if name in CONTROLS and controls.setdefault(name, value) != value:
            raise BadRequest(f"The search parameter '{name}' is given twice.")
    return controls


def _number(controls: dict[str, str], name: str, default: int, *, highest: int) -> int:
    text = controls.get(name)
    if text is None:
        return max(0, min(default, highest))
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise BadRequest(f"The search parameter '{name}' is a whole number.")
    return min(int(text), highest)


def _counting(controls: dict[str, str]) -> str | None:
    wanted = controls.get("_total")
    if wanted not in (None, "none", "estimate", "accurate"):
        raise BadRequest("The search parameter '_total' is none, estimate or accurate.")
    return wanted


def _order(row: ResourceType, table: Table, sort: str | None, search: Search) -> list[Any]:
    """By the keys asked for, else newest date first (people by name); the id decides between equals."""
    if sort is None:
        first = _by_name(table.c.name_text) if row.named else [table.c.date_low.desc().nulls_last()]
        return [*first, table.c.id]
    known = known_parameters(row, table, search)
    order: list[Any] = []
    for key in sort.split(","):
        name = key.removeprefix("-")
        parameter = known.get(name)
        if parameter is None or not parameter.sort:
            raise BadRequest(f"{row.name} cannot be sorted by '{shown(name)}'.")
        for column in parameter.sort:
            order += _sorted_by(column, descending=key.startswith("-"))
    return [*order, table.c.id.desc() if sort == LAST_CHANGES else table.c.id]


def _sorted_by(column: Any, *, descending: bool) -> list[Any]:
    name = getattr(column, "name", None)
    if name in NAMES and not descending:
        return _by_name(column)
    order = column.desc() if descending else column.asc()
    return [order if name in ALWAYS_THERE else order.nulls_last()]


def _by_name(column: Any) -> list[Any]:
    return [func.left(column, IN_ORDER).asc(), column.asc()]
