"""The kinds of search parameters: how a word, a token, a reference or a date becomes SQL over promoted columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, func, literal, or_, select, true

from ehr_core.kernel.fhir_definitions import ANY_RESOURCE, definition
from ehr_core.store import search_sql as sql
from ehr_core.store.code_systems import systems_of
from ehr_core.store.element_values import steps_of
from ehr_core.store.resource_types import RESOURCE_TYPES, ResourceType
from ehr_core.store.search_facts import SearchFact
from ehr_core.store.search_sql import Condition

TOKEN_MODIFIERS = frozenset({"not", "text", "in", "not-in"})
STRING_MODIFIERS = frozenset({"exact", "contains"})


@dataclass(frozen=True)
class Reference:
    """How a reference parameter is followed. `column` holds ids of `one_type`, or tokens that begin 'name:'."""

    column: Any
    targets: tuple[str, ...]
    name: str = ""
    one_type: str | None = None

    def among(self, type_name: str, ids: Any) -> ColumnElement[bool]:
        """True when it leads to one of these ids, given as a SELECT."""
        if self.one_type:
            return self.column.in_(ids)
        found = ids.subquery()
        tokens = select(func.array_agg(literal(f"{self.name}:{type_name}/") + found.c.id)).scalar_subquery()
        return self.column.overlap(tokens)

    def ids(self, type_name: str, source: Any, where: Sequence[Any]) -> Any:
        """A SELECT of the ids of that type that the rows of `source` lead to."""
        if self.one_type:
            return select(self.column).where(self.column.is_not(None), *where)
        start = f"{self.name}:{type_name}/"
        listed = sql.listed(self.column)
        query = select(func.substr(listed.c.token, len(start) + 1)).select_from(source.join(listed, true()))
        return query.where(func.starts_with(listed.c.token, start), *where)

    def leads_to(self, type_name: str) -> bool:
        return type_name in self.targets and self.one_type in (None, type_name)


@dataclass(frozen=True)
class Parameter:
    """One search parameter. `present`: does the row have it at all?

    `display`, `tokens` and `identifier` serve the modifiers ':text', ':in' and ':identifier'.
    """

    kind: str
    condition: Condition
    present: ColumnElement[bool]
    modifiers: frozenset[str] = frozenset()
    sort: tuple[Any, ...] = ()
    reference: Reference | None = None
    display: Condition | None = None
    tokens: tuple[Any, str | None] | None = None
    identifier: Condition | None = None


def identifier(columns: Any) -> Parameter:
    return Parameter(
        "token",
        sql.identifier(columns.identifier_tokens),
        columns.identifier_tokens.is_not(None),
        frozenset({"not", "of-type", "in", "not-in"}),
        (columns.identifier_tokens[1],),
        tokens=(columns.identifier_tokens, None),
    )


def actor(columns: Any, kind: str) -> Parameter:
    """Of a visit that may have several patients, and then none of them is *the* patient."""
    start = f"actor:{kind}/"
    return Parameter(
        "reference",
        sql.reference_list(columns.reference_tokens, "actor", default_type=kind),
        sql.some_token(columns.reference_tokens, lambda token: func.starts_with(token, start)),
        reference=Reference(columns.reference_tokens, (kind,), "actor"),
    )


def single(only: Reference, name: str, columns: Any) -> Parameter:
    """A reference that has a column of its own."""
    return Parameter(
        "reference",
        sql.one_type(only.column, only.targets[0]),
        only.column.is_not(None),
        frozenset({"identifier"}),
        (only.column,),
        only,
        identifier=sql.named_tokens(columns.search_tokens, f"{name}:identifier", identifier=True),
    )


def subject(columns: Any, by_patient: Parameter) -> Parameter:
    """The patient, or a group, device or place that has a token."""
    others = sql.reference_list(columns.reference_tokens, "subject")

    def condition(value: str, modifier: str | None) -> ColumnElement[bool]:
        of_patient = "/" not in value or value.startswith("Patient/")
        return by_patient.condition(value, modifier) if of_patient else others(value, modifier)

    present = sql.some_token(columns.reference_tokens, lambda token: func.starts_with(token, "subject:"))
    return Parameter(
        "reference",
        condition,
        or_(by_patient.present, present),
        frozenset({"identifier"}),
        by_patient.sort,
        by_patient.reference,
        identifier=sql.named_tokens(columns.search_tokens, "subject:identifier", identifier=True),
    )


def words(columns: Any, column: Any, paths: Sequence[str], all_words: Any = None) -> Parameter:
    """`all_words` holds these words among others, and has an index of words."""
    exact = sql.exactly(columns.body, [json_path(path) for path in paths])
    condition = sql.words(column, exact, all_words)
    return Parameter("string", condition, column.is_not(None), STRING_MODIFIERS, (column,))


def token(columns: Any, column: Any, paths: Sequence[str]) -> Parameter:
    return Parameter(
        "token",
        sql.token_list(column),
        column.is_not(None),
        TOKEN_MODIFIERS,
        (column[1],),
        display=sql.display(columns.body, _told(paths)),
        tokens=(column, None),
    )


def code(row: ResourceType, column: Any, path: str) -> Parameter:
    condition = sql.code(column, systems_of(row.name, (path,)))
    return Parameter("token", condition, column.is_not(None), frozenset({"not"}), (column,))


def coding(columns: Any, column: Any, system: str, element: str) -> Parameter:
    condition = sql.coding(column, system, columns.body, element)
    return Parameter("token", condition, column.is_not(None), frozenset({"not"}), (column,))


def boolean(column: Any, name: str) -> Parameter:
    return Parameter("token", sql.boolean(column, name), column.is_not(None), frozenset({"not"}), (column,))


def reference(row: ResourceType, columns: Any, name: str, paths: Sequence[str]) -> Parameter:
    return Parameter(
        "reference",
        sql.reference_list(columns.reference_tokens, name),
        sql.some_token(columns.reference_tokens, lambda token: func.starts_with(token, f"{name}:")),
        frozenset({"identifier"}),
        (_first(columns.reference_tokens, f"{name}:"),),
        Reference(columns.reference_tokens, reference_targets(row.name, paths), name),
        identifier=sql.named_tokens(columns.search_tokens, f"{name}:identifier", identifier=True),
    )


def fact(row: ResourceType, columns: Any, of: SearchFact, time_zone: str, now: datetime) -> Parameter:
    name, values = of.name, columns.search_values
    if of.kind == "reference":
        return reference(row, columns, name, of.paths)
    if of.kind in ("token", "uri"):
        return Parameter(
            of.kind,
            sql.named_tokens(
                columns.search_tokens,
                name,
                uri=of.kind == "uri",
                systems=systems_of(row.name, of.paths),
            ),
            sql.some_token(columns.search_tokens, lambda token: func.starts_with(token, f"{name}=")),
            TOKEN_MODIFIERS if of.kind == "token" else frozenset(),
            (_first(columns.search_tokens, f"{name}="),),
            display=sql.display(columns.body, _told(of.paths)),
            tokens=(columns.search_tokens, name),
        )
    present = func.jsonb_exists(values, name)
    if of.kind == "date":
        made: Condition = sql.dates(values, name, time_zone, now)
        return Parameter("date", made, present, sort=(cast(values[name][0]["f"].astext, Float),))
    if of.kind == "quantity":
        sort = cast(values[name][0]["l"].astext, Float)
        return Parameter("quantity", sql.quantities(values, name), present, sort=(sort,))
    exact = sql.exactly(columns.body, [path for each in of.paths for path in _worded(row.name, each)])
    return Parameter(
        "string", sql.texts(values, name, exact), present, STRING_MODIFIERS, (values[name][0].astext,)
    )


def _first(column: Any, start: str) -> Any:
    """The first token of a parameter, to sort by."""
    token = func.unnest(column).column_valued("token")
    return select(func.min(token)).where(func.starts_with(token, start)).scalar_subquery()


def _told(paths: Sequence[str]) -> list[str]:
    return [
        f"{json_path(path)}{end}" for path in paths for end in (".coding[*].display", ".text", ".display")
    ]


def _worded(type_name: str, path: str) -> list[str]:
    """The texts at a path: itself, or the parts of an address."""
    ending = path.rpartition(".")[2]
    if ending in ("address",):
        return [
            f"{json_path(path)}.{part}" for part in ("text", "line", "city", "state", "postalCode", "country")
        ]
    return [json_path(path)]


def json_path(path: str) -> str:
    """A path as PostgreSQL's jsonpath, which looks into lists by itself."""
    made = "$"
    for step in steps_of(path):
        if isinstance(step, str):
            made += f'."{step.rstrip("_")}"'
        else:
            key = "url" if step[0] == "extension" else "system"
            made += f'."{step[0]}"[*] ? (@.{key} == "{step[1]}")'
    return made


def reference_targets(type_name: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The types that a reference may lead to, of those kept here; all of them where FHIR sets no limit."""
    found: dict[str, None] = {}
    for path in paths:
        described = definition(type_name)
        steps = steps_of(path)
        *parents, last = (step if isinstance(step, str) else step[0] for step in steps)
        for name in parents:
            described = definition(described.elements[name.rstrip("_")].type)
        targets = described.elements[last.rstrip("_")].targets
        if isinstance(steps[-1], tuple):
            targets = (steps[-1][1],)
        found |= dict.fromkeys(RESOURCE_TYPES if not targets or ANY_RESOURCE in targets else targets)
    return tuple(name for name in found if name in RESOURCE_TYPES)
