"""What comes along with a search's matches: _include and _revinclude, :iterate among them; a few statements a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, or_, select, true

from ehr_core.store.parameter_kinds import Reference
from ehr_core.store.resource_types import RESOURCE_TYPES, resource_type
from ehr_core.store.search_parameters import Search, known_parameters, shown
from ehr_core.store.search_sql import listed
from ehr_core.store.tables import current_table
from ehr_core.store.versions import StoredResource, stored, version_columns

MOST_INCLUDED = 2000
MOST_ROUNDS = 8
NAMES = ("_include", "_revinclude")
EVERYTHING = "*"
Place = tuple[str, str]


@dataclass(frozen=True)
class Included:
    """One _include or _revinclude: `Observation:subject:Patient`."""

    backwards: bool
    iterates: bool
    source: str
    parameter: str
    target: str | None


def read_includes(given: Sequence[tuple[str, str]], search: Search) -> list[Included]:
    """Those among the parameters. What is not understood raises BadRequest, or is a warning; see Search.strict."""
    found = []
    for full_name, value in given:
        understood = len(found)
        name, _, modifier = full_name.partition(":")
        if name not in NAMES:
            continue
        source, _, rest = value.partition(":")
        parameter, _, target = rest.partition(":")
        backwards = name == "_revinclude"
        if modifier not in ("", "iterate", "recurse"):
            search.not_understood(f"'{name}' does not take the modifier ':{shown(modifier)}'.")
        elif value == EVERYTHING and not backwards:
            found.append(Included(False, bool(modifier), EVERYTHING, EVERYTHING, None))
        elif source not in RESOURCE_TYPES or (target and target not in RESOURCE_TYPES):
            search.not_understood(f"'{name}' names a type that is not kept here: {shown(value)}.")
        elif not _parameters(source, parameter, search):
            search.not_understood(f"{source} has no reference '{shown(parameter)}' to include.")
        else:
            found.append(Included(backwards, bool(modifier), source, parameter, target or None))
        if len(found) == understood:
            search.ignored.add(full_name)
    return found


def included(
    connection: Connection, matches: Sequence[StoredResource], asked: Sequence[Included], search: Search
) -> list[StoredResource]:
    """What the matches refer to, or is referred to by, each once and no match again; see Search.warnings."""
    seen = {(match.resource_type, match.id) for match in matches}
    found: list[StoredResource] = []
    newest = list(matches)
    for number in range(MOST_ROUNDS):
        rules = [rule for rule in asked if not number or rule.iterates]
        arrived = _round(connection, newest, rules, search)
        newest = [one for place, one in arrived.items() if place not in seen]
        seen.update(arrived)
        found += newest
        if not newest or len(found) > MOST_INCLUDED:
            break
    if len(found) > MOST_INCLUDED or newest:
        search.warnings.append(
            f"At most {MOST_INCLUDED} resources over {MOST_ROUNDS} steps are included; there are more."
        )
    return found[:MOST_INCLUDED]


def _round(
    connection: Connection, sources: Sequence[StoredResource], rules: Sequence[Included], search: Search
) -> dict[Place, StoredResource]:
    by_type: dict[str, list[str]] = {}
    for source in sources:
        by_type.setdefault(source.resource_type, []).append(source.id)
    arrived: dict[Place, StoredResource] = {}
    for rule in rules:
        if rule.backwards:
            arrived |= _referring(connection, by_type, rule, search)
            continue
        for type_name in by_type if rule.source == EVERYTHING else (rule.source,):
            if type_name in by_type:
                arrived |= _referred(connection, type_name, by_type[type_name], rule, search)
    return arrived


def _parameters(type_name: str, name: str, search: Search, table: Any = None) -> list[Reference]:
    known = known_parameters(
        resource_type(type_name), current_table(type_name) if table is None else table, search
    )
    names = known.ready() if name == EVERYTHING else [name] if name in known else []
    found = [reference for each in names if (reference := known[each].reference) is not None]
    if name in ("subject", EVERYTHING) and "subject" in known:
        columns = (current_table(type_name) if table is None else table).c
        others = tuple(other for other in RESOURCE_TYPES if other != "Patient")
        found.append(Reference(columns.reference_tokens, others, "subject"))
    return found


def _referred(
    connection: Connection, type_name: str, ids: list[str], rule: Included, search: Search
) -> dict[Place, StoredResource]:
    """What these resources refer to, one statement a type that they lead to."""
    table = current_table(type_name)
    wanted: dict[str, set[str]] = {}
    for reference in _parameters(type_name, rule.parameter, search):
        if reference.one_type:
            query = select(reference.column).where(table.c.id.in_(ids), reference.column.is_not(None))
            wanted.setdefault(reference.one_type, set()).update(connection.execute(query).scalars())
            continue
        tokens = listed(reference.column)
        start = f"{reference.name}:"
        query = select(func.substr(tokens.c.token, len(start) + 1)).select_from(table.join(tokens, true()))
        query = query.where(table.c.id.in_(ids), func.starts_with(tokens.c.token, start))
        for text in connection.execute(query).scalars():
            target, _, target_id = text.partition("/")
            if target in reference.targets:
                wanted.setdefault(target, set()).add(target_id)
    return {
        (one.resource_type, one.id): one
        for target, target_ids in wanted.items()
        if rule.target in (None, target)
        for one in _current(connection, target, current_table(target).c.id.in_(sorted(target_ids)), search)
    }


def _referring(
    connection: Connection, by_type: dict[str, list[str]], rule: Included, search: Search
) -> dict[Place, StoredResource]:
    """The resources of the rule's source type that refer to these, in one statement."""
    conditions = []
    for reference in _parameters(rule.source, rule.parameter, search):
        for target, ids in by_type.items():
            if not reference.leads_to(target) or rule.target not in (None, target):
                continue
            if reference.one_type:
                conditions.append(reference.column.in_(ids))
            else:
                conditions.append(
                    reference.column.overlap([f"{reference.name}:{target}/{one}" for one in ids])
                )
    if not conditions:
        return {}
    return {
        (one.resource_type, one.id): one
        for one in _current(connection, rule.source, or_(*conditions), search)
    }


def _current(connection: Connection, type_name: str, where: Any, search: Search) -> list[StoredResource]:
    table = current_table(type_name)
    seen = search.sight.rows(type_name, table.c)
    query = select(*version_columns(table)).where(where, table.c.deleted.is_(False), *seen)
    query = query.order_by(table.c.id).limit(MOST_INCLUDED + 1)
    return [stored(type_name, row) for row in connection.execute(query)]
