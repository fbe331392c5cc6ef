"""FHIR's primitive types: which JSON they take and what their text must look like.

Source: FHIR R4, section 2.24.0.1 (primitive types). A dateTime with a time needs an offset; seconds may be left out
(R4 asks for them, many senders do not send them), and so may the offset of nothing but a date.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass

LONGEST_STRING = 1_048_576
"""Characters: the limit that FHIR sets for a string."""

_LEAP_YEAR = r"(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DAY = (
    rf"(?!0000)(\d{{4}}-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    rf"|{_LEAP_YEAR}-02-29)"
)
_DATE = rf"({_DAY}|(?!0000)\d{{4}}(-(0[1-9]|1[0-2]))?)"
_OFFSET = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
_SECONDS = r":([0-5]\d|60)(\.\d+)?"

_ACTIVE_TAGS = "|".join(
    (
        *(
            "script",
            "style",
            "iframe",
            "frame",
            "frameset",
            "object",
            "embed",
            "applet",
            "form",
            "input",
            "button",
        ),
        *("select", "textarea", "link", "meta", "base", "svg", "math"),
    )
)
_ACTIVE = (
    rf"<\s*/?\s*(?:{_ACTIVE_TAGS})\b",
    r"<[^<>]*[\s/\"']on[a-z]+\s*=",
    r"<[^<>]*javascript:",
    "<!DOCTYPE",
    "<!ENTITY",
)
_PASSIVE = rf"(?![\s\S]*(?i:{'|'.join(_ACTIVE)}))"
"""A narrative is for reading: FHIR's txt-1 lets in basic formatting only, and a browser must never run any of it."""


@dataclass(frozen=True)
class Primitive:
    """`json` is str, bool, int or float (float takes integers too); `pattern` matches the whole text."""

    json: type
    meaning: str
    pattern: str | None = None
    low: int | None = None
    high: int | None = None


PRIMITIVES = {
    "boolean": Primitive(bool, "true or false"),
    "decimal": Primitive(float, "a number"),
    "integer": Primitive(int, "a whole number of 32 bits", low=-(2**31), high=2**31 - 1),
    "positiveInt": Primitive(int, "a whole number of 1 or more", low=1, high=2**31 - 1),
    "unsignedInt": Primitive(int, "a whole number of 0 or more", low=0, high=2**31 - 1),
    "string": Primitive(str, "a text that is not empty"),
    "markdown": Primitive(str, "a text that is not empty"),
    "xhtml": Primitive(
        str,
        "an XHTML div of text, without script, forms or outside content",
        pattern=rf"{_PASSIVE}\s*<div[\s>/]",
    ),
    "code": Primitive(str, "a code: no spaces around it, single ones inside", pattern=r"[^\s]+( [^\s]+)*\Z"),
    "uri": Primitive(str, "a URI without spaces", pattern=r"\S+\Z"),
    "url": Primitive(str, "a URL without spaces", pattern=r"\S+\Z"),
    "canonical": Primitive(str, "a canonical URL without spaces", pattern=r"\S+\Z"),
    "oid": Primitive(str, "an OID: urn:oid:1.2.3", pattern=r"urn:oid:[0-2](\.(0|[1-9]\d*))+\Z"),
    "uuid": Primitive(
        str,
        "a UUID: urn:uuid: and 36 lower-case characters",
        pattern=r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z",
    ),
    "id": Primitive(
        str, "an id: up to 64 letters, digits, hyphens and dots", pattern=r"[A-Za-z0-9\-.]{1,64}\Z"
    ),
    "base64Binary": Primitive(str, "base64", pattern=r"[A-Za-z0-9+/=\s]+\Z"),
    "date": Primitive(str, "a date: YYYY, YYYY-MM or YYYY-MM-DD", pattern=_DATE + r"\Z"),
    "dateTime": Primitive(
        str,
        "a date, or a date and time with an offset from UTC",
        pattern=rf"({_DATE}|{_DAY}T{_CLOCK}({_SECONDS})?{_OFFSET})\Z",
    ),
    "instant": Primitive(
        str,
        "an instant: date, time to the second and offset",
        pattern=rf"{_DAY}T{_CLOCK}{_SECONDS}{_OFFSET}\Z",
    ),
    "time": Primitive(str, "a time: HH:MM:SS", pattern=rf"{_CLOCK}{_SECONDS}\Z"),
}

DATED = frozenset({"date", "dateTime", "instant"})
WRITTEN_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?!\d)")
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_COMPILED = {name: re.compile(kind.pattern) for name, kind in PRIMITIVES.items() if kind.pattern}


def problem_with(type_name: str, value: object) -> str | None:
    """What is wrong with a primitive's JSON value, in words without the value; None when nothing is."""
    kind = PRIMITIVES[type_name]
    wrong = f"must be {kind.meaning}"
    accepted = (int, float) if kind.json is float else (kind.json,)
    if type(value) not in accepted:
        return wrong
    if kind.low is not None and not kind.low <= value <= kind.high:
        return wrong
    if kind.json is not str:
        return None
    return _problem_with_text(type_name, value, wrong)


def _problem_with_text(type_name: str, text: str, wrong: str) -> str | None:
    if not text:
        return "must not be empty"
    if len(text) > LONGEST_STRING and type_name != "base64Binary":
        return f"must not be longer than {LONGEST_STRING} characters"
    if CONTROL_CHARACTER.search(text):
        return "must not hold control characters"
    pattern = _COMPILED.get(type_name)
    if pattern and not pattern.match(text):
        return "must be a day that exists" if type_name in DATED and _is_no_real_day(text) else wrong
    return None


def _is_no_real_day(text: str) -> bool:
    """True for 30 February and its like: written as a day, but in no calendar."""
    written = WRITTEN_DAY.match(text)
    if not written:
        return False
    year, month, day = map(int, written.groups())
    return year > 0 and 1 <= month <= 12 and not 1 <= day <= monthrange(year, month)[1]
