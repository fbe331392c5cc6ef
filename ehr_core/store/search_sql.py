"""How a search value becomes a condition on a column: one function a kind of column. Every value is bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, and_, cast, false, func, literal, literal_column, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.name_sounds import folded
from ehr_core.store.dates import LAST, bounds, with_offset
from ehr_core.store.marked import hashed
from ehr_core.store.primitives import problem_with
from ehr_core.store.promoted_extras import MINIMUM_DIGITS
from ehr_core.store.references import local_reference
from ehr_core.store.search_escapes import plain, split_on
from ehr_core.store.search_index import LONGEST_TEXT, microseconds
from ehr_core.store.tokens import ANY_SYSTEM, identifier_token, named_token, reference_token, short

Condition = Callable[[str, str | None], ColumnElement[bool]]
"""From one value and the modifier to SQL."""

PREFIX = re.compile(r"^(eq|ne|gt|ge|lt|le|sa|eb|ap)?(?=[-+.\d])")
WHOLE = literal_column("'{}'::text[]")
"""The path to a JSON value itself."""
SHORT = timedelta(days=2)
LASTING = "lasting"
"""A column that the database computes (migration 0034): the row does not end SHORT after its beginning."""
BEGIN_AFTER, END_BEFORE = frozenset({"eq", "gt", "ge", "sa"}), frozenset({"eq", "lt", "le", "eb"})
ABOUT = 0.1
"""How far 'ap' reaches: a tenth of the number, or of the time between now and the date."""
STRETCH = {
    "eq": "@.f >= $first && @.t <= $last",
    "ne": "!(@.f >= $first && @.t <= $last)",
    "gt": "@.t > $last",
    "ge": "@.t >= $first",
    "lt": "@.f < $first",
    "le": "@.f <= $last",
    "sa": "@.f > $last",
    "eb": "@.t < $first",
    "ap": "@.f <= $last && @.t >= $first",
}
"""Prefix by what it says of a stored stretch [first, last], as a path of PostgreSQL."""
AMOUNT = {
    "eq": "@.l >= $low && @.h < $high",
    "ne": "(@.l < $low || @.h >= $high)",
    "gt": "(@.h > $exact || !exists(@.h))",
    "ge": "(@.h >= $exact || !exists(@.h))",
    "lt": "(@.l < $exact || !exists(@.l))",
    "le": "(@.l <= $exact || !exists(@.l))",
    "sa": "@.l > $exact",
    "eb": "@.h < $exact",
    "ap": "@.l >= $low && @.h <= $high",
}


def some_token(column: Any, accept: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """True when the list holds a token that is accepted."""
    token = func.unnest(column).column_valued("token")
    return select(literal(1)).where(accept(token)).exists()


def listed(column: Any) -> Any:
    """The list's tokens as rows beside the row that holds them."""
    return func.unnest(column).table_valued("token").render_derived(name="listed")


def token_list(column: Any) -> Condition:
    """`system|code`, `|code` (no system), `system|` or `code` (any system)."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        system, code = system_and_code(value)
        if system is not None and code:
            return column.overlap(list({f"{system}|{code}", identifier_token(system, code)}))
        if system is not None:
            return some_token(column, lambda token: func.starts_with(token, f"{system}|"))
        return some_token(column, lambda token: after_bar(token).in_({code, short(code)}))

    return condition


def named_tokens(
    column: Any,
    name: str,
    *,
    uri: bool = False,
    identifier: bool = False,
    systems: Collection[str] = (),
) -> Condition:
    """The same among the tokens of all parameters. A uri is one whole; an identifier may be kept as a keyed hash.

    `systems` are those of a plain code, which is kept without one: a code of another system is never there.
    """

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        if uri:
            return column.contains([named_token(name, plain(value).partition("|")[0])])
        system, code = system_and_code(value)
        if system and systems:
            if system not in systems:
                return false()
            system = ""
        if system is not None and code:
            spelled = (code, hashed(code)) if identifier else (code,)
            return column.overlap([named_token(name, identifier_token(system, one)) for one in spelled])
        start = f"{name}=" if system is None else f"{name}={system}|"
        if system is not None:
            return some_token(column, lambda token: func.starts_with(token, start))
        return some_token(
            column, lambda token: and_(func.starts_with(token, start), after_bar(token) == code)
        )

    return condition


def after_bar(token: Any) -> Any:
    return func.substr(token, func.strpos(token, "|") + 1)


def system_and_code(value: str) -> tuple[str | None, str]:
    """(system, code); the system is None when any is meant and '' when there must be none."""
    parts = split_on("|", value)
    if len(parts) == 1:
        return None, plain(value)
    return plain(parts[0]), plain("|".join(parts[1:]))


def in_value_set(
    column: Any, tokens: Sequence[str], beginnings: Sequence[str], name: str | None = None
) -> ColumnElement[bool]:
    """Any of the tokens, or whatever begins as one of `beginnings`."""
    start = f"{name}=" if name else ""
    found = [column.overlap([f"{start}{token}" for token in tokens])] if tokens else []
    found += [
        some_token(column, lambda token, begins=f"{start}{each}": func.starts_with(token, begins))
        for each in beginnings
    ]
    return or_(false(), *found)


def identifier(column: Any) -> Condition:
    """As a token; a value without a system has an index entry of its own."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        system, number = system_and_code(value)
        if system and not number:
            return some_token(column, lambda token: func.starts_with(token, f"{system}|"))
        asked = ANY_SYSTEM if system is None else system
        return column.overlap([identifier_token(asked, each) for each in (number, hashed(number))])

    return condition


