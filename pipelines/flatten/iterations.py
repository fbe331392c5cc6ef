"""`forEach`, `forEachOrNull` and `repeat`: the list that is gone over, and a row for each of its items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.expressions import Scope
from pipelines.flatten.fhirpath import Element, Path
from pipelines.flatten.structure import NoSuchElement, Used
from pipelines.flatten.values import EMPTY, NOTHING, Value
from pipelines.flatten.view_definitions import Located, Select

ITEM, INDEX = 'f."#item"', 'f."#index"'
"""No column of a view can have such names."""
Rows = Callable[[str, str, list[str]], str]
"""(source SELECT, name of the list, names to carry on) -> SELECT with `#item` and `#index` beside what is carried."""


@dataclass(frozen=True)
class Opening:
    """`listed` is worked out in the layer above; `scope` is where the paths below start."""

    scope: Scope
    listed: str
    rows: Rows


def _unnested(source: str, listed: str, carried: list[str]) -> str:
    items = (*carried, f'unnest({listed}) AS "#item"', f'generate_subscripts({listed}, 1) - 1 AS "#index"')
    return f"SELECT {', '.join(items)} FROM ({source})"


def _none(source: str, listed: str, carried: list[str]) -> str:
    items = (*carried, 'NULL AS "#item"', '0 AS "#index"')
    return f"SELECT {', '.join(items)} FROM ({source}) WHERE FALSE"


NO_ROWS = Opening(Scope(EMPTY), "NULL", _none)


def for_each(scope: Scope, select: Select) -> Opening:
    value = scope.typed(scope.value(select.paths[0].expression))
    if value.kind == NOTHING:
        listed = "[NULL]" if select.iteration == "forEachOrNull" else "NULL::INTEGER[]"
        return Opening(Scope(EMPTY, scope.names, INDEX), listed, _unnested)
    listed = value.items
    if select.iteration == "forEachOrNull":
        listed = f"CASE WHEN len({listed}) > 0 THEN {listed} ELSE [NULL] END"
    return Opening(Scope(value.one_of(ITEM), scope.names, INDEX), listed, _unnested)


def repeat(scope: Scope, select: Select, walked: dict[str, Used]) -> Opening:
    """Goes down as deep as the items nest, parents before their children. `walked` keeps what is read of an item.

    A path may lead nowhere from the start or from an item: not every level has every element.
    """
    starts = [value for path in select.paths if (value := _kept_as_json(scope, path))]
    if not starts:
        return Opening(Scope(EMPTY, scope.names, INDEX), "NULL", _none)
    item = walked.setdefault(select.where, Used(starts[0].type))
    inner = Scope(Value('n."#item"', item.type_name, item), scope.names)
    children = [value for path in select.paths if (value := _kept_as_json(inner, path))]
    if others := {value.type for value in starts + children} - {item.type_name}:
        raise BadRequest(
            f"repeat goes over {item.type_name} and {', '.join(sorted(others))}: it takes one type"
        )
    structure = scope.names.structure_of(item)

    def rows(source: str, listed: str, carried: list[str]) -> str:
        return _walk(source, listed, carried, _joined(children), structure)

    this = Value(ITEM, item.type_name, item)
    return Opening(Scope(this, scope.names, INDEX), _joined(starts), rows)


def _kept_as_json(scope: Scope, path: Located) -> Value | None:
    """The items at a path, in JSON: how deep they nest cannot be told by a type."""
    expression = path.expression
    if not isinstance(expression, Path) or expression.start or not _are_elements(expression):
        raise BadRequest(f"repeat goes over elements by their names, not '{path.text}'")
    try:
        value = scope.value(expression)
    except NoSuchElement:
        return None
    if value.used is None or value.kind != "complex":
        raise BadRequest(f"repeat goes over elements that have elements; '{path.text}' is {value.in_words}")
    value.used.raw = True
    return value


def _are_elements(path: Path) -> bool:
    return bool(path.steps) and all(isinstance(step, Element) for step in path.steps)


def _joined(values: list[Value]) -> str:
    lists = ", ".join(f"coalesce({value.items}, [])" for value in values)
    return f"list_concat({lists})" if len(values) > 1 else lists or "CAST([] AS JSON[])"


def _walk(source: str, listed: str, carried: list[str], children: str, structure: str) -> str:
    """Level by level; the place of an item is the list of its positions on the way down, which sorts as it is read."""
    read = f'from_json(w."#node", {structure}) AS "#item"'
    below = (
        f'SELECT n."#row", n."#place", {children} AS "#nodes" FROM (SELECT w.*, {read} FROM walked AS w) AS n'
    )
    carried = [f"b.{name}" for name in carried]
    place = 'row_number() OVER (PARTITION BY w."#row" ORDER BY w."#place") - 1 AS "#index"'
    return (
        f'WITH RECURSIVE begun AS MATERIALIZED (SELECT *, row_number() OVER () AS "#row" FROM ({source})),'
        f' walked("#row", "#place", "#node") AS (SELECT "#row", ["#step"], "#node" FROM'
        f' (SELECT "#row", unnest({listed}) AS "#node", generate_subscripts({listed}, 1) AS "#step" FROM begun)'
        f' UNION ALL SELECT "#row", list_append("#place", "#step"), "#node" FROM'
        f' (SELECT "#row", "#place", unnest("#nodes") AS "#node", generate_subscripts("#nodes", 1) AS "#step"'
        f" FROM ({below})))"
        f' SELECT {", ".join((*carried, read, place))} FROM walked AS w JOIN begun AS b ON b."#row" = w."#row"'
    )
