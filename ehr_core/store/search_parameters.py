"""The search parameters of a type: what there is, of which kind, and how each one becomes SQL over promoted columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import ColumnElement, Float, and_, cast, func, literal, or_, select, true

from ehr_core.kernel.errors import BadRequest, Unavailable
from ehr_core.kernel.fhir_definitions import ANY_RESOURCE, definition
from ehr_core.store import search_sql as sql
from ehr_core.store.element_values import steps_of
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.resource_types import PERSON, RESOURCE_TYPES, ResourceType
from ehr_core.store.search_composites import both_of, composite
from ehr_core.store.search_facts import SearchFact, facts_of
from ehr_core.store.search_index import MADE_OF_OTHERS
from ehr_core.store.search_sql import Condition
from ehr_core.store.visible import Sight

CONTROLS = frozenset({"_sort", "_count", "_offset", "_total"})
TOKEN_MODIFIERS = frozenset({"not", "text", "in", "not-in"})
STRING_MODIFIERS = frozenset({"exact", "contains"})
SEVERAL_PATIENTS = frozenset({"Appointment", "AppointmentResponse"})
PERSON_PARTS = ("text", "family", "given", "prefix", "suffix")


def parameter_list(parameters: Any) -> list[tuple[str, str]]:
    """Parameters in any of the forms that callers hold them: query text, mapping, list of pairs."""
    if isinstance(parameters, str):
        return parse_qsl(parameters.lstrip("?"), keep_blank_values=True)
    if isinstance(parameters, Mapping):
        return list(parameters.items())
    return [(name, value) for name, value in parameters]


@dataclass
class Search:
    """What all conditions of one search share. Not `strict`: what is not understood becomes a warning."""

    sight: Sight
    time_zone: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    strict: bool = True
    base_url: str = ""
    guides: Guides = SHIPPED
    warnings: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    def not_understood(self, sentence: str) -> None:
        """Raises BadRequest when strict."""
        if self.strict:
            raise BadRequest(sentence)
        self.warnings.append(sentence)


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


def shown(name: str) -> str:
    """A name from outside, fit to be repeated in a message."""
    return re.sub(r"[^A-Za-z0-9_.:-]", "", name)[:40]


Make = Callable[[], Parameter]


class NotIndexedYet(Unavailable):
    """A search that would miss what was stored before its parameter came: no answer is better than a wrong one."""

    def __init__(self, name: str):
        super().__init__(
            f"The search parameter '{shown(name)}' is new and still being indexed. Ask again later."
        )


class KnownParameters(Mapping[str, Parameter]):
    """The search parameters of a type by FHIR's names; each is made when it is asked for."""

    def __init__(self, makers: dict[str, Make], type_name: str, sight: Sight, guides: Guides):
        self._makers = makers
        self._type_name = type_name
        self._sight = sight
        self._waiting = {name for of, name in guides.waiting if of == type_name}

    def __getitem__(self, name: str) -> Parameter:
        """Raises Forbidden for what the asker's role does not read, wherever it is asked: a sort, a chain, _has; and
        NotIndexedYet for a package's parameter that would not find everything."""
        made = self._makers[name]
        self._sight.require_search(self._type_name, name)
        if name in self._waiting:
            raise NotIndexedYet(name)
        return made()

    def ready(self) -> list[str]:
        """The names of those that find everything."""
        return [name for name in self._makers if name not in self._waiting]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def known_parameters(row: ResourceType, table: Any, search: Search) -> KnownParameters:
    """Those of one type over its table, or over an alias of it."""
    columns = table.c
    makers: dict[str, Make] = {
        "_id": lambda: Parameter("token", lambda value, _: columns.id == value, true(), sort=(columns.id,)),
        "_lastUpdated": lambda: Parameter(
            "date",
            sql.instant(columns.last_updated, search.time_zone, search.now),
            true(),
            sort=(columns.last_updated,),
        ),
        "_security": lambda: _token(columns, columns.security_tokens, ("meta.security",)),
    }
    if "identifier" in definition(row.name).elements:
        makers["identifier"] = lambda: _identifier(columns)
    for fact in facts_of(row.name).values():
        if fact.kind not in MADE_OF_OTHERS:
            makers[fact.name] = partial(_fact, row, columns, fact, search)
    for fact in search.guides.searches.get(row.name, ()):
        makers[fact.name] = partial(_fact, row, columns, fact, search)
    makers |= _column_parameters(row, columns, search)
    for name, paths in row.references.items():
        makers[name] = partial(_reference, row, columns, name, paths)
    if row.encounter:
        makers["encounter"] = lambda: _single(
            Reference(columns.encounter_id, ("Encounter",), one_type="Encounter"), "encounter", columns
        )
    known = makers | _patient_parameters(row, columns) | _name_parameters(row, columns)
    for fact in facts_of(row.name).values():
        if fact.kind in MADE_OF_OTHERS:
            known[fact.name] = partial(_made_of_others, row, columns, fact, search, known)
    return KnownParameters(known, row.name, search.sight, search.guides)


