"""One search over several types: type after type in the order asked for, in pages that hold together.

Every parameter has to be known to every type: where one type would not understand it, that type would answer with all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ehr_core.kernel.errors import BadRequest
from ehr_core.store.search import Asked
from ehr_core.store.search_answers import MOST_PARAMETERS, USUAL_PAGE
from ehr_core.store.search_includes import NAMES, included, read_includes
from ehr_core.store.search_parameters import Search
from ehr_core.store.search_snapshots import find_snapshot, keep, page_of
from ehr_core.store.versions import StoredResource

if TYPE_CHECKING:
    from ehr_core.store.repository import Store

MOST_TYPES = 20
Pair = tuple[str, str]


@dataclass(frozen=True)
class SeveralAnswer:
    """`following` are (snapshot, place) of each type that is not shown to its end; None on the last page."""

    matches: list[StoredResource]
    included: list[StoredResource]
    total: int | None
    following: list[tuple[str, int]] | None
    limit: int
    rest: list[Pair]
    warnings: list[str]


def search_several(
    store: Store,
    types: Sequence[str],
    given: Sequence[Pair],
    search: Search,
    rest: Sequence[Pair],
    *,
    counts_only: bool,
) -> SeveralAnswer:
    """The first page. Raises BadRequest, or Forbidden for a type that an application has no scope for."""
    if len(given) > MOST_PARAMETERS:
        raise BadRequest(f"A search takes at most {MOST_PARAMETERS} parameters.")
    criteria = [pair for pair in given if pair[0].partition(":")[0] not in NAMES]
    _refuse_shaping(criteria)
    includes, strict = read_includes(given, search), store.asking(strict=True, base_url=search.base_url)
    asked = [Asked.of(name, criteria, strict, limit=USUAL_PAGE) for name in types]
    limit, counting = asked[0].limit, asked[0].counting
    shaping = [pair for pair in given if pair not in criteria] + list(rest)
    if counts_only or not limit:
        total = sum(one.count(store.connection) for one in asked)
        _audit(store, [], criteria, types)
        return SeveralAnswer([], [], total, None, limit, shaping, search.warnings)
    matches: list[StoredResource] = []
    following, total = [], 0
    for one in asked:
        rows = store.rows(one.type_name, one.page())
        room = limit - len(matches)
        matches += rows[:room]
        if len(rows) == limit or len(rows) > room:
            snapshot = keep(store.connection, one, rows, criteria, shaping, store.work.now())
            total += snapshot.total or 0
            following.append((snapshot.id, min(room, len(rows))))
        else:
            total += len(rows)
    came_along = included(store.connection, matches, includes, search)
    _audit(store, [*matches, *came_along], criteria, types)
    return SeveralAnswer(
        matches, came_along, total if counting else None, following or None, limit, shaping, search.warnings
    )


def turn_several(
    store: Store, following: Sequence[tuple[str, int]], limit: int, search: Search
) -> SeveralAnswer:
    """A later page: what the reader may see by now of what was found then."""
    matches: list[StoredResource] = []
    left: list[tuple[str, int]] = []
    rest: list[Pair] = []
    criteria: list[Pair] = []
    taken = 0
    for snapshot_id, place in following:
        snapshot = find_snapshot(store.connection, snapshot_id, store.work.now())
        rest, criteria = snapshot.rest, snapshot.criteria
        if taken >= limit:
            left.append((snapshot_id, place))
            continue
        room = limit - taken
        rows, more = page_of(store.connection, snapshot, search, place, room)
        matches += rows
        taken += room if more else len(rows)
        if more:
            left.append((snapshot_id, place + room))
    search.warnings.clear()
    came_along = included(store.connection, matches, read_includes(rest, search), search)
    _audit(store, [*matches, *came_along], criteria, ())
    return SeveralAnswer(matches, came_along, None, left or None, limit, rest, search.warnings)


def _refuse_shaping(criteria: Sequence[Pair]) -> None:
    names = {name for name, _ in criteria}
    if "_sort" in names:
        raise BadRequest("A search over several types comes in the order of '_type'; leave '_sort' out.")
    if "_offset" in names:
        raise BadRequest("Pages are turned by their links; '_offset' is none of FHIR's parameters.")


def _audit(store: Store, found: Sequence[Any], criteria: Sequence[Pair], types: Sequence[str]) -> None:
    """One row a type that was shown, as for searches of one type."""
    by_type: dict[str, list[StoredResource]] = {name: [] for name in types}
    for one in found:
        by_type.setdefault(one.resource_type, []).append(one)
    for type_name, listed in by_type.items():
        store.audit_search(type_name, listed, criteria, len(listed))
