"""Composite parameters: two values that must meet within one element, such as a code and its quantity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.name_sounds import folded
from ehr_core.store import search_sql as sql
from ehr_core.store.references import local_reference
from ehr_core.store.resource_types import ResourceType
from ehr_core.store.search_escapes import plain, split_on
from ehr_core.store.search_facts import SearchFact, facts_of
from ehr_core.store.tokens import ANY_SYSTEM

Test = Callable[[str], tuple[str, dict[str, Any]]]
"""From one side's value to a test in jsonpath of '@' and its variables."""


def both_of(name: str, first: sql.Condition, second: sql.Condition) -> sql.Condition:
    """`code$ge7.1` of the resource itself, which has each side once: the one and the other."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        left, right = _sides(name, value)
        return and_(first(left, None), second(right, None))

    return condition


def _sides(name: str, value: str) -> list[str]:
    sides = split_on("$", value)
    if len(sides) != 2 or not all(sides):
        raise BadRequest(f"The search parameter '{name}' takes two values joined by a dollar sign.")
    return sides


def composite(
    row: ResourceType, columns: Any, fact: SearchFact, time_zone: str, now: datetime
) -> sql.Condition:
    """`code$ge7.1`: both sides of the same element, among several such."""
    kinds = [known.kind if (known := facts_of(row.name).get(name)) else "token" for name in fact.paths[1:]]

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        sides = _sides(fact.name, value)
        tests, variables = [], {}
        for key, kind, side in zip("ab", kinds, sides, strict=True):
            test, bound = _test(kind, time_zone, now)(side)
            renamed = {name: f"{key}_{name}" for name in bound}
            for name, new in sorted(renamed.items(), key=lambda pair: -len(pair[0])):
                test = test.replace(f"${name}", f"${new}")
            variables |= {renamed[name]: value for name, value in bound.items()}
            tests.append(f"exists(@.{key}[*] ? ({test}))")
        path = f'$."{fact.name}"[*] ? ({" && ".join(tests)})'
        return sql.path_exists(columns.search_values, path, variables)

    return condition


def _test(kind: str, time_zone: str, now: datetime) -> Test:
    if kind == "quantity":
        return sql.quantity_test
    if kind == "date":
        return lambda side: sql.date_test(side, time_zone, now)
    if kind == "string":
        return lambda side: ("@ starts with $text", {"text": f" {folded(plain(side))}"})
    if kind == "reference":
        return lambda side: ("@ == $reference", {"reference": local_reference(side) or side})
    return _token_test


def _token_test(side: str) -> tuple[str, dict[str, Any]]:
    """A bare code has any system: each token is also kept with that for its system."""
    system, code = sql.system_and_code(side)
    return "@ == $token", {"token": f"{ANY_SYSTEM if system is None else system}|{code}"}
