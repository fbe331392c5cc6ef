"""Promotes what search_facts.toml names: tokens for an index, dates, texts and quantities as values of the row."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from msgspec import UNSET, Struct

from ehr_core.kernel.fhir_definitions import definition
from ehr_core.kernel.name_sounds import folded
from ehr_core.store.dates import bounds
from ehr_core.store.element_values import reached, steps_of
from ehr_core.store.marked import searchable
from ehr_core.store.resource_types import resource_type
from ehr_core.store.search_facts import SearchFact, facts_of
from ehr_core.store.tokens import ANY_SYSTEM, identifier_token, named_token, reference_token

ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")
NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
TELLING = tuple(
    steps_of(path)
    for path in (
        *("code", "valueCodeableConcept", "vaccineCode", "medicationCodeableConcept", "component.code"),
        *("component.valueCodeableConcept", "reasonCode", "conclusionCode"),
    )
)
"""Elements whose codes tell what a resource is about; the same as in sensitive_codes.py."""
LONGEST_TEXT = 1000
"""Characters of a text that are searched."""
MADE_OF_OTHERS = frozenset({"composite", "union"})
EARLIEST, LATEST = -(2**62), 2**62
"""Microseconds that stand for a period's open side."""


class Indexed(NamedTuple):
    """What a search finds by: tokens, values by parameter, and references."""

    tokens: list[str]
    values: dict[str, list[Any]]
    references: list[str]


def index(resource: Struct, looks: tuple[Look, ...], composites: tuple[Any, ...], time_zone: str) -> Indexed:
    """What these looks into a resource find."""
    tokens: list[str] = []
    values: dict[str, Any] = {}
    references: list[str] = []
    for kind, name, steps in looks:
        found = reached(resource, steps)
        if not found:
            continue
        if kind in ("token", "uri"):
            tokens += [named_token(name, token) for value in found for token in tokens_of(value, kind)]
        elif kind == "reference":
            tokens += _identified(name, found)
            references += _referred(name, found)
        elif kind == "identified":
            tokens += _identified(name, found)
        elif kind == "typed":
            tokens += _typed_identifiers(found)
        elif kind == "subject":
            references += _subject_that_is_no_patient(found)
        elif read_values := [one for value in found if (one := VALUES[kind](value, time_zone)) is not None]:
            values.setdefault(name, []).extend(read_values)
    for fact, holder, first, second in composites:
        pairs = [
            pair for each in reached(resource, holder) if (pair := _pair(each, first, second, time_zone))
        ]
        if pairs:
            values[fact.name] = pairs
    return Indexed(tokens, values, references)


Look = tuple[str, str, tuple[Any, ...]]
"""What is made of what stands where: kind, parameter and steps."""


def looks_of(type_name: str, more: tuple[SearchFact, ...] = ()) -> dict[str, tuple[Look, ...]]:
    """By the field that they begin at, the looks into a type. `more` are the parameters that packages bring."""
    looks: list[Look] = [
        (fact.kind, fact.name, steps_of(path))
        for fact in (*facts_of(type_name).values(), *more)
        if fact.kind not in MADE_OF_OTHERS
        for path in fact.paths
    ]
    looks += [("identified", name, steps) for name, steps in _plain_references(type_name)]
    if "identifier" in definition(type_name).elements:
        looks.append(("typed", "identifier:of-type", steps_of("identifier")))
    if "subject" in resource_type(type_name).patient:
        looks.append(("subject", "subject", steps_of("subject")))
    by_start: dict[str, list[Look]] = {}
    for look in looks:
        by_start.setdefault(_start(look[2]), []).append(look)
    return {start: tuple(each) for start, each in by_start.items()}


def composites_of(type_name: str) -> dict[str, tuple[Any, ...]]:
    """By the field that they begin at, the composites of one element."""
    by_start: dict[str, list[Any]] = {}
    for composite in _composites(type_name):
        by_start.setdefault(_start(composite[1]), []).append(composite)
    return {start: tuple(each) for start, each in by_start.items()}


def _start(steps: tuple[Any, ...]) -> str:
    return steps[0] if type(steps[0]) is str else steps[0][0]


@cache
def _composites(type_name: str) -> tuple[tuple[SearchFact, Any, Any, Any], ...]:
    """(fact, steps to its elements, and both parameters with their paths inside such an element).

    A composite of the resource itself needs no pairs: each of its two sides stands there once.
    """
    facts, found = facts_of(type_name), []
    for fact in facts.values():
        if fact.kind != "composite" or not fact.paths[0]:
            continue
        start = f"{fact.paths[0]}."
        sides = [
            (facts[name].kind, tuple(steps_of(path.removeprefix(start)) for path in facts[name].paths))
            for name in fact.paths[1:]
        ]
        found.append((fact, steps_of(fact.paths[0]), *sides))
    return tuple(found)


