"""What happened to a patient, as the rules ask for it: visits, procedures, reviews, naloxone. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from cds.coded import condition_group
from cds.facts import Code, Event
from ehr_core.kernel.fhir_json import words
from ehr_core.medications.products import RXNORM, Lookup
from ehr_core.workflows.patient_facts.days import began, day_in
from ehr_core.workflows.patient_facts.record import Record

Resource = dict[str, Any]


def events_of(record: Record, lookup: Lookup) -> tuple[Event, ...]:
    return (
        *_procedures(record.of("Procedure")),
        *_encounters(record.of("Encounter")),
        *_supplied(record.of("MedicationDispense"), lookup),
        *_supplied(record.of("MedicationAdministration"), lookup),
    )


def _procedures(found: Iterable[Resource]) -> Iterator[Event]:
    """One without a day is no event: nobody can say whether it still counts."""
    reviews = kinds()["reviews"]
    for one in found:
        if (on := began(one, "performed")) is None:
            continue
        found_codes = coded(one.get("code"))
        kind = next(
            (code.code for code in found_codes if code.system == reviews["system"] and code.code in reviews),
            "procedure",
        )
        yield Event(kind, on, found_codes, words(one.get("code")) or "", f"Procedure/{one['id']}")


def _encounters(found: Iterable[Resource]) -> Iterator[Event]:
    for one in found:
        if (on := day_in((one.get("period") or {}).get("start"))) is None:
            continue
        name = next(filter(None, map(words, one.get("type") or ())), "a visit")
        told = tuple(code for concept in _concepts(one) for code in coded(concept))
        reference = f"Encounter/{one['id']}"
        yield Event(_encounter_kind(one), on, told, name, reference)
        reasons = tuple(code for concept in one.get("reasonCode") or () for code in coded(concept))
        for kind, group in kinds()["encounter_reason"].items():
            if condition_group(group).holds(reasons):
                yield Event(kind, on, reasons, name, reference)


def _concepts(encounter: Resource) -> Iterator[Resource]:
    yield from encounter.get("type") or ()
    if discharge := (encounter.get("hospitalization") or {}).get("dischargeDisposition"):
        yield discharge


def _encounter_kind(encounter: Resource) -> str:
    code = (encounter.get("class") or {}).get("code")
    classes = kinds()["encounter_class"]
    return next((kind for kind, codes in classes.items() if code in codes), "encounter")


def _supplied(found: Iterable[Resource], lookup: Lookup) -> Iterator[Event]:
    """Given out or given, where the rules ask for that: what holds naloxone alone."""
    for one in found:
        on = day_in(one.get("whenHandedOver") or one.get("whenPrepared")) or began(one, "effective")
        concept = one.get("medicationCodeableConcept")
        held = {ingredient for code in coded(concept) for ingredient in _ingredients(code, lookup)}
        for kind, ingredients in kinds()["given"].items():
            if on is not None and held and held <= set(ingredients):
                yield Event(
                    kind, on, coded(concept), words(concept) or "", f"{one['resourceType']}/{one['id']}"
                )


def _ingredients(code: Code, lookup: Lookup) -> tuple[str, ...]:
    return lookup.ingredients(code.code) if code.system == RXNORM else ()


def coded(concept: Resource | None) -> tuple[Code, ...]:
    """Every coding, with its words where the record has any."""
    listed = (concept or {}).get("coding") or ()
    return tuple(
        Code(one.get("system", ""), one["code"], one.get("display", "")) for one in listed if one.get("code")
    )


@cache
def kinds() -> dict[str, Any]:
    file = files("ehr_core.workflows.patient_facts").joinpath("events.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))
