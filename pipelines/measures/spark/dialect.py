"""Our DuckDB statements in Spark's SQL: SQLGlot does the most, and the few things that it does not know are here."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def spark_sql(select: str) -> str:
    """The statement for Spark. Raises ParseError for what SQLGlot cannot read."""
    tree = sqlglot.parse_one(select, read="duckdb")
    return tree.transform(_as_spark_has_it).sql(dialect="spark")


def _as_spark_has_it(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.CTE):
        node.set("materialized", None)
    elif isinstance(node, exp.Cast):
        return _months_later(node)
    elif isinstance(node, exp.Window) and not node.args.get("order") and isinstance(node.this, exp.RowNumber):
        node.set("order", exp.Order(expressions=[exp.Null()]))
    elif isinstance(node, exp.Anonymous) and node.name.lower() == "row":
        return exp.Struct(expressions=node.expressions)
    return node


def _months_later(cast: exp.Cast) -> exp.Expression:
    """`CAST(day + to_months(n) AS DATE)`, which ends in the last day of a shorter month in both."""
    moved = cast.this
    if not isinstance(moved, exp.Add | exp.Sub):
        return cast
    months = moved.expression
    if not (isinstance(months, exp.Anonymous) and months.name.lower() == "to_months"):
        return cast
    count = months.expressions[0].copy()
    if isinstance(moved, exp.Sub):
        count = exp.Neg(this=exp.paren(count))
    return exp.Anonymous(this="add_months", expressions=[moved.this.copy(), count])
