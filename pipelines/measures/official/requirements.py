"""What the active official measures read: of each type the value sets of its retrieves, and the elements looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from data_contracts.code_systems import LOINC
from data_contracts.data_requirements import EVERY_CODE, Codes, Need
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.nodes import Node, reachable
from pipelines.measures.elm.profiles import rules
from pipelines.measures.official.kept import Ready

PICKS_ONE = frozenset({"First", "Last", "SingletonFrom", "Indexer", "As"})
"""Operators whose answer is one of the records that they are given."""


def needs_of(ready: Iterable[Ready]) -> list[Need]:
    """One entry a measure (each of its groups) and type."""
    found = []
    for package in ready:
        for chosen in package.measures:
            by_type = _of_measure(package.engine, chosen.compiled)
            found += [
                Need(group.measure_id, True, kind, frozenset(elements), value_sets)
                for group in chosen.active
                for kind, (elements, value_sets) in sorted(by_type.items())
            ]
    return found


def _of_measure(engine: Engine, compiled: Compiled) -> dict[str, tuple[set[str], dict[str, Codes]]]:
    nodes = reachable(node for criteria in compiled.criteria.values() for node in criteria.values())
    found: dict[str, tuple[set[str], dict[str, Codes]]] = {}
    for node in nodes:
        if node.op == "Retrieve":
            elements, value_sets = found.setdefault(node["resource"], (set(), {}))
            elements.update(path for path in (node.get("code_path"), node.get("date_path")) if path)
            value_sets.update(_codes(engine, node))
    for kind, element in _elements(nodes):
        if kind in found:
            found[kind][0].add(element)
    return found


def _codes(engine: Engine, retrieve: Node) -> Iterator[tuple[str, Codes]]:
    """The retrieve's value set, or its single codes, by name."""
    codes = retrieve.args[0] if retrieve.args and retrieve.get("code_path") else None
    if codes is None:
        yield _by_profile(retrieve.get("profile"))
    elif url := codes.get("url"):
        value_set = engine.package.value_set(url)
        held = value_set.codes if value_set is not None else ()
        yield url, frozenset((system, code, False) for system, code in held)
    else:
        for node in reachable([codes]):
            if node.op == "Code":
                system, code = str(node.get("system")), str(node["code"])
                yield f"{system}|{code}", frozenset({(system, code, False)})


def _by_profile(profile: str | None) -> tuple[str, Codes]:
    """A profile that fixes its records' code is as good as a value set of it; another means every record."""
    name = (profile or "").rsplit("/", 1)[-1]
    fixed = rules().get(name, {}).get("is", {}).get("code", ())
    codes = frozenset((LOINC.uri, str(code), False) for code in fixed)
    return (name, codes) if codes else (EVERY_CODE, codes)


def _elements(nodes: Iterable[Node]) -> Iterator[tuple[str, str]]:
    """(type, element) of every look into a record: by a query's row, or by one that was picked out of a list."""
    rows = _types_of_rows(nodes)
    for node in nodes:
        if node.op == "Property" and node.args:
            element = str(node["path"]).partition(".")[0]
            for kind in _types(node.args[0], rows):
                yield kind, element


def _types_of_rows(nodes: Iterable[Node]) -> Mapping[str, set[str]]:
    """By row variable, the types that its sources retrieve. Rows are numbered by depth: names come again."""
    rows: dict[str, set[str]] = {}
    for node in nodes:
        if node.query is None:
            continue
        named = [(row, source) for row, _, source in node.query.sources]
        named += [(relation.row, relation.source) for relation in node.query.relations]
        named.append((node.query.sort_row, node))
        for row, source in named:
            kinds = {one["resource"] for one in reachable([source]) if one.op == "Retrieve"}
            rows.setdefault(row, set()).update(kinds)
    return rows


def _types(source: Node, rows: Mapping[str, set[str]]) -> set[str]:
    if source.op == "Row":
        return rows.get(source["row"], set())
    if source.op in PICKS_ONE:
        return {one["resource"] for one in reachable([source]) if one.op == "Retrieve"}
    return set()
