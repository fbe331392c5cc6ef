"""Turns what was asked into conditions: modifiers, chains (patient.name) and _has, each with the actor's own rows only.

Parameters that are given twice narrow the result, values separated by commas widen it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select

from data_contracts.valuesets import value_sets
from ehr_core.kernel.errors import BadRequest
from ehr_core.store import search_sql as sql
from ehr_core.store.marked import hashed
from ehr_core.store.parameter_kinds import Parameter
from ehr_core.store.resource_types import RESOURCE_TYPES, ResourceType, resource_type
from ehr_core.store.search_escapes import plain, split_on
from ehr_core.store.search_parameters import CONTROLS, KnownParameters, Search, known_parameters, shown
from ehr_core.store.tables import current_table
from ehr_core.store.tokens import named_token

DEEPEST_CHAIN = 4
PATIENT_NAMES = ("patient", "subject", "beneficiary")
MOST_VALUES = 500
"""Alternatives of one parameter."""
CHAINED = re.compile(r"([A-Za-z_-]+)(?::([A-Za-z]+))?\.(.+)")
REVERSED = re.compile(r"_has:([A-Za-z]+):([A-Za-z_-]+):(.+)")


def conditions(
    row: ResourceType, table: Any, given: Sequence[tuple[str, str]], search: Search
) -> list[ColumnElement[bool]]:
    """Every parameter's condition, the actor's own among them. Raises BadRequest; see Search.strict."""
    known = known_parameters(row, table, search)
    whose = patient_named(known, given, search)
    found = [not_(table.c.deleted), *search.sight.rows(row.name, table.c, of_patient=whose)]
    found += [] if whose else _window(row, table, given, search)
    of_these: list[ColumnElement[bool]] = []
    for full_name, text in given:
        if full_name.partition(":")[0] in CONTROLS:
            continue
        condition = _condition(row, table, known, full_name, text, search, depth=0)
        if condition is None:
            search.ignored.add(full_name)
        elif whose and not (CHAINED.fullmatch(full_name) or REVERSED.fullmatch(full_name)):
            of_these.append(condition)
        else:
            found.append(condition)
    return found + (_of_one_patient(table, whose, of_these) if whose and of_these else [])


def _of_one_patient(table: Any, whose: str, wanted: list[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    """Asked of that patient's rows one by one: no index of everybody's codes or dates is to be gone through for them.

    A plan that is kept for every value would do so.
    """
    of_patient = table.c.patient_id == whose
    return [of_patient, case((of_patient, and_(*wanted)), else_=false())]


def patient_named(known: KnownParameters, given: Sequence[tuple[str, str]], search: Search) -> str | None:
    """The one patient whose rows are asked for, when the search says so plainly."""
    for name, text in given:
        if name not in PATIENT_NAMES or name not in known or len(split_on(",", text)) > 1:
            continue
        only = known[name].reference
        kind, _, patient_id = _without_base(plain(text), search).rpartition("/")
        if only is not None and only.one_type == "Patient" and kind in ("", "Patient") and patient_id:
            return patient_id
    return None


def _window(
    row: ResourceType, table: Any, given: Sequence[tuple[str, str]], search: Search
) -> list[ColumnElement[bool]]:
    """What 'date=ge…' and 'date=lt…' say together of the date that has columns; each alone is too wide to look up.

    A birthday ends where it begins, and needs no more than its own condition.
    """
    values = [text for name, text in given if name == row.date_search]
    single = [value for value in values if len(split_on(",", value)) == 1]
    if not single or row.name == "Patient":
        return []
    window = sql.window(table, single, search.time_zone, search.now)
    return [] if window is None else [window]


def _condition(
    row: ResourceType,
    table: Any,
    known: KnownParameters,
    full_name: str,
    text: str,
    search: Search,
    depth: int,
) -> ColumnElement[bool] | None:
    """None for what was not understood and need not be."""
    if depth > DEEPEST_CHAIN:
        raise BadRequest(f"A chain has at most {DEEPEST_CHAIN} links.")
    if reverse := REVERSED.fullmatch(full_name):
        return _has(row, table, reverse, text, search, depth)
    if chain := CHAINED.fullmatch(full_name):
        return _chain(row, known, chain, text, search, depth)
    name, _, modifier = full_name.partition(":")
    parameter = known.get(name)
    if parameter is None:
        search.not_understood(
            f"{row.name} cannot be searched by '{shown(name)}'. It can be by: {', '.join(sorted(known))}."
        )
        return None
    if modifier == "missing":
        return _missing(parameter, name, text)
    values = [_without_base(value, search) for value in split_on(",", text)]
    if not all(values):
        raise BadRequest(f"The search parameter '{name}' has an empty value.")
    if len(values) > MOST_VALUES:
        raise BadRequest(f"The search parameter '{name}' takes at most {MOST_VALUES} values at once.")
    one = _one_value(table, parameter, name, modifier, search)
    if one is None:
        return None
    any_of = or_(false(), *[one(value) for value in values])
    return not_(func.coalesce(any_of, False)) if modifier in ("not", "not-in") else any_of


def _without_base(value: str, search: Search) -> str:
    """A reference at our own address is to ours."""
    return value.removeprefix(f"{search.base_url}/") if search.base_url else value


def _missing(parameter: Parameter, name: str, text: str) -> ColumnElement[bool]:
    if text not in ("true", "false"):
        raise BadRequest(f"'{name}:missing' is true or false.")
    there = func.coalesce(parameter.present, False)
    return not_(there) if text == "true" else there


Accept = Callable[[str], ColumnElement[bool]]


def _one_value(table: Any, parameter: Parameter, name: str, modifier: str, search: Search) -> Accept | None:
    """What one value means under this modifier; None when the modifier was not understood and need not be."""
    if parameter.kind == "reference" and modifier in RESOURCE_TYPES:
        return lambda value: (
            parameter.condition(value if "/" in value else f"{modifier}/{value}", None)
            if value.partition("/")[0] == modifier or "/" not in value
            else false()
        )
    if modifier and modifier not in parameter.modifiers:
        search.not_understood(
            f"The search parameter '{name}' does not take the modifier ':{shown(modifier)}'."
        )
        return None
    if modifier == "of-type":
        return lambda value: _of_type(table, value)
    if modifier == "identifier" and parameter.identifier is not None:
        identifier = parameter.identifier
        return lambda value: identifier(value, None)
    if modifier == "text" and parameter.display is not None:
        display = parameter.display
        return lambda value: display(value, None)
    if modifier in ("in", "not-in") and parameter.tokens is not None:
        column, start = parameter.tokens
        return lambda value: sql.in_value_set(column, *_value_set(value, search), start)
    if modifier == "text":
        raise BadRequest(f"The search parameter '{name}' has no text to be searched by.")
    return lambda value: parameter.condition(value, modifier or None)


def _of_type(table: Any, value: str) -> ColumnElement[bool]:
    parts = [plain(part) for part in split_on("|", value)]
    if len(parts) != 3 or not all(parts[1:]):
        raise BadRequest("'identifier:of-type' is searched as system|code|value of the identifier's type.")
    asked = [
        named_token("identifier:of-type", "|".join((*parts[:2], each)))
        for each in (parts[2], hashed(parts[2]))
    ]
    return table.c.search_tokens.overlap(asked)


def _value_set(value: str, search: Search) -> tuple[list[str], list[str]]:
    """Tokens and beginnings of tokens: of one of ours by its address or name, or of a package's by its address."""
    wanted = plain(value).partition("|")[0]
    found = next(
        (each for each in value_sets().values() if wanted in (each.url, each.id, f"ValueSet/{each.id}")), None
    )
    if found is not None:
        exact = [code.token for code in found.codes if not code.is_prefix]
        return exact, [f"{code.system.uri}|{code.code}" for code in found.codes if code.is_prefix]
    codes = search.guides.codes(plain(value))
    if codes is None:
        raise BadRequest("This value set is not kept here. See ValueSet/$expand for those that are.")
    return codes.tokens()


