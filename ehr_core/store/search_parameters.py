"""Search parameters as SQL conditions over promoted columns. A parameter that a type does not know is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import ColumnElement, Table, and_, false, func, not_, or_, select

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.name_sounds import folded
from ehr_core.store.dates import bounds
from ehr_core.store.primitives import problem_with
from ehr_core.store.promote import MINIMUM_DIGITS
from ehr_core.store.references import local_reference
from ehr_core.store.resource_types import PERSON, ResourceType
from ehr_core.store.tokens import ANY_SYSTEM, identifier_token, reference_token

Condition = Callable[[str, str | None], ColumnElement[bool]]
"""From one value and the modifier to SQL."""

CONTROLS = frozenset({"_sort", "_count", "_offset", "_total"})
PREFIX = re.compile(r"^(eq|ne|gt|ge|lt|le|sa|eb)?(?=\d)")
SPLIT = re.compile(r"(?<!\\),")


def parameter_list(parameters: Any) -> list[tuple[str, str]]:
    """Parameters in any of the forms that callers hold them: query text, mapping, list of pairs."""
    if isinstance(parameters, str):
        return parse_qsl(parameters.lstrip("?"), keep_blank_values=True)
    if isinstance(parameters, Mapping):
        return list(parameters.items())
    return [(name, value) for name, value in parameters]


@dataclass(frozen=True)
class Parameter:
    """One search parameter: how a value becomes a condition, and which modifiers it takes besides none."""

    condition: Condition
    modifiers: frozenset[str] = frozenset()
    sort: tuple[Any, ...] = ()


def conditions(
    row: ResourceType, table: Table, given: Sequence[tuple[str, str]], time_zone: str
) -> list[ColumnElement[bool]]:
    """Every parameter's condition; values separated by commas are alternatives. Raises BadRequest."""
    known = known_parameters(row, table, time_zone)
    found = [table.c.deleted.is_(False)]
    for full_name, text in given:
        name, _, modifier = full_name.partition(":")
        if name in CONTROLS:
            continue
        parameter = known.get(name)
        if parameter is None:
            raise BadRequest(
                f"{row.name} cannot be searched by '{shown(name)}'. It can be by: {', '.join(sorted(known))}."
            )
        if modifier and modifier not in parameter.modifiers:
            raise BadRequest(
                f"The search parameter '{name}' does not take the modifier ':{shown(modifier)}'."
            )
        values = [value.replace("\\,", ",") for value in SPLIT.split(text)]
        if not all(values):
            raise BadRequest(f"The search parameter '{name}' has an empty value.")
        any_of = or_(*[parameter.condition(value, modifier or None) for value in values])
        found.append(not_(func.coalesce(any_of, False)) if modifier == "not" else any_of)
    return found


def shown(name: str) -> str:
    """A name from outside, fit to be repeated in a message."""
    return re.sub(r"[^A-Za-z0-9_.:-]", "", name)[:40]


def known_parameters(row: ResourceType, table: Table, time_zone: str) -> dict[str, Parameter]:
    """The search parameters of a type by FHIR's names."""
    column = table.c
    known = {
        "_id": Parameter(lambda value, _: column.id == value, sort=(column.id,)),
        "_lastUpdated": Parameter(_instant(column.last_updated, time_zone), sort=(column.last_updated,)),
        "_security": _token(column.security_tokens),
        "identifier": Parameter(_identifier(column.identifier_tokens)),
    }
    if row.status:
        known["status"] = _code(column.status)
    if row.name == "Goal":
        known["lifecycle-status"] = known.pop("status")
    if row.code_search:
        known[row.code_search] = _token(column.code_tokens)
    if row.category:
        known["class" if row.name == "Encounter" else "category"] = _token(column.category_tokens)
    if row.date_search:
        known[row.date_search] = Parameter(
            _period(column.date_low, column.date_high, time_zone), sort=(column.date_low,)
        )
    if row.clinical_status:
        known["clinical-status"] = _code(column.clinical_status)
        known["verification-status"] = _code(column.verification_status)
    if row.active:
        known["active"] = Parameter(_boolean(column.active, "active"))
    known |= {name: _reference(column.reference_tokens, name) for name in row.references}
    if row.encounter:
        known["encounter"] = Parameter(_local(column.encounter_id, "Encounter"))
    return known | _patient_parameters(row, column) | _name_parameters(row, column)


def _patient_parameters(row: ResourceType, column: Any) -> dict[str, Parameter]:
    if row.name == "Patient":
        return {
            "gender": _code(column.gender),
            "deceased": Parameter(_boolean(column.deceased, "deceased")),
            "phone": Parameter(_phone(column.phone_digits)),
        }
    if not row.patient:
        return {}
    if row.name == "Appointment":  # a visit may have several patients, and then none of them is *the* patient
        actor = _reference(column.reference_tokens, "actor").condition

        def takes_part(value: str, modifier: str | None) -> ColumnElement[bool]:
            return actor(value if "/" in value else f"Patient/{value}", modifier)

        practitioner = _reference(column.reference_tokens, "actor", default_type="Practitioner")
        location = _reference(column.reference_tokens, "actor", default_type="Location")
        return {"patient": Parameter(takes_part), "practitioner": practitioner, "location": location}
    by_patient = Parameter(_local(column.patient_id, "Patient"), sort=(column.patient_id,))
    own_name = row.patient[0] if row.patient[0] in ("subject", "beneficiary") else None
    return {"patient": by_patient} | ({own_name: by_patient} if own_name else {})


