"""Which guides are in force, in every process: one number in the database says when to read them again.

Each unit of work asks for the number once. A writer gets its transaction's number in the same breath, so that whoever
indexes a new search parameter can wait for those who wrote before it (see indexing.py).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

from ehr_core.store.guides.contents import CODE_SYSTEM, PROFILE, VALUE_SET
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.guides.shipped import shipped
from ehr_core.store.search_facts import SearchFact

REVISION = text("SELECT revision FROM guide.state")
REVISION_OF_A_WRITER = text("SELECT revision, pg_current_xact_id() FROM guide.state")
IN_FORCE = "SELECT DISTINCT ON (name) name, version, title FROM guide.package ORDER BY name, revision DESC"
PACKAGES = text(IN_FORCE)
PARTS = text(
    f"SELECT p.kind, p.url, p.facts FROM guide.part p JOIN ({IN_FORCE}) f USING (name, version) "
    "JOIN guide.package g USING (name, version) WHERE p.kind <> 'search' ORDER BY g.revision"
)
SEARCHES = text("SELECT resource_type, name, kind, paths, indexed FROM guide.search")
REQUIRED = text("SELECT resource_type, url FROM guide.required ORDER BY resource_type, url")

_kept: WeakKeyDictionary[Engine, Guides] = WeakKeyDictionary()
_of_work: WeakKeyDictionary[Connection, tuple[Guides, bool]] = WeakKeyDictionary()
_reading = threading.Lock()


def guides_in(connection: Connection, *, writing: bool = False) -> Guides:
    """The guides in force in this transaction; the same ones until it ends."""
    found = _of_work.get(connection)
    if found is not None and (found[1] or not writing):
        return found[0]
    revision = connection.execute(REVISION_OF_A_WRITER if writing else REVISION).scalar_one()
    guides = _at(connection, revision)
    _of_work[connection] = (guides, writing)
    return guides


def forget(connection: Connection) -> None:
    """After a change within this transaction."""
    _of_work.pop(connection, None)


def _at(connection: Connection, revision: int) -> Guides:
    if revision == 0:
        return SHIPPED
    kept = _kept.get(connection.engine)
    if kept is None or kept.revision != revision:
        with _reading:
            kept = _kept.get(connection.engine)
            if kept is None or kept.revision != revision:
                kept = _read(connection, revision)
                _kept[connection.engine] = kept
    return kept


def _read(connection: Connection, revision: int) -> Guides:
    """Later packages win over earlier ones, and all of them over what is shipped."""
    held = shipped()
    found: dict[str, dict] = {
        PROFILE: dict(held.profiles),
        VALUE_SET: dict(held.value_sets),
        CODE_SYSTEM: dict(held.code_systems),
    }
    for row in connection.execute(PARTS):
        found[row.kind][row.url] = row.facts
    searches: dict[str, list[SearchFact]] = defaultdict(list)
    waiting: set[tuple[str, str]] = set()
    for row in connection.execute(SEARCHES):
        searches[row.resource_type].append(SearchFact(row.name, row.kind, tuple(row.paths)))
        if not row.indexed:
            waiting.add((row.resource_type, row.name))
    required: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(REQUIRED):
        required[row.resource_type].append(row.url)
    return Guides(
        revision,
        found[PROFILE],
        found[VALUE_SET],
        found[CODE_SYSTEM],
        {name: tuple(sorted(facts, key=lambda fact: fact.name)) for name, facts in searches.items()},
        frozenset(waiting),
        {name: tuple(urls) for name, urls in required.items()},
        tuple(f"{row.name}#{row.version}" for row in connection.execute(PACKAGES)),
    )
