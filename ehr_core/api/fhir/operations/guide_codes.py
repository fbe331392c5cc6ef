"""The answers of the terminology operations over the value sets and code systems of guides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ehr_core.api.fhir.operations.given import Given, parameters
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.name_sounds import folded
from ehr_core.store.guides.value_sets import Codes, CodeSystem

Told = dict[str, Any]
"""What is answered of one code: `result`, and `message` or `display`."""

MOST_CODES = 1000
NOT_TOLD = (
    "Whether the code is in cannot be told here: the value set needs a code system that is not held whole."
)


def expanded(found: Codes, given: Given, at: datetime) -> bytes:
    """A ValueSet with its codes, in parts when `count` asks for it. Raises NotListable, TooManyCodes."""
    words = folded(given.text("filter") or "")
    codes = [each for each in found.listed() if words in folded(each[2]) or words == folded(each[1])]
    offset = given.number("offset", 0, 10**9)
    part = codes[offset : offset + given.number("count", MOST_CODES, MOST_CODES)]
    contains = [
        {"system": system, "code": code} | ({"display": display} if display else {})
        for system, code, display in part
    ]
    expansion = expansion_of(at, len(codes), offset, contains)
    made = {
        "resourceType": "ValueSet",
        "url": found.url,
        "version": found.version,
        "title": found.title,
        "status": "active",
        "expansion": expansion,
    }
    return json.dumps(made, ensure_ascii=False).encode()


def expansion_of(at: datetime, total: int, offset: int, contains: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """ValueSet.expansion, made at that time: `contains` is the part of `total` that begins at `offset`."""
    told = {"timestamp": at.isoformat(timespec="seconds"), "total": total, "offset": offset}
    return told | ({"contains": list(contains)} if contains else {})


def in_codes(found: Codes, system: str, code: str, display: str | None) -> Told:
    """Whether a code is in a value set; `result` false with the reason also where that cannot be told."""
    told = found.has(system or None, code)
    if told is None:
        return {"result": False, "message": NOT_TOLD}
    if not told:
        return {"result": False, "message": f"The code is not in {found.title}."}
    held = found.find_system(system)
    return agreed(held.codes.get(code, ("", ""))[0] if held else "", display)


def in_system(held: CodeSystem, code: str, display: str | None) -> Told:
    told = held.has(code)
    if told:
        return agreed(held.codes[code][0], display)
    words = f"The code is not in {held.title}." if told is False else f"{held.title} is not held whole."
    return {"result": False, "message": words}


def looked_up(held: CodeSystem, code: str) -> bytes:
    if code not in held.codes:
        raise NotFound("This code is not in the code system that is held here.")
    return parameters(name=held.title, display=held.codes[code][0] or None)


def subsumption(held: CodeSystem, first: str, second: str) -> bytes:
    if first not in held.codes or second not in held.codes:
        raise NotFound("This code is not in the code system that is held here.")
    outcome = "equivalent" if first == second else "not-subsumed"
    if outcome != "equivalent" and held.is_under(second, first):
        outcome = "subsumes"
    elif outcome != "equivalent" and held.is_under(first, second):
        outcome = "subsumed-by"
    return parameters(outcome=outcome)


def agreed(own: str | None, display: str | None) -> Told:
    """Of a code that is in: whether the display that was sent is ours, where both are known."""
    if display and own and folded(display) != folded(own):
        return {"result": False, "message": "The display is another one here.", "display": own}
    return {"result": True, "display": own or None}