def _name_parameters(row: ResourceType, column: Any) -> dict[str, Parameter]:
    found = {}
    modifiers = frozenset({"exact", "contains"})
    if row.named:
        found["name"] = Parameter(_words(column.name_text), modifiers, (column.name_text,))
    if row.named == PERSON:
        found["family"] = Parameter(_words(column.family_text), modifiers, (column.family_text,))
        found["given"] = Parameter(_words(column.given_text), modifiers, (column.given_text,))
    return found


def _token(column: Any) -> Parameter:
    """`system|code`, `|code` (no system) or `code` (any system)."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        system, bar, code = value.partition("|")
        if bar and code:
            return column.contains([value])
        token = func.unnest(column).column_valued("token")
        if bar:
            return select(1).where(func.starts_with(token, f"{system}|")).exists()
        after_bar = func.substr(token, func.strpos(token, "|") + 1)
        return select(1).where(after_bar == value).exists()

    return Parameter(condition, frozenset({"not"}))


def _identifier(column: Any) -> Condition:
    """As a token; a value without a system has an index entry of its own."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        system, bar, number = value.partition("|")
        return column.contains([identifier_token(*((system, number) if bar else (ANY_SYSTEM, value)))])

    return condition


def _code(column: Any) -> Parameter:
    """A code of a closed list: its system says nothing new."""
    return Parameter(lambda value, _: column == value.rpartition("|")[2], frozenset({"not"}), sort=(column,))


def _boolean(column: Any, name: str) -> Condition:
    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        if value not in ("true", "false"):
            raise BadRequest(f"The search parameter '{name}' is true or false.")
        return column.is_(value == "true")

    return condition


def _local(column: Any, type_name: str) -> Condition:
    """A reference that can only be to one type: 'Patient/1' or '1'."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        if "/" not in value:
            return column == value
        local = local_reference(value)
        named, _, resource_id = (local or "").partition("/")
        return column == resource_id if named == type_name else false()

    return condition


def _reference(column: Any, name: str, *, default_type: str | None = None) -> Parameter:
    """'Type/id', or an id alone where any type (or the default one) is meant."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        if "/" in value:
            if default_type and not (local_reference(value) or value).startswith(f"{default_type}/"):
                return false()
            return column.contains([reference_token(name, value)])
        if default_type:
            return column.contains([reference_token(name, f"{default_type}/{value}")])
        token = func.unnest(column).column_valued("token")
        mine = and_(func.starts_with(token, f"{name}:"), func.split_part(token, "/", -1) == value)
        return select(1).where(mine).exists()

    return Parameter(condition)


def _phone(column: Any) -> Condition:
    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        digits = re.sub(r"\D", "", value)
        if len(digits) < MINIMUM_DIGITS:
            raise BadRequest(f"A phone number is searched by at least its last {MINIMUM_DIGITS} digits.")
        return or_(column.contains([digits]), column.contains([digits[-10:]]))

    return condition


def _words(column: Any) -> Condition:
    """Every word of the value begins a word of the name; ':contains' anywhere, ':exact' the whole name."""

    def condition(value: str, modifier: str | None) -> ColumnElement[bool]:
        text = folded(value)
        if not text:
            return false()
        if modifier == "exact":
            return column == f" {text}"
        if modifier == "contains":
            return column.contains(text, autoescape=True)
        return and_(*[column.contains(f" {word}", autoescape=True) for word in text.split()])

    return condition


def _instant(column: Any, time_zone: str) -> Condition:
    return lambda value, _: _compare(column, column, *_dated(value, time_zone))


def _period(low: Any, high: Any, time_zone: str) -> Condition:
    """A column pair in which one side may be open. A row without any date matches nothing."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        return _compare(low, high, *_dated(value, time_zone))

    return condition


def _dated(value: str, time_zone: str) -> tuple[str, datetime, datetime]:
    """(prefix, first instant, last instant) of a date with its prefix."""
    found = PREFIX.match(value)
    prefix = (found.group(1) if found else None) or "eq"
    text = value[found.end() :] if found else value
    if problem_with("dateTime", text):
        raise BadRequest(
            "A date is searched as YYYY, YYYY-MM, YYYY-MM-DD or a time with offset, after eq/ge/le…."
        )
    return (prefix, *bounds(text, time_zone))


def _compare(low: Any, high: Any, prefix: str, first: datetime, last: datetime) -> ColumnElement[bool]:
    """The stretch [low, high] of a row against [first, last] of the search; null is open, both null is no date."""
    dated = or_(low.is_not(None), high.is_not(None))
    open_end, open_start = and_(high.is_(None), low.is_not(None)), and_(low.is_(None), high.is_not(None))
    within = and_(low >= first, high <= last)
    return {
        "eq": within,
        "ne": and_(dated, not_(func.coalesce(within, False))),
        "gt": or_(high > last, open_end),
        "ge": or_(high >= first, open_end),
        "lt": or_(low < first, open_start),
        "le": or_(low <= last, open_start),
        "sa": low > last,
        "eb": high < first,
    }[prefix]