def _made_of_others(
    row: ResourceType, columns: Any, fact: SearchFact, search: Search, known: dict[str, Make]
) -> Parameter:
    """A union of two parameters, or a composite of two."""
    if fact.kind == "composite" and fact.paths[0]:
        return Parameter(
            "composite",
            composite(row, columns, fact, search.time_zone, search.now),
            func.jsonb_exists(columns.search_values, fact.name),
        )
    first, second = (known[name]() for name in fact.paths[-2:])
    if fact.kind == "composite":
        both = both_of(fact.name, first.condition, second.condition)
        return Parameter("composite", both, and_(first.present, second.present))

    def either(value: str, modifier: str | None) -> ColumnElement[bool]:
        return or_(first.condition(value, modifier), second.condition(value, modifier))

    return Parameter(first.kind, either, or_(first.present, second.present))


def _identifier(columns: Any) -> Parameter:
    return Parameter(
        "token",
        sql.identifier(columns.identifier_tokens),
        columns.identifier_tokens.is_not(None),
        frozenset({"not", "of-type", "in", "not-in"}),
        (columns.identifier_tokens[1],),
        tokens=(columns.identifier_tokens, None),
    )


def _column_parameters(row: ResourceType, columns: Any, search: Search) -> dict[str, Make]:
    known: dict[str, Make] = {}
    if row.status:
        known["lifecycle-status" if row.name == "Goal" else "status"] = lambda: _code(columns.status)
    if row.code_search and row.code:
        known[row.code_search] = lambda: _token(columns, columns.code_tokens, (row.code,))
    if row.category:
        name = "class" if row.name == "Encounter" else "category"
        known[name] = lambda: _token(columns, columns.category_tokens, (row.category,))
    if row.date_search:
        known[row.date_search] = lambda: Parameter(
            "date",
            sql.period(columns.date_low, columns.date_high, search.time_zone, search.now),
            or_(columns.date_low.is_not(None), columns.date_high.is_not(None)),
            sort=(columns.date_low,),
        )
    if row.clinical_status:
        known["clinical-status"] = lambda: _code(columns.clinical_status)
        known["verification-status"] = lambda: _code(columns.verification_status)
    if row.active:
        known["active"] = lambda: _boolean(columns.active, "active")
    return known


def _patient_parameters(row: ResourceType, columns: Any) -> dict[str, Make]:
    if row.name == "Patient":
        return {
            "gender": lambda: _code(columns.gender),
            "deceased": lambda: _boolean(columns.deceased, "deceased"),
            "phone": lambda: Parameter(
                "token", sql.phone(columns.phone_digits), columns.phone_digits.is_not(None)
            ),
        }
    if not row.patient:
        return {}
    if row.name in SEVERAL_PATIENTS:
        return {
            kind.lower(): partial(_actor, columns, kind) for kind in ("Patient", "Practitioner", "Location")
        }
    own = row.patient[0]
    by_patient = partial(
        _single, Reference(columns.patient_id, ("Patient",), one_type="Patient"), "patient", columns
    )
    if own == "subject":
        return {"patient": by_patient, "subject": lambda: _subject(columns, by_patient())}
    return {"patient": by_patient} | ({own: by_patient} if own == "beneficiary" else {})


