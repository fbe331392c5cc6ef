"""A column as a view's reader gets it: one value or a list, of the type that the view declares."""

from __future__ import annotations

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.branches import Layer
from pipelines.flatten.values import KINDS, NOTHING, Value, located
from pipelines.flatten.view_definitions import ViewColumn

ANSI_TYPE = "ansi/type"
INSTANT = (
    "CASE WHEN length({0}) > 16 AND (ends_with({0}, 'Z') OR substr({0}, -6, 1) IN ('+', '-'))"
    " THEN try_cast({0} AS TIMESTAMPTZ) END"
)
"""The instant, when a time and an offset are written; else null."""
CASTS = {
    "boolean": "{0}",
    "integer": "try_cast({0} AS BIGINT)",
    "decimal": "try_cast({0} AS DOUBLE)",
    "text": "CAST({0} AS VARCHAR)",
    "date": "CAST({0} AS VARCHAR)",
    "time": "CAST({0} AS VARCHAR)",
}
"""By what is declared. A FHIR date may lack its day, so it stays a text unless the view asks for more."""
ANSI_CASTS = {
    "BOOLEAN": "try_cast({0} AS BOOLEAN)",
    "INTEGER": "try_cast({0} AS INTEGER)",
    "BIGINT": "try_cast({0} AS BIGINT)",
    "DOUBLE PRECISION": "try_cast({0} AS DOUBLE)",
    "DATE": "CASE WHEN length({0}) = 10 THEN try_cast({0} AS DATE) END",
    "TIMESTAMP WITH TIME ZONE": INSTANT,
    "CHARACTER VARYING": "CAST({0} AS VARCHAR)",
    "VARCHAR": "CAST({0} AS VARCHAR)",
}


def add_output(layer: Layer, column: ViewColumn) -> str:
    """Puts what is read into the layer under the column's name. Returns the SQL that finishes it, over that name.

    Raises BadRequest when the path gives no primitive value, or one of another type than declared.
    """
    value = layer.scope.value(column.path.expression)
    finish = _finish(value, column)
    if not column.collection:
        text = f"{column.path.text}: add first(), or collection true to the column"
        layer.texts[column.name] = located(value.single(text).sql, column.path.where)
        return finish.format(f'"{column.name}"')
    items = "CAST([] AS VARCHAR[])" if value.kind == NOTHING else f"coalesce({value.items}, [])"
    layer.texts[column.name] = located(items, column.path.where)
    return f"""list_transform("{column.name}", lambda c: {finish.format("c")})"""


def _finish(value: Value, column: ViewColumn) -> str:
    if value.kind == "complex":
        raise BadRequest(f"gives a {value.type}, which is no column: choose one of its elements")
    wanted = KINDS.get(column.type or value.type, "complex")
    if wanted == "complex":
        raise BadRequest(f"declares the type {column.type}, which is no primitive FHIR type")
    if not _fits(value.kind, wanted):
        raise BadRequest(f"declares the type {column.type}, and gives {value.in_words}")
    if ansi := column.tags.get(ANSI_TYPE):
        if ansi.upper() not in ANSI_CASTS:
            raise BadRequest(f"asks for {ANSI_TYPE} {ansi}; known are {', '.join(ANSI_CASTS)}")
        return ANSI_CASTS[ansi.upper()]
    return "{0}" if value.kind == wanted and not value.digits else CASTS.get(wanted, "CAST({0} AS VARCHAR)")


def _fits(given: str, wanted: str) -> bool:
    return given in (wanted, NOTHING) or wanted == "text" or (given, wanted) == ("integer", "decimal")
