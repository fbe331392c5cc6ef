"""A search as a foreign client asks it: matches, what comes along, warnings, and where the next page begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ehr_core.kernel.errors import BadRequest
from ehr_core.store.search import Asked
from ehr_core.store.search_includes import NAMES, included, read_includes
from ehr_core.store.search_parameters import Search
from ehr_core.store.search_snapshots import Snapshot, find_snapshot, keep, page_of
from ehr_core.store.versions import StoredResource

if TYPE_CHECKING:
    from ehr_core.store.repository import Store

MOST_PARAMETERS = 100
USUAL_PAGE = 50


@dataclass(frozen=True)
class SearchAnswer:
    """`following` is (snapshot, offset) of the next page, None on the last; `used` are the parameters that counted."""

    matches: list[StoredResource]
    included: list[StoredResource]
    total: int | None
    following: tuple[str, int] | None
    warnings: list[str]
    used: list[tuple[str, str]] = field(default_factory=list)


def answer_search(
    store: Store,
    type_name: str,
    given: Sequence[tuple[str, str]],
    search: Search,
    rest: Sequence[tuple[str, str]] = (),
    *,
    counts_only: bool = False,
) -> SearchAnswer:
    """The first page. `rest` are parameters that shape the answer alone; they travel with the pages."""
    if len(given) > MOST_PARAMETERS:
        raise BadRequest(f"A search takes at most {MOST_PARAMETERS} parameters.")
    criteria = [pair for pair in given if pair[0].partition(":")[0] not in NAMES]
    if any(name == "_offset" for name, _ in criteria):
        raise BadRequest("Pages are turned by their links; '_offset' is none of FHIR's parameters.")
    includes = read_includes(given, search)
    asked = Asked.of(type_name, criteria, search, limit=USUAL_PAGE)
    asked.plan_by_value(store.connection)
    used = [pair for pair in given if pair[0] not in search.ignored]
    if counts_only or not asked.limit:
        total = asked.count(store.connection)
        store.audit_search(type_name, [], criteria, total, search.patient_id)
        return SearchAnswer([], [], total, None, search.warnings, used)
    rows = store.rows(type_name, asked.page())
    total, following = (len(rows) if asked.counting else None), None
    if len(rows) == asked.limit:
        shaping = [pair for pair in given if pair not in criteria] + list(rest)
        snapshot = keep(store.connection, asked, rows, criteria, shaping, store.work.now())
        total = snapshot.total
        if total is None or total > len(rows):
            following = (snapshot.id, len(rows))
    came_along = included(store.connection, rows, includes, search)
    store.audit_search(type_name, [*rows, *came_along], criteria, total, search.patient_id)
    return SearchAnswer(rows, came_along, total, following, search.warnings, used)


def turn_page(store: Store, snapshot: Snapshot, offset: int, search: Search) -> SearchAnswer:
    """A later page of the same search: what the reader may see by now of what was found then."""
    limit = Asked.of(snapshot.resource_type, snapshot.criteria, search, limit=USUAL_PAGE).limit
    rows, more = page_of(store.connection, snapshot, search, offset, limit)
    search.warnings.clear()
    came_along = included(store.connection, rows, read_includes(snapshot.rest, search), search)
    shown = [*rows, *came_along]
    store.audit_search(snapshot.resource_type, shown, snapshot.criteria, snapshot.total, search.patient_id)
    following = (snapshot.id, offset + limit) if more else None
    return SearchAnswer(rows, came_along, snapshot.total, following, search.warnings)


def snapshot_of(store: Store, snapshot_id: str) -> Snapshot:
    """Raises Gone when it is not this actor's, or no longer kept."""
    return find_snapshot(store.connection, snapshot_id, store.work.now())