def _actor(columns: Any, kind: str) -> Parameter:
    """Of a visit that may have several patients, and then none of them is *the* patient."""
    start = f"actor:{kind}/"
    return Parameter(
        "reference",
        sql.reference_list(columns.reference_tokens, "actor", default_type=kind),
        sql.some_token(columns.reference_tokens, lambda token: func.starts_with(token, start)),
        reference=Reference(columns.reference_tokens, (kind,), "actor"),
    )


def _single(only: Reference, name: str, columns: Any) -> Parameter:
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


def _subject(columns: Any, by_patient: Parameter) -> Parameter:
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


def _name_parameters(row: ResourceType, columns: Any) -> dict[str, Make]:
    found: dict[str, Make] = {}
    if row.named:
        people = row.named == PERSON or row.name == "RelatedPerson"
        paths = [f"name.{part}" for part in PERSON_PARTS] if people else ["name", "alias"]
        found["name"] = lambda: _words(columns, columns.name_text, paths)
    if row.named == PERSON:
        found["family"] = lambda: _words(columns, columns.family_text, ["name.family"], columns.name_text)
        found["given"] = lambda: _words(columns, columns.given_text, ["name.given"], columns.name_text)
    return found


def _words(columns: Any, column: Any, paths: Sequence[str], all_words: Any = None) -> Parameter:
    """`all_words` holds these words among others, and has an index of words."""
    exact = sql.exactly(columns.body, [json_path(path) for path in paths])
    condition = sql.words(column, exact, all_words)
    return Parameter("string", condition, column.is_not(None), STRING_MODIFIERS, (column,))


def _token(columns: Any, column: Any, paths: Sequence[str]) -> Parameter:
    return Parameter(
        "token",
        sql.token_list(column),
        column.is_not(None),
        TOKEN_MODIFIERS,
        (column[1],),
        display=sql.display(columns.body, _told(paths)),
        tokens=(column, None),
    )


def _code(column: Any) -> Parameter:
    return Parameter("token", sql.code(column), column.is_not(None), frozenset({"not"}), (column,))


def _boolean(column: Any, name: str) -> Parameter:
    return Parameter("token", sql.boolean(column, name), column.is_not(None), frozenset({"not"}), (column,))


def _reference(row: ResourceType, columns: Any, name: str, paths: Sequence[str]) -> Parameter:
    return Parameter(
        "reference",
        sql.reference_list(columns.reference_tokens, name),
        sql.some_token(columns.reference_tokens, lambda token: func.starts_with(token, f"{name}:")),
        frozenset({"identifier"}),
        (_first(columns.reference_tokens, f"{name}:"),),
        Reference(columns.reference_tokens, reference_targets(row.name, paths), name),
        identifier=sql.named_tokens(columns.search_tokens, f"{name}:identifier", identifier=True),
    )


def _fact(row: ResourceType, columns: Any, fact: SearchFact, search: Search) -> Parameter:
    name, values = fact.name, columns.search_values
    if fact.kind == "reference":
        return _reference(row, columns, name, fact.paths)
    if fact.kind in ("token", "uri"):
        return Parameter(
            fact.kind,
            sql.named_tokens(columns.search_tokens, name, uri=fact.kind == "uri"),
            sql.some_token(columns.search_tokens, lambda token: func.starts_with(token, f"{name}=")),
            TOKEN_MODIFIERS if fact.kind == "token" else frozenset(),
            (_first(columns.search_tokens, f"{name}="),),
            display=sql.display(columns.body, _told(fact.paths)),
            tokens=(columns.search_tokens, name),
        )
    present = func.jsonb_exists(values, name)
    if fact.kind == "date":
        made: Condition = sql.dates(values, name, search.time_zone, search.now)
        return Parameter("date", made, present, sort=(cast(values[name][0]["f"].astext, Float),))
    if fact.kind == "quantity":
        sort = cast(values[name][0]["l"].astext, Float)
        return Parameter("quantity", sql.quantities(values, name), present, sort=(sort,))
    exact = sql.exactly(columns.body, [path for each in fact.paths for path in _worded(row.name, each)])
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
