"""Reads a resource element by element and knows again what it has read before: most of a chart repeats itself.

A category, a code or a subject stands in thousands of resources with the very same bytes. What such an element was
found to be is kept beside it; only new ones are decoded. What this cannot settle it leaves to validation.py, whose
judgement and words count: a resource that it reads is one that validation.py accepts as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from ehr_core.store.marked import may_be_marked
from ehr_core.store.references import local_reference, references
from ehr_core.store.structs import element_decoders, unchecked
from ehr_core.store.validation import LARGEST_RESOURCE, is_doubtful

REMEMBERED = 1000
"""Elements of one name that are remembered; when there are more, all are forgotten and the common ones come back."""
MOSTLY_NEW, REST = 0.7, 20_000
"""Share of elements seen for the first time at which remembering is not worth it, and how many pass until it is tried
again."""
LONGEST_REMEMBERED = 4096
"""Bytes; longer ones are narratives and data, and seldom come twice."""
MOST_BRACES = 100
"""Objects in one element, so that none is nested deeper than explain.py reads."""
RESOURCE_TYPE = "resourceType"

_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


class Element:
    """A top-level element of resources: its bytes and value, and what others have found out about it and keep here.

    `pair` is the name with the value as it is written, `tight_pair` the same without spaces between tokens.
    `locals` are the 'Type/id' that it refers to.
    """

    __slots__ = ("kept", "locals", "marked", "name", "pair", "raw", "tight_pair", "value")

    def __init__(self, name: str, raw: bytes, tight: bytes, value: Any):
        self.name, self.raw, self.value = name, raw, value
        self.pair = b'"%b":%b' % (name.encode(), raw)
        self.tight_pair = self.pair if tight == raw else b'"%b":%b' % (name.encode(), tight)
        self.marked = may_be_marked(raw)
        texts = references(raw) if b'"reference"' in raw else ()
        self.locals = tuple(local for text in texts if (local := local_reference(text)))
        self.kept: dict[Any, Any] = {}

    def found(self, what: Any, find: Callable[[Element], Any]) -> Any:
        """What `find` finds out about this element, asked once."""
        if what not in self.kept:
            self.kept[what] = find(self)
        return self.kept[what]


Elements = Mapping[str, Element]
"""The elements of one resource by FHIR's name, in the order in which they were sent; `resourceType` among them."""
NO_ELEMENTS: Elements = MappingProxyType({})
"""Of a resource that was read as a whole."""


class Known(NamedTuple):
    """A valid resource, read element by element."""

    resource: Struct
    elements: dict[str, Element]


class Reader:
    """Reads resources of one type."""

    def __init__(self, type_name: str):
        self._made = unchecked(type_name)
        self._kind = Element(RESOURCE_TYPE, b'"%b"' % type_name.encode(), b'"%b"' % type_name.encode(), None)
        self.count = 0
        self._names = {
            name: _Named(self, name, field, decode)
            for name, (field, decode) in element_decoders(type_name).items()
        }
        self._fine_together: set[tuple[str, ...]] = set()

    def read(self, body: bytes) -> Known | None:
        """None when the resource has to be judged as a whole: it may be good or bad."""
        if len(body) > LARGEST_RESOURCE:
            return None
        self.count += 1
        try:
            line = body.strip()
            if b"\n" in line or b"\r" in line:
                line = msgspec.json.format(line, indent=-1)
            return self._known(line, _fields(line))
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            return None

    def _known(self, line: bytes, fields: dict[str, Raw]) -> Known | None:
        names, elements, values, size = self._names, {}, {}, 1
        for name, raw in fields.items():
            text = bytes(raw)
            named = names.get(name)
            if named is not None:
                element = named.known.get(text) or named.new(text)
                if element is None:
                    return None
                values[named.field] = element.value
            elif name == RESOURCE_TYPE and text == self._kind.raw:
                element = self._kind
            else:
                return None
            elements[name] = element
            size += len(element.pair) + 1
        if RESOURCE_TYPE not in elements or (size != len(line) and not _is_all_of_it(line, elements)):
            return None
        resource = self._made.struct(**values)
        return Known(resource, elements) if self._is_fine(resource, tuple(elements)) else None

    def _is_fine(self, resource: Struct, names: tuple[str, ...]) -> bool:
        """Which elements stand together is judged once; the rules between their values are asked each time."""
        if names not in self._fine_together:
            if not all(is_fine(resource) for is_fine in self._made.presence):
                return False
            if len(self._fine_together) < REMEMBERED:
                self._fine_together.add(names)
        rules = self._made.rules
        return not rules or all(holds(resource) for holds in rules)

    def known_by_name(self) -> dict[str, Collection[bytes]]:
        """By name, the elements that are remembered now."""
        return {name: named.known.keys() for name, named in self._names.items()}

    def leads_where_it_may(self, field: str, value: Any) -> bool:
        """Whether the references of an element are to types that it allows."""
        is_fine = self._made.targets.get(field)
        return is_fine is None or is_fine(SimpleNamespace(**{field: value}))


class _Named:
    """The elements of one name. One that is hardly ever the same twice is not remembered for a while."""

    def __init__(self, reader: Reader, name: str, field: str, decode: Any):
        self.name, self.field, self._decode = name, field, decode
        self.known: dict[bytes, Element] = {}
        self._reader, self._since, self._rest = reader, reader.count, 0

    def new(self, raw: bytes) -> Element | None:
        """Decodes and checks; None when it is not plainly good. Raises what decoding raises."""
        if raw.count(b"{") > MOST_BRACES or b'"#' in raw:
            return None
        value = self._decode(raw)
        tight = raw if type(value) is str else msgspec.json.format(raw, indent=-1)
        if is_doubtful(tight, value) or not self._reader.leads_where_it_may(self.field, value):
            return None
        element = Element(self.name, raw, tight, value)
        if self._rest:
            self._rest -= 1
        elif len(raw) <= LONGEST_REMEMBERED:
            self._remember(raw, element)
        return element

    def _remember(self, raw: bytes, element: Element) -> None:
        if len(self.known) >= REMEMBERED:
            self.known.clear()
            passed = self._reader.count - self._since
            self._rest = REST if MOSTLY_NEW * passed < REMEMBERED else 0
            self._since = self._reader.count + self._rest
        self.known[raw] = element


def _is_all_of_it(line: bytes, elements: dict[str, Element]) -> bool:
    """Whether nothing but spaces stands between these elements: of a name that is given twice, one has been lost."""
    tight = msgspec.json.format(line, indent=-1)
    return len(tight) == 1 + sum(len(each.tight_pair) + 1 for each in elements.values())
