"""Compiles FHIR definitions to msgspec structs: decoding a resource into one is the fast structural check.

A struct is made at the first use of its type. Its fields are named as in FHIR, with `_` after a Python keyword and
`sibling_x` for the `_x` that carries a primitive's extensions. What is absent is UNSET, never None. Contained
resources stay bytes, for the caller to check.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from types import ModuleType
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec import Meta as Limits

from ehr_core.kernel.fhir_definitions import ANY_RESOURCE, Definition, Element, definition, field_name
from ehr_core.store.invariant_rules import asks_presence
from ehr_core.store.invariants import INVARIANTS
from ehr_core.store.primitives import LONGEST_STRING, PRIMITIVES, Primitive
from ehr_core.store.references import named_type

NAMESPACE = ModuleType("ehr_core.store.compiled_structs")
"""Where compiled structs live, so that those that hold each other find each other by name."""
NAMESPACE.__dict__.update(Annotated=Annotated, Literal=Literal, UnsetType=UnsetType, Raw=Raw, Limits=Limits)
sys.modules[NAMESPACE.__name__] = NAMESPACE
COMPILING = threading.Lock()
"""One thread at a time: a struct is visible by name before everything that it holds is made."""


@cache
def decoder(resource_type: str) -> msgspec.json.Decoder:
    """Decodes one resource of this type and raises msgspec.ValidationError at the first fault it sees."""
    with COMPILING:
        return msgspec.json.Decoder(_compile(resource_type))


@cache
def element_decoders(resource_type: str) -> dict[str, tuple[str, Callable[[bytes], Any]]]:
    """By the name of each top-level element: its field, and what decodes its value alone, as `decoder` would.

    A `_x` beside a primitive and contained resources are not among them: those are read as part of the whole.
    """
    unchecked(resource_type)
    return {
        element.name: (
            field_name(element.name),
            msgspec.json.Decoder(eval(_annotation(element), NAMESPACE.__dict__)).decode,  # noqa: S307 (our own words)
        )
        for element in definition(resource_type).elements.values()
        if element.type != ANY_RESOURCE
    }


def sibling_name(element_name: str) -> str:
    return f"sibling_{element_name}"


def _primitive_type(name: str, kind: Primitive) -> Any:
    if kind.json is bool:
        return bool
    if kind.json is float:
        return float
    if kind.json is int:
        return Annotated[int, Limits(ge=kind.low, le=kind.high)]
    longest = None if name == "base64Binary" else LONGEST_STRING
    pattern = f"^{kind.pattern}" if kind.pattern else None
    return Annotated[str, Limits(min_length=1, max_length=longest, pattern=pattern)]


for _name, _kind in PRIMITIVES.items():
    setattr(NAMESPACE, f"fhir_{_name}", _primitive_type(_name, _kind))


def _compile(name: str) -> type[Struct]:
    """The struct of a type and, before it, of everything it holds."""
    made = getattr(NAMESPACE, name, None)
    if made is not None:
        return made
    described = definition(name)
    rename: dict[str, str] = {}
    required: list[tuple] = []
    optional: list[tuple] = []
    for element in described.elements.values():
        attribute = field_name(element.name)
        if attribute != element.name:
            rename[attribute] = element.name
        if element.required and not element.primitive:
            required.append((attribute, _annotation(element)))
        else:
            optional.append((attribute, f"{_annotation(element)} | UnsetType", UNSET))
        if element.primitive:
            sibling = sibling_name(element.name)
            rename[sibling] = f"_{element.name}"
            holder = "Annotated[list[Element | None], Limits(min_length=1)]" if element.many else "Element"
            optional.append((sibling, f"{holder} | UnsetType", UNSET))
    methods = {} if (check := _after_decoding(described)) is None else {"__post_init__": check}
    struct = msgspec.defstruct(
        name,
        required + optional,
        module=NAMESPACE.__name__,
        namespace=methods,
        tag_field="resourceType" if described.is_resource else None,
        tag=name if described.is_resource else None,
        forbid_unknown_fields=True,
        omit_defaults=True,
        rename=rename or None,
        gc=False,
        kw_only=True,
    )
    setattr(NAMESPACE, name, struct)
    _compile("Element")
    for element in described.elements.values():
        if not element.primitive and element.type != ANY_RESOURCE:
            _compile(element.type)
    return struct


def _annotation(element: Element) -> str:
    if element.type == ANY_RESOURCE:
        inner = "Raw"
    elif element.codes:
        inner = f"Literal[{', '.join(map(repr, element.codes))}]"
    else:
        inner = f"fhir_{element.type}" if element.primitive else element.type
    if not element.many:
        return inner
    return f"Annotated[list[{inner}{' | None' if element.primitive else ''}], Limits(min_length=1)]"


def _after_decoding(described: Definition) -> Any:
    """A check of what msgspec's types cannot say, or None when they say it all for this type.

    It raises ValueError without explaining; explain.py finds the words.
    """
    checks = [
        *_presence_checks(described),
        *_target_checks(described).values(),
        *(invariant.holds for invariant in INVARIANTS.get(described.name, ())),
    ]
    if not checks:
        return None

    def __post_init__(self: Struct) -> None:
        for is_fine in checks:
            if not is_fine(self):
                raise ValueError(described.name)

    return __post_init__


class Unchecked(NamedTuple):
    """A resource type whose struct is put together from elements that were decoded one by one.

    `presence` are the checks that ask which elements there are, `targets` by field those of one element,
    `rules` those of the whole. Together with the elements' own decoding they are what `decoder` checks.
    """

    struct: type[Struct]
    presence: tuple[Any, ...]
    targets: dict[str, Any]
    rules: tuple[Any, ...]


@cache
def unchecked(resource_type: str) -> Unchecked:
    described = definition(resource_type)
    with COMPILING:
        checked = _compile(resource_type)
        struct = msgspec.defstruct(
            resource_type,
            [],
            bases=(checked,),
            module=NAMESPACE.__name__,
            namespace={"__post_init__": lambda self: None},
            gc=False,
            kw_only=True,
        )
    rules = [invariant.holds for invariant in INVARIANTS.get(resource_type, ())]
    return Unchecked(
        struct,
        (*_presence_checks(described), *filter(asks_presence, rules)),
        _target_checks(described),
        tuple(rule for rule in rules if not asks_presence(rule)),
    )


def _presence_checks(described: Definition) -> list[Any]:
    own = [_extension_check(described)] if described.name == "Extension" else _choice_checks(described)
    return [*own, *_required_primitive_checks(described)]


def _attributes(described: Definition, names: tuple[str, ...]) -> tuple[str, ...]:
    siblings = [sibling_name(name) for name in names if described.elements[name].primitive]
    return (*map(field_name, names), *siblings)


def _choice_checks(described: Definition) -> list[Any]:
    return [
        _choice_check(_attributes(described, names), group in described.required_choices)
        for group, names in described.choices.items()
    ]


def _choice_check(attributes: tuple[str, ...], required: bool) -> Any:
    read = attrgetter(*attributes)
    none_set = len(attributes)

    def is_fine(struct: Struct) -> bool:
        values = read(struct)
        unset = values.count(UNSET)
        if unset >= none_set - 1:
            return unset < none_set or not required
        pairs = zip(attributes, values, strict=True)
        return len({name.removeprefix("sibling_") for name, value in pairs if value is not UNSET}) == 1

    return is_fine


def _required_primitive_checks(described: Definition) -> list[Any]:
    def check(name: str) -> Any:
        read = attrgetter(field_name(name), sibling_name(name))
        return lambda struct: read(struct).count(UNSET) < 2

    return [check(e.name) for e in described.elements.values() if e.required and e.primitive and not e.choice]


def _target_checks(described: Definition) -> dict[str, Any]:
    """By field: each reference leads to a type that its element allows, by its address or by what it says of itself."""
    return {
        field_name(element.name): _target_check(
            attrgetter(field_name(element.name)), frozenset(element.targets)
        )
        for element in described.elements.values()
        if element.type == "Reference" and element.targets and ANY_RESOURCE not in element.targets
    }


def _target_check(read: Any, allowed: frozenset[str]) -> Any:
    def is_fine(struct: Struct) -> bool:
        value = read(struct)
        if value is UNSET:
            return True
        listed = value if type(value) is list else (value,)
        return all((named := _named(one)) is None or named in allowed for one in listed)

    return is_fine


def _named(reference: Any) -> str | None:
    """The type that it names; a logical reference has it in `type`."""
    if reference.reference is not UNSET:
        return named_type(reference.reference)
    return None if reference.type is UNSET else reference.type


def _extension_check(described: Definition) -> Any:
    """A value of one type, or extensions, and never both."""
    attributes = _attributes(described, described.choices["value"])
    read = attrgetter(*attributes)
    has_one_value = _choice_check(attributes, required=True)

    def is_fine(extension: Any) -> bool:
        if extension.extension is UNSET:
            return has_one_value(extension)
        return read(extension).count(UNSET) == len(attributes)

    return is_fine