def code(column: Any, systems: Collection[str] = ()) -> Condition:
    """A code of a closed list: its system says nothing new, and one that is not among `systems` finds nothing."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        system, wanted = system_and_code(value)
        if system and systems and system not in systems:
            return false()
        return column == wanted if wanted or not system else column.is_not(None)

    return condition


def coding(column: Any, system: str, body: Any, element: str) -> Condition:
    """The same for a Coding, which is of this system as a rule; whether it is of another one, the resource says."""
    usual = code(column)

    def condition(value: str, modifier: str | None) -> ColumnElement[bool]:
        named, wanted = system_and_code(value)
        if named in (None, system):
            return usual(value, modifier)
        tests = ["@.system == $system" if named else "!exists(@.system)"] + ["@.code == $code"] * bool(wanted)
        path = f'$."{element}"."coding"[*] ? ({" && ".join(tests)})'
        asked = path_exists(cast(body, JSONB), path, {"system": named, "code": wanted})
        return and_(column.is_not(None), asked)

    return condition


def boolean(column: Any, name: str) -> Condition:
    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        if value not in ("true", "false"):
            raise BadRequest(f"The search parameter '{name}' is true or false.")
        return column.is_(value == "true")

    return condition


def one_type(column: Any, type_name: str) -> Condition:
    """A reference that can only be to one type: 'Patient/1' or '1'."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        if "/" not in value:
            return column == value
        named, _, resource_id = (local_reference(value) or "").partition("/")
        return column == resource_id if named == type_name else false()

    return condition


def reference_list(column: Any, name: str, *, default_type: str | None = None) -> Condition:
    """'Type/id', or an id alone where any type (or the default one) is meant."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        if "/" in value or ":" in value:
            if default_type and not (local_reference(value) or value).startswith(f"{default_type}/"):
                return false()
            return column.contains([reference_token(name, value)])
        if default_type:
            return column.contains([reference_token(name, f"{default_type}/{value}")])
        return some_token(
            column,
            lambda token: and_(func.starts_with(token, f"{name}:"), func.split_part(token, "/", -1) == value),
        )

    return condition


def phone(column: Any) -> Condition:
    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        digits = re.sub(r"\D", "", value)
        if len(digits) < MINIMUM_DIGITS:
            raise BadRequest(f"A phone number is searched by at least its last {MINIMUM_DIGITS} digits.")
        return or_(column.contains([digits]), column.contains([digits[-10:]]))

    return condition


def words(column: Any, exact: Condition, all_words: Any = None) -> Condition:
    """Every word of the value begins a word of the text; ':contains' anywhere, ':exact' to the letter."""

    def condition(value: str, modifier: str | None) -> ColumnElement[bool]:
        value = plain(value)
        text = folded(value)
        if not text:
            return false()
        if modifier == "contains":
            return column.contains(text, autoescape=True)
        looked = [column] if all_words is None else [column, all_words]
        each = and_(
            *[place.contains(f" {word}", autoescape=True) for word in text.split() for place in looked]
        )
        return and_(each, exact(value, None)) if modifier == "exact" else each

    return condition


def texts(values: Any, name: str, exact: Condition) -> Condition:
    """The same for a parameter's texts among the row's values."""

    def condition(value: str, modifier: str | None) -> ColumnElement[bool]:
        column = func.jsonb_array_elements_text(values[name]).column_valued("text")
        return select(literal(1)).where(words(column, exact)(value, modifier)).exists()

    return condition


def exactly(body: Any, paths: Iterable[str]) -> Condition:
    """To the letter, as it stands in the resource: what the folded texts have found is looked up there."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        return or_(*[_at(body, path, lambda found: found == value[:LONGEST_TEXT]) for path in paths])

    return condition


def display(body: Any, paths: Iterable[str]) -> Condition:
    """':text': a word of a code's display or text begins so; read from the resource itself."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        wanted = f" {plain(value).lower()}"
        if not wanted.strip():
            return false()
        return or_(
            *[
                _at(
                    body,
                    path,
                    lambda found: (literal(" ") + func.lower(found)).contains(wanted, autoescape=True),
                )
                for path in paths
            ]
        )

    return condition


def _at(body: Any, path: str, accept: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Of each value at this path; a list at its end counts as its members."""
    found = func.jsonb_path_query(cast(body, JSONB), cast(f"{path}[*]", JSONPATH)).column_valued("found")
    return select(literal(1)).where(accept(found.op("#>>")(WHOLE))).exists()


def instant(column: Any, time_zone: str, now: datetime) -> Condition:
    return lambda value, _: compare(column, column, *dated(value, time_zone, now))


