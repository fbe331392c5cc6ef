"""FHIRPath's operators as SQL. SQL's null is FHIRPath's empty, and its three-valued logic is the same."""

from __future__ import annotations

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.values import NOTHING, NUMBERS, Value, must_be_yes_or_no, truth

LOGIC = {
    "and": "({0} AND {1})",
    "or": "({0} OR {1})",
    "xor": "({0} <> {1})",
    "implies": "(NOT {0} OR {1})",
}
MEMBERSHIP = ("in", "contains")
EQUALITY = ("=", "!=")
ORDER = ("<", "<=", ">", ">=")
WHOLE_ARITHMETIC = {
    "+": "TRY({0} + {1})",
    "-": "TRY({0} - {1})",
    "*": "TRY({0} * {1})",
    "/": "(CAST({0} AS DOUBLE) / nullif({1}, 0))",
    "div": "({0} // nullif({1}, 0))",
    "mod": "({0} % nullif({1}, 0))",
}
ARITHMETIC = {
    **WHOLE_ARITHMETIC,
    "+": "({0} + {1})",
    "-": "({0} - {1})",
    "*": "({0} * {1})",
    "div": "CAST(trunc({0} / nullif({1}, 0)) AS BIGINT)",
}
SAME_MOMENT = "WHEN length(p.a) = length(p.b) THEN {same}"
PART = "least(length(p.a), length(p.b), 10)"


def operate(operator: str, left: Value, right: Value) -> Value:
    """What the operator gives. Raises BadRequest when the types of its sides do not go together."""
    if operator in LOGIC:
        for side in (left, right):
            must_be_yes_or_no(side, f"'{operator}'")
        sides = (side.single(f"a side of '{operator}'").sql for side in (left, right))
        return truth(LOGIC[operator].format(*(f"CAST({side} AS BOOLEAN)" for side in sides)))
    if operator == "|":
        return _union(left, right)
    if operator in MEMBERSHIP:
        return _member(*((left, right) if operator == "in" else (right, left)), operator)
    if NOTHING in (left.kind, right.kind) and operator != "&":
        return Value("NULL", NOTHING)
    if operator in EQUALITY:
        return _equal(operator, left, right)
    if operator in ORDER:
        return _ordered(operator, *_singles(operator, left, right))
    return _calculated(operator, *_singles(operator, left, right))


def _singles(operator: str, left: Value, right: Value) -> tuple[Value, Value]:
    text = f"a side of '{operator}'"
    return left.single(text), right.single(text)


def _must_go_together(operator: str, left: Value, right: Value) -> None:
    kinds = {left.kind, right.kind} - {NOTHING}
    if "complex" in kinds:
        raise BadRequest(f"'{operator}' compares single values; a {left.type} or {right.type} is none")
    if len(kinds) > 1 and kinds != NUMBERS:
        hint = "; write a date as @2026-01-31" if kinds == {"date", "text"} else ""
        raise BadRequest(
            f"'{operator}' has {left.in_words} on one side and {right.in_words} on the other{hint}"
        )


def _union(left: Value, right: Value) -> Value:
    _must_go_together("|", left, right)
    if NOTHING in (left.kind, right.kind):
        return left if right.kind == NOTHING else right
    left, right = (side if side.kind not in NUMBERS else side.native for side in (left, right))
    both = f"list_concat({left.items}, {right.items})"
    each_once = f"list_transform([{both}], lambda b: list_filter(b, lambda v, i: list_position(b, v) = i))[1]"
    first = f"coalesce({left.first.sql}, {right.first.sql})"
    return Value(each_once, left.type, many=True, first_sql=first)


def _member(one: Value, many: Value, operator: str) -> Value:
    _must_go_together(operator, one, many)
    if one.kind == NOTHING:
        return Value("NULL", NOTHING)
    if many.kind == NOTHING:
        return truth("FALSE")
    item = one.single(f"a side of '{operator}'").native.sql
    found = f"coalesce(list_contains({many.native.items}, {item}), FALSE)"
    return truth(f"CASE WHEN {item} IS NOT NULL THEN {found} END")


def _equal(operator: str, left: Value, right: Value) -> Value:
    _must_go_together(operator, left, right)
    if left.many or right.many:
        pair = f"[{{'a': {left.native.items}, 'b': {right.native.items}}}]"
        same = (
            f"list_transform({pair}, lambda p: CASE WHEN len(p.a) > 0 AND len(p.b) > 0 THEN p.a = p.b END)[1]"
        )
    elif left.kind in ("date", "time"):
        same = _moments(left, right, "=", differ="FALSE", same="TRUE")
    else:
        same = f"({left.native.sql} = {right.native.sql})"
    return truth(same if operator == "=" else f"(NOT {same})")


def _ordered(operator: str, left: Value, right: Value) -> Value:
    _must_go_together(operator, left, right)
    if left.kind == "boolean":
        raise BadRequest(f"'{operator}' orders numbers, texts, dates and times; yes or no has no order")
    if left.kind in ("date", "time"):
        differ = f"left(p.a, {PART}) {operator} left(p.b, {PART})"
        return truth(
            _moments(left, right, operator, differ=differ, same="TRUE" if "=" in operator else "FALSE")
        )
    return truth(f"({left.native.sql} {operator} {right.native.sql})")


def _moments(left: Value, right: Value, operator: str, *, differ: str, same: str) -> str:
    """Compares as far as both are written; where that does not decide, the answer is empty."""
    instants = ""
    if left.kind == "date":
        instants = (
            "WHEN length(p.a) > 10 AND length(p.b) > 10"
            f" THEN try_cast(p.a AS TIMESTAMPTZ) {operator} try_cast(p.b AS TIMESTAMPTZ) "
        )
    pair = f"[{{'a': {left.sql}, 'b': {right.sql}}}]"
    return (
        f"list_transform({pair}, lambda p: CASE {instants}"
        f"WHEN left(p.a, {PART}) <> left(p.b, {PART}) THEN {differ} {SAME_MOMENT.format(same=same)} END)[1]"
    )


def _calculated(operator: str, left: Value, right: Value) -> Value:
    kinds = {left.kind, right.kind} - {NOTHING}
    if operator == "&" and kinds <= {"text"}:
        return Value(f"concat({left.sql}, {right.sql})", "string")
    if operator == "+" and kinds == {"text"}:
        return Value(f"({left.sql} || {right.sql})", "string")
    if operator == "&" or not kinds <= NUMBERS:
        takes = "texts" if operator == "&" else "numbers"
        raise BadRequest(f"'{operator}' takes {takes}, not {left.in_words} and {right.in_words}")
    whole = kinds == {"integer"}
    type_name = "integer" if operator == "div" or (whole and operator != "/") else "decimal"
    pattern = (WHOLE_ARITHMETIC if whole else ARITHMETIC)[operator]
    return Value(pattern.format(left.native.sql, right.native.sql), type_name)
