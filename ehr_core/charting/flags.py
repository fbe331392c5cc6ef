"""Is a value low, high or abnormal? From the laboratory's own word, else from the range it gave. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from data_contracts.code_systems import INTERPRETATION
from ehr_core.kernel.fhir_json import codings

Resource = dict[str, Any]
Flag = Literal["L", "LL", "H", "HH", "N", "A"]

LABORATORY_SYSTEMS = frozenset({INTERPRETATION.uri, "http://hl7.org/fhir/v2/0078", ""})

FLAG_OF_CODE: dict[str, Flag] = {
    "HH": "HH",
    "HU": "HH",
    "LL": "LL",
    "LU": "LL",
    "H": "H",
    "L": "L",
    "AA": "A",
    "A": "A",
    "POS": "A",
    "DET": "A",
    "N": "N",
    "NEG": "N",
    "ND": "N",
}
"""HL7 observation interpretation; the gravest first, which is the order in which they count."""


@dataclass(frozen=True)
class Range:
    """The usual range in the value's unit, and as the laboratory worded it."""

    low: Decimal | None = None
    high: Decimal | None = None
    text: str | None = None


def usual_range(holder: Resource, unit: str | None) -> Range:
    """The one range that holds for everybody; none when there are several, or it is in another unit.

    A range for one age or sex would need to be matched against the person: it is shown as text, not applied.
    """
    listed = holder.get("referenceRange") or []
    said = "; ".join(item["text"] for item in listed if item.get("text")) or None
    normal = [item for item in listed if _is_normal(item)]
    if len(normal) != 1 or normal[0].get("appliesTo") or normal[0].get("age"):
        return Range(text=said)
    low, high = normal[0].get("low") or {}, normal[0].get("high") or {}
    if any(_unit(bound) not in (None, unit) for bound in (low, high)):
        return Range(text=said)
    return Range(_number(low), _number(high), said)


def _is_normal(item: Resource) -> bool:
    kinds = {code for _, code in codings(item.get("type"))}
    return not kinds or "normal" in kinds


def _unit(bound: Resource) -> str | None:
    return bound.get("code") or bound.get("unit")


def _number(bound: Resource) -> Decimal | None:
    return Decimal(str(bound["value"])) if "value" in bound else None


def flag_of(holder: Resource, number: Decimal | None, usual: Range) -> Flag | None:
    """The gravest interpretation given; else what the range says of the number; None when neither is known."""
    given = {
        code
        for concept in holder.get("interpretation") or ()
        for system, code in codings(concept)
        if system in LABORATORY_SYSTEMS
    }
    for code, flag in FLAG_OF_CODE.items():
        if code in given:
            return flag
    return None if given else flag_by_range(number, usual.low, usual.high)


def flag_by_range(number: Decimal | None, low: Decimal | None, high: Decimal | None) -> Flag | None:
    """L, H or N; None without a number or without any bound. The bounds themselves are within."""
    if number is None or (low is None and high is None):
        return None
    if low is not None and number < low:
        return "L"
    return "H" if high is not None and number > high else "N"
