"""Finds current resources of one type, a page at a time, in an order that does not move between pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select

from ehr_core.access.actor import Actor
from ehr_core.access.chart_policy import rows_open_to
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.resource_types import ResourceType, resource_type
from ehr_core.store.search_parameters import CONTROLS, conditions, known_parameters, shown
from ehr_core.store.tables import current_table
from ehr_core.store.versions import StoredResource, stored, version_columns

LARGEST_PAGE = 1000


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
    *,
    limit: int,
    offset: int,
    time_zone: str,
    actor: Actor,
) -> SearchPage:
    """One page of what the policy opens to the actor.

    Raises BadRequest for an unknown parameter, modifier, sort key or number.
    """
    row, table = resource_type(type_name), current_table(type_name)
    controls = _controls(given)
    limit = _number(controls, "_count", limit, highest=LARGEST_PAGE)
    offset = _number(controls, "_offset", offset, highest=10**9)
    where = [*conditions(row, table, given, time_zone), rows_open_to(actor, table)]
    where = [condition for condition in where if condition is not None]
    order = _order(row, table, controls.get("_sort"), time_zone)
    query = select(*version_columns(table)).where(*where).order_by(*order).limit(limit).offset(offset)
    found = [stored(type_name, found_row) for found_row in connection.execute(query)]
    total: int | None = offset + len(found)
    if _counting(controls) is False:
        total = None
    elif len(found) == limit or (offset and not found):
        total = connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    return SearchPage(found, total, limit, offset)


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


def _counting(controls: dict[str, str]) -> bool:
    wanted = controls.get("_total", "accurate")
    if wanted not in ("none", "estimate", "accurate"):
        raise BadRequest("The search parameter '_total' is none, estimate or accurate.")
    return wanted != "none"


def _order(row: ResourceType, table: Table, sort: str | None, time_zone: str) -> list[Any]:
    """By the keys asked for, else newest date first (people by name); the id decides between equals."""
    if sort is None:
        first = table.c.name_text.asc() if row.named else table.c.date_low.desc().nulls_last()
        return [first, table.c.id]
    known = known_parameters(row, table, time_zone)
    order: list[Any] = []
    for key in sort.split(","):
        name = key.removeprefix("-")
        parameter = known.get(name)
        if parameter is None or not parameter.sort:
            raise BadRequest(f"{row.name} cannot be sorted by '{shown(name)}'.")
        for column in parameter.sort:
            order.append((column.desc() if key.startswith("-") else column.asc()).nulls_last())
    return [*order, table.c.id]
