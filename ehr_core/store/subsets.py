"""Parts of a resource: `_elements` and `_summary`. What is left is as it is stored, and says SUBSETTED."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw

from ehr_core.kernel.fhir_definitions import definition

ALWAYS = frozenset({"resourceType", "id", "meta"})
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
SUMMARIES = ("true", "text", "data", "count", "false")

_fields = msgspec.json.Decoder(dict[str, Raw])
_tags = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode
Keep = Callable[[str, str], bool]
"""Does this element of this type stay?"""


def summary(kind: str) -> Keep | None:
    """What `_summary` keeps; None when it keeps everything."""
    if kind == "true":
        return lambda type_name, name: _element(type_name, name, "in_summary") or _required(type_name, name)
    if kind == "text":
        return lambda type_name, name: name == "text" or _required(type_name, name)
    return (lambda type_name, name: name != "text") if kind == "data" else None


def elements(names: frozenset[str]) -> Keep:
    """The named elements, and those that the type cannot be without."""
    return lambda type_name, name: name in names or _required(type_name, name)


def subset(type_name: str, body: bytes, keep: Keep) -> bytes:
    """The resource without what is not kept."""
    fields = _fields.decode(body)
    kept = {
        name: value
        for name, value in fields.items()
        if name in ALWAYS or keep(type_name, name.removeprefix("_"))
    }
    meta = _fields.decode(fields["meta"]) if "meta" in fields else {}
    tags = [tag for tag in _tags.decode(meta["tag"]) if b'"SUBSETTED"' not in tag] if "tag" in meta else []
    meta["tag"] = Raw(_encode([*tags, SUBSETTED]))
    kept["meta"] = Raw(_encode(meta))
    return _encode(kept)


def _required(type_name: str, name: str) -> bool:
    described = definition(type_name)
    element = described.elements.get(name)
    return element is not None and (element.required or element.choice in described.required_choices)


def _element(type_name: str, name: str, what: str) -> bool:
    element = definition(type_name).elements.get(name)
    return element is not None and getattr(element, what)