def _chain(
    row: ResourceType,
    known: KnownParameters,
    chain: re.Match[str],
    text: str,
    search: Search,
    depth: int,
) -> ColumnElement[bool] | None:
    """`subject:Patient.name=…`: the rows that refer to one that matches."""
    name, asked_type, rest = chain.groups()
    reference = known[name].reference if name in known else None
    if reference is None:
        search.not_understood(f"{row.name} has no reference '{shown(name)}' to follow.")
        return None
    if asked_type and asked_type not in reference.targets:
        search.not_understood(f"'{shown(name)}' does not lead to a '{shown(asked_type)}'.")
        return None
    found = []
    for type_name in (asked_type,) if asked_type else reference.targets:
        target = resource_type(type_name)
        table = current_table(type_name).alias(f"{target.table}_at_{depth}")
        inner_known = known_parameters(target, table, search)
        if not asked_type and len(reference.targets) > 1 and _first_name(rest) not in (*inner_known, "_has"):
            continue
        inner = _condition(target, table, inner_known, rest, text, search, depth + 1)
        if inner is not None:
            seen = and_(not_(table.c.deleted), *search.sight.rows(type_name, table.c), inner)
            found.append(reference.among(type_name, select(table.c.id).where(seen)))
    if not found:
        search.not_understood(f"Nothing that '{shown(name)}' leads to is searched by '{shown(rest)}'.")
        return None
    return or_(*found)


def _first_name(rest: str) -> str:
    return re.split(r"[:.]", rest, maxsplit=1)[0]


def _has(
    row: ResourceType, table: Any, reverse: re.Match[str], text: str, search: Search, depth: int
) -> ColumnElement[bool] | None:
    """`_has:Observation:patient:code=…`: the rows that such a resource refers to."""
    type_name, name, rest = reverse.groups()
    if type_name not in RESOURCE_TYPES:
        search.not_understood(f"'_has' names a type that is not kept here: {shown(type_name)}.")
        return None
    source = resource_type(type_name)
    referring = current_table(type_name).alias(f"{source.table}_at_{depth}")
    known = known_parameters(source, referring, search)
    reference = known[name].reference if name in known else None
    if reference is None or not reference.leads_to(row.name):
        search.not_understood(f"'{shown(name)}' of {type_name} does not lead to a {row.name}.")
        return None
    inner = _condition(source, referring, known, rest, text, search, depth + 1)
    if inner is None:
        return None
    where = [not_(referring.c.deleted), *search.sight.rows(type_name, referring.c), inner]
    return table.c.id.in_(reference.ids(row.name, referring, where))