def period(low: Any, high: Any, time_zone: str, now: datetime) -> Condition:
    """A column pair in which one side may be open. A row without any date matches nothing."""
    return lambda value, _: compare(low, high, *dated(value, time_zone, now))


def window(table: Any, values: Iterable[str], time_zone: str, now: datetime) -> ColumnElement[bool] | None:
    """What all these values of a period together say of its beginning, so that one index finds it; None for nothing.

    It follows from their conditions and takes nothing away: what ends late enough and is short began not long before.
    """
    asked = [dated(value, time_zone, now) for value in values]
    firsts = [first for prefix, first, _ in asked if prefix in BEGIN_AFTER]
    lasts = [last for prefix, _, last in asked if prefix in END_BEFORE]
    if not firsts:
        return None
    low = table.c.date_low
    earliest = max(max(firsts), datetime.min.replace(tzinfo=UTC) + SHORT) - SHORT
    began = [low >= earliest] + ([low <= min(lasts)] if lasts else [])
    return or_(and_(*began), literal_column(f'"{table.name}".{LASTING}'))


def dates(values: Any, name: str, time_zone: str, now: datetime) -> Condition:
    """A parameter's stretches of time among the row's values."""

    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        test, variables = date_test(value, time_zone, now)
        return path_exists(values, f'$."{name}"[*] ? ({test})', variables)

    return condition


def date_test(value: str, time_zone: str, now: datetime) -> tuple[str, dict[str, Any]]:
    prefix, first, last = dated(value, time_zone, now)
    return STRETCH[prefix], {"first": microseconds(first), "last": microseconds(last)}


def quantities(values: Any, name: str) -> Condition:
    def condition(value: str, _: str | None) -> ColumnElement[bool]:
        test, variables = quantity_test(value)
        return path_exists(values, f'$."{name}"[*] ? ({test})', variables)

    return condition


def path_exists(values: Any, path: str, variables: dict[str, Any]) -> ColumnElement[bool]:
    return func.jsonb_path_exists(values, cast(path, JSONPATH), cast(variables, JSONB))


def quantity_test(value: str) -> tuple[str, dict[str, Any]]:
    """`[prefix]number`, `number|system|code` or `number||unit`. A number means what rounds to it."""
    parts = [plain(part) for part in split_on("|", value)]
    prefix = PREFIX.match(parts[0])
    kind = (prefix.group(1) if prefix else None) or "eq"
    try:
        number = Decimal(parts[0][prefix.end() if prefix else 0 :])
        if not number.is_finite() or abs(number.adjusted()) > 100 or len(parts) not in (1, 3):
            raise InvalidOperation
    except InvalidOperation:
        raise BadRequest("A quantity is searched as 7.1, ge7.1, 7.1|system|code or 7.1||unit.") from None
    half = Decimal(1).scaleb(int(number.as_tuple().exponent)) / 2
    margin = max(abs(number) * Decimal(str(ABOUT)), half) if kind == "ap" else half
    variables: dict[str, Any] = {
        "exact": float(number),
        "low": float(number - margin),
        "high": float(number + margin),
    }
    test = AMOUNT[kind]
    if len(parts) == 3 and parts[2]:
        variables["unit"] = parts[2]
        test += " && (@.c == $unit || @.u == $unit)" if not parts[1] else " && @.c == $unit"
    if len(parts) == 3 and parts[1]:
        variables["system"] = parts[1]
        test += " && @.s == $system"
    return test, variables


def dated(value: str, time_zone: str, now: datetime) -> tuple[str, datetime, datetime]:
    """(prefix, first instant, last instant) of a date with its prefix."""
    found = PREFIX.match(value)
    prefix = (found.group(1) if found else None) or "eq"
    text = with_offset(value[found.end() :] if found else value, time_zone)
    if problem_with("dateTime", text):
        raise BadRequest(
            "A date is searched as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+hh:mm, after eq/ge/le…."
        )
    first, last = bounds(text, time_zone)
    if prefix == "ap":
        margin = abs(now - first) * ABOUT
        earliest = datetime.min.replace(tzinfo=UTC)
        first = max(first, earliest + margin) - margin
        last = min(last, LAST - margin) + margin
    return prefix, first, last


def compare(low: Any, high: Any, prefix: str, first: datetime, last: datetime) -> ColumnElement[bool]:
    """The stretch [low, high] of a row against [first, last] of the search; null is open, both null is no date."""
    dated_at_all = or_(low.is_not(None), high.is_not(None))
    open_end, open_start = and_(high.is_(None), low.is_not(None)), and_(low.is_(None), high.is_not(None))
    within = and_(low >= first, low <= last, high <= last)
    return {
        "eq": within,
        "ne": and_(dated_at_all, not_(func.coalesce(within, False))),
        "gt": or_(high > last, open_end),
        "ge": or_(high >= first, open_end),
        "lt": or_(low < first, open_start),
        "le": or_(low <= last, open_start),
        "sa": low > last,
        "eb": high < first,
        "ap": and_(or_(low <= last, open_start), or_(high >= first, open_end)),
    }[prefix]
