"""What a resource says as a fact: its day, its code, its value in words, and its strictest label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.sensitivity import ACT_CODE, CONFIDENTIALITY, ORDINARY_LABELS, OWN_SENSITIVITY
from pipelines.measures.elm.records import ElementTable

OF_NOBODY = frozenset(
    {"Medication", "Location", "Organization", "Practitioner", "PractitionerRole", "Device"}
)
"""Types that belong to no patient: a place or a product is no fact about a person."""

DAYS = (
    *("effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime", "performedPeriod"),
    *("occurrenceDateTime", "occurrencePeriod", "period", "authoredOn", "whenHandedOver", "onsetDateTime"),
    *("onsetPeriod", "recordedDate", "sent", "received", "executionPeriod", "date", "issued", "created"),
)
"""The elements that say when, the one that tells most first."""
CODES = (
    "code",
    "medicationCodeableConcept",
    "vaccineCode",
    "codeCodeableConcept",
    "reasonCode",
    "type",
    "topic",
)


@dataclass(frozen=True)
class Fact:
    """`on` in the site's time zone; `label` sorts by strictness (see `strictest`)."""

    resource_type: str
    key: str
    on: date | None
    system: str | None
    code: str | None
    value: str | None
    label: str


class Facts:
    """Reads resources as facts, each once."""

    def __init__(self, time_zone: str):
        self._zone = ZoneInfo(time_zone)
        self._known: dict[tuple[int, int], Fact | None] = {}

    def of(self, table: ElementTable, row: int) -> Fact | None:
        """The fact in that row; None for what is no resource of a patient."""
        key = (id(table), row)
        if key not in self._known:
            self._known[key] = self._read(table.value(row))
        return self._known[key]

    def _read(self, resource: Any) -> Fact | None:
        if not isinstance(resource, dict) or "id" not in resource:
            return None
        kind = resource.get("resourceType", "")
        if kind in OF_NOBODY or not kind:
            return None
        system, code = coded(resource)
        label = max((strictness(one) for one in resource.get("meta", {}).get("security", [])), default="")
        return Fact(kind, resource["id"], self._day(resource), system, code, value_words(resource), label)

    def _day(self, resource: Mapping[str, Any]) -> date | None:
        for name in DAYS:
            said = resource.get(name)
            if isinstance(said, dict):
                said = said.get("start") or said.get("end")
            if isinstance(said, str) and (day := self._in_zone(said)):
                return day
        return None

    def _in_zone(self, said: str) -> date | None:
        """The day, or the first day of a month or year."""
        try:
            if "T" in said:
                moment = datetime.fromisoformat(said)
                return (moment.astimezone(self._zone) if moment.tzinfo else moment).date()
            return date.fromisoformat(f"{said}-01-01"[:10] if len(said) < 10 else said)
        except ValueError:
            return None


def coded(resource: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """System and code of the first coding that says what it is."""
    for name in CODES:
        said = resource.get(name)
        concept = said[0] if isinstance(said, list) and said else said
        if isinstance(concept, dict):
            for coding in concept.get("coding", []):
                if coding.get("code"):
                    return coding.get("system"), coding["code"]
    return None, None


def value_words(resource: Mapping[str, Any]) -> str | None:
    """A result as people write it: '10.2 %', '152/94 mm[Hg]', the code of a coded one; None without one."""
    parts = [one for one in resource.get("component", []) if "valueQuantity" in one]
    if parts:
        numbers = "/".join(str(one["valueQuantity"].get("value", "?")) for one in parts[:2])
        return _with_unit(numbers, parts[0]["valueQuantity"])
    if quantity := resource.get("valueQuantity"):
        number = quantity.get("value")
        if number is None:
            return None
        comparator = f"{quantity['comparator']} " if quantity.get("comparator") else ""
        return _with_unit(f"{comparator}{number}", quantity)
    for coding in resource.get("valueCodeableConcept", {}).get("coding", []):
        if coding.get("code"):
            return coding.get("display") or coding["code"]
    for name in ("valueInteger", "valueDecimal", "valueBoolean"):
        if name in resource:
            return str(resource[name]).lower()
    return None


def _with_unit(number: str, quantity: Mapping[str, Any]) -> str:
    unit = quantity.get("code") or quantity.get("unit") or ""
    return number if unit in ("", "1", "{score}") else f"{number} {unit}"


def strictness(label: Mapping[str, Any]) -> str:
    """A label as a text that sorts by strictness, as the flat tables have it; empty where it restricts nobody."""
    system, code = label.get("system"), label.get("code")
    if system == CONFIDENTIALITY and code in ("V", "R"):
        return f"9{code}" if code == "V" else f"7{code}"
    if system in (ACT_CODE, OWN_SENSITIVITY) and code:
        return f"5{code}"
    return "" if (system, code) in ORDINARY_LABELS else "7R"
