"""Queries compiled: sources, relationships, lets, where, return, sort, aggregate; operators that are queries too."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.measures.elm.compiler import Compiler, Scope, handles
from pipelines.measures.elm.nodes import Aggregate, Node, Query, Relation, SortKey
from pipelines.measures.elm.references import property_of


@handles("Query")
def _query(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    depth = scope.depth + 1
    row = lambda name: f"{name}·{depth}"  # noqa: E731
    sources = [
        (row(one["alias"]), one["alias"], compiler.node(one["expression"], scope)) for one in elm["source"]
    ]
    names = {alias: compiler.make("Row", (), {"row": name}, elm) for name, alias, _ in sources}
    inside = scope.binding(names, 1)
    relations = []
    for one in elm.get("relationship") or []:
        related = f"{one['alias']}·{depth}r"
        # A `let` comes before the relationships and is in sight of them.
        inside_lets = _lets(compiler, elm, inside)
        source = compiler.node(one["expression"], inside_lets)
        such = inside_lets.binding({one["alias"]: compiler.make("Row", (), {"row": related}, elm)}, 1)
        condition = compiler.node(one["suchThat"], such)
        relations.append(Relation(one["type"] == "With", related, source, condition))
    inside = _lets(compiler, elm, inside)
    where = compiler.node(elm["where"], inside) if elm.get("where") else None
    returns, distinct = None, False
    if elm.get("return"):
        returns = compiler.node(elm["return"]["expression"], inside)
        distinct = elm["return"].get("distinct", True)
    sort_row = f"$this·{depth}"
    query = Query(
        tuple(sources),
        tuple(relations),
        where,
        returns,
        bool(distinct),
        sort_row,
        _sort_keys(compiler, elm.get("sort"), inside, sort_row),
        _aggregate(compiler, elm.get("aggregate"), inside, f"{depth}"),
    )
    return compiler.program.nodes.make_query(query, compiler.place(elm))


def _lets(compiler: Compiler, elm: dict, scope: Scope) -> Scope:
    for one in elm.get("let") or []:
        scope = scope.binding({one["identifier"]: compiler.node(one["expression"], scope)})
    return scope


def _sort_keys(compiler: Compiler, sort: dict | None, scope: Scope, row: str) -> tuple[SortKey, ...]:
    if not sort:
        return ()
    this = compiler.make("Row", (), {"row": row})
    inside = Scope(scope.names, scope.depth + 1, scope.calls, this)
    keys = []
    for one in sort["by"]:
        by = None
        if one["type"] == "ByColumn":
            by = property_of(compiler, {"path": one["path"]}, inside)
        elif one["type"] == "ByExpression":
            by = compiler.node(one["expression"], inside)
        keys.append(SortKey(by, one["direction"] in ("asc", "ascending")))
    return tuple(keys)


def _aggregate(compiler: Compiler, elm: dict | None, scope: Scope, depth: str) -> Aggregate | None:
    if not elm:
        return None
    total = f"{elm['identifier']}·{depth}t"
    place = f"$index·{depth}"
    names = {
        elm["identifier"]: compiler.make("Row", (), {"row": total}, elm),
        "$index": compiler.make("Row", (), {"row": place}, elm),
    }
    start = (
        compiler.node(elm["starting"], scope) if elm.get("starting") else compiler.make("Null", (), {}, elm)
    )
    step = compiler.node(elm["expression"], scope.binding(names, 1))
    return Aggregate(total, place, bool(elm.get("distinct", False)), start, step)


@handles("Filter", "ForEach", "Sort", "Aggregate")
def _as_query(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    """Queries over one source in other words."""
    source = [{"alias": elm.get("scope") or "$this", "expression": elm["source"]}]
    clause = CLAUSES[elm["type"]](elm)
    return _query(compiler, {"type": "Query", "source": source, **clause}, scope)


CLAUSES: dict[str, Callable[[dict], dict]] = {
    "Filter": lambda elm: {"where": elm["condition"]},
    "ForEach": lambda elm: {"return": {"expression": elm["element"], "distinct": False}},
    "Sort": lambda elm: {"sort": {"by": elm["by"]}},
    "Aggregate": lambda elm: {
        "aggregate": {
            "identifier": "$total",
            "expression": elm["iteration"],
            "starting": elm.get("initialValue"),
        }
    },
}


@handles("Repeat")
def _repeat(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    alias, depth = elm.get("scope") or "$this", scope.depth + 1
    name = f"{alias}·{depth}"
    row = compiler.make("Row", (), {"row": name}, elm)
    source = compiler.node(elm["source"], scope)
    element = compiler.node(elm["element"], scope.binding({alias: row}, 1))
    query = Query(((name, alias, source),), (), None, element, False, f"$this·{depth}·", (), None)
    return compiler.program.nodes.make_query(query, compiler.place(elm), "Repeat")
