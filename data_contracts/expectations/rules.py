"""The checks of rules.toml: what no column's type can say."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.expectations.check import Check, Query, When, literal
from data_contracts.guidelines import guidelines

RULES = Path(__file__).parent / "rules.toml"
Rule = Mapping[str, Any]
DAYS_IN_YEAR = 365.25


@cache
def written_rules() -> Mapping[str, Any]:
    """The file as it stands."""
    return tomllib.loads(RULES.read_text(encoding="utf-8"))


def recorded_columns(table: str) -> frozenset[str]:
    """Columns of the table whose words come from the record itself."""
    places = (place.split(".") for place in written_rules()["recorded"])
    return frozenset(column for name, column in places if name == table)


def ruled_row_checks(table: str) -> Iterator[Check]:
    """The row rules of one table."""
    for kind, make in _KINDS.items():
        for rule in written_rules().get(kind, ()):
            if rule["table"] == table:
                yield make(rule)


def ruled_queries(table: str) -> Iterator[Query]:
    """The rules over many rows or tables that are about one table."""
    for rule in written_rules()["query"]:
        if rule["table"] == table:
            yield Query(table, rule["column"], rule["should"], rule["failing"], tuple(rule["tables"]))


def day_parameter(years: int) -> str:
    """The name under which a suite is given the day so many years after the day that is asked about."""
    return f"day_{'minus_' if years < 0 else ''}{abs(years)}"


def day_offsets(table: str) -> list[int]:
    """Years of all the days that the table's suite asks for."""
    rules = [rule for rule in written_rules()["days"] if rule["table"] == table]
    ahead = [rule["years_ahead"] for rule in rules]
    return sorted({*ahead, *(-rule["years_back"] for rule in rules if "years_back" in rule)})


def _needs(rule: Rule) -> Check:
    column, then = rule["column"], rule["then"]
    when = When(rule["when"]["column"], tuple(rule["when"].get("is", ())))
    about: dict[str, Any] = {"column": column}
    if then == "present":
        met, expectation = f'"{column}" IS NOT NULL', "ExpectColumnValuesToNotBeNull"
    elif then == "absent":
        met, expectation = f'"{column}" IS NULL', "ExpectColumnValuesToBeNull"
    else:
        met = f'coalesce("{column}" IN ({", ".join(map(literal, then))}), false)'
        expectation, about = "ExpectColumnValuesToBeInSet", about | {"value_set": list(then)}
    fails = f"{when.sql} AND NOT {met}"
    return _check(rule, rule["should"], fails, (column, when.column), expectation, about, when)


def _order(rule: Rule) -> Check:
    column, strict = rule["column"], "before" in rule
    later = rule["before"] if strict else rule["not_after"]
    return _check(
        rule,
        f"lie before {later}" if strict else f"not lie after {later}",
        f'"{column}" {">=" if strict else ">"} "{later}"',
        (column, later),
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {
            "column_A": later,
            "column_B": column,
            "or_equal": not strict,
            "ignore_row_if": "either_value_is_missing",
        },
    )


def _days(rule: Rule) -> Check:
    column, ahead, back = rule["column"], rule["years_ahead"], rule.get("years_back")
    fails = f'"{column}" > {_day_sql(ahead)}'
    about: dict[str, Any] = {"column": column, "max_value": {"$PARAMETER": day_parameter(ahead)}}
    if back is not None:
        fails += f' OR "{column}" < {_day_sql(-back)}'
        about["min_value"] = {"$PARAMETER": day_parameter(-back)}
    return _check(rule, rule["should"], fails, (column,), "ExpectColumnValuesToBeBetween", about)


def _listed(rule: Rule) -> Check:
    column, words = rule["column"], _WORDS[rule["words"]]()
    fails = f'"{column}" NOT IN ({", ".join(map(literal, words))})'
    about = {"column": column, "value_set": words}
    return _check(rule, rule["should"], fails, (column,), "ExpectColumnValuesToBeInSet", about)


def _check(
    rule: Rule,
    should: str,
    fails: str,
    uses: tuple[str, ...],
    expectation: str,
    arguments: Mapping[str, Any],
    when: When | None = None,
) -> Check:
    return Check(
        rule["table"],
        rule["column"],
        should,
        fails,
        uses,
        expectation,
        arguments,
        when,
        dirt=rule.get("dirt", False),
    )


def days_from(years: int) -> int:
    """Years as days, so that SQL and pandas count alike."""
    return round(years * DAYS_IN_YEAR)


def _day_sql(years: int) -> str:
    return f"CAST($as_of + {days_from(years)} AS DATE)"


def _topics() -> list[str]:
    return sorted(guidelines().packs)


def _reasons() -> list[str]:
    known = guidelines()
    own = {reason for pack in known.packs.values() for reason in pack.reasons}
    return sorted({*known.reasons, *known.exclusions, *own})


_WORDS: Mapping[str, Callable[[], list[str]]] = {"topics": _topics, "reasons": _reasons}
_KINDS: Mapping[str, Callable[[Rule], Check]] = {
    "listed": _listed,
    "needs": _needs,
    "order": _order,
    "days": _days,
}