def _pair(holder: Any, first: Any, second: Any, time_zone: str) -> dict[str, Any] | None:
    """Both sides' values within one element; None when one is missing."""
    sides = []
    for kind, paths in (first, second):
        found = [value for steps in paths for value in reached(holder, steps)]
        if kind == "token":
            tokens = [token for value in found for token in tokens_of(value, kind)]
            sides.append(tokens + [f"{ANY_SYSTEM}|{token.partition('|')[2]}" for token in tokens])
        elif kind == "reference":
            sides.append([token.partition(":")[2] for token in _referred("", found)])
        else:
            sides.append([one for value in found if (one := VALUES[kind](value, time_zone)) is not None])
    return {"a": sides[0], "b": sides[1]} if all(sides) else None


@cache
def _plain_references(type_name: str) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """(search name, steps) of the references that have a column or a token by resource_types.toml."""
    row = resource_type(type_name)
    found = [(name, steps_of(path)) for name, paths in row.references.items() for path in paths]
    for path in row.patient:
        if path != "id":
            found += [(name, steps_of(path)) for name in {"patient", path} if "." not in path]
    if row.encounter and row.encounter != "context.encounter":
        found.append(("encounter", steps_of(row.encounter)))
    return tuple(found)


def tokens_of(value: Any, kind: str) -> list[str]:
    """'system|code' of whatever carries codes; a uri as it stands, without its version."""
    if type(value) is bool:
        return ["|true" if value else "|false"]
    if type(value) is str:
        return [value.partition("|")[0]] if kind == "uri" else [f"|{value}"]
    if hasattr(value, "coding"):
        return [token for coding in reached(value, ("coding",)) for token in tokens_of(coding, kind)]
    code = getattr(value, "code", UNSET) if hasattr(value, "code") else getattr(value, "value", UNSET)
    if code is UNSET:
        return []
    if hasattr(value, "assigner"):
        code = searchable(value)
    is_contact = hasattr(value, "rank")
    system = "" if is_contact or value.system is UNSET else value.system
    return [identifier_token(system, code)]


def _identified(name: str, found: list[Any]) -> list[str]:
    """For ':identifier': what a reference says about its target without an address."""
    return [
        named_token(f"{name}:identifier", token)
        for reference in found
        if getattr(reference, "identifier", UNSET) is not UNSET
        for token in tokens_of(reference.identifier, "token")
    ]


def _referred(name: str, found: list[Any]) -> list[str]:
    texts = (value if type(value) is str else getattr(value, "reference", UNSET) for value in found)
    return [reference_token(name, text) for text in texts if text is not UNSET and text]


def _typed_identifiers(identifiers: list[Any]) -> list[str]:
    """For 'identifier:of-type': system|code|value."""
    return [
        named_token("identifier:of-type", f"{token}|{searchable(identifier)}")
        for identifier in identifiers
        if identifier.type is not UNSET and identifier.value is not UNSET
        for token in tokens_of(identifier.type, "token")
    ]


def _subject_that_is_no_patient(subjects: list[Any]) -> list[str]:
    """A group, device or place that is spoken of: the patient's own column cannot hold it."""
    return [
        reference_token("subject", text)
        for text in (subject.reference for subject in subjects)
        if text is not UNSET and not text.startswith("Patient/")
    ]


def _date(value: Any, time_zone: str) -> dict[str, int] | None:
    """First and last microsecond, f and t, of a date or Period."""
    if type(value) is str:
        low, high = bounds(value, time_zone)
        return {"f": microseconds(low), "t": microseconds(high)}
    start, end = getattr(value, "start", UNSET), getattr(value, "end", UNSET)
    if start is UNSET and end is UNSET:
        return None
    return {
        "f": EARLIEST if start is UNSET else microseconds(bounds(start, time_zone)[0]),
        "t": LATEST if end is UNSET else microseconds(bounds(end, time_zone)[1]),
    }


def microseconds(instant: Any) -> int:
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond


def _text(value: Any, _: str) -> str | None:
    """Folded words after one space each, cut where no search looks any more."""
    if type(value) is str:
        parts = [value]
    else:
        names = NAME_PARTS if hasattr(value, "family") else ADDRESS_PARTS
        parts = [part for name in names for part in reached(value, steps_of(name))]
    return f" {' '.join(folded(part[:LONGEST_TEXT]) for part in parts)}"[:LONGEST_TEXT] if parts else None


def _quantity(value: Any, _: str) -> dict[str, Any] | None:
    """Low and high bound (a comparator opens one side), and the unit in its three forms."""
    if getattr(value, "value", UNSET) is UNSET:
        return None
    comparator = "" if value.comparator is UNSET else value.comparator
    found: dict[str, Any] = {} if comparator else {"l": value.value, "h": value.value}
    if comparator:
        found = {"l": value.value} if comparator.startswith(">") else {"h": value.value}
    for key, part in (("s", value.system), ("c", value.code), ("u", value.unit)):
        if part is not UNSET:
            found[key] = part
    return found


VALUES: dict[str, Callable[[Any, str], Any]] = {"date": _date, "string": _text, "quantity": _quantity}
