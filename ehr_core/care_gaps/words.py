"""A gap in words: its title, its source, why this patient, and what comes next. All from the guideline packs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from data_contracts.api.care_gaps import NextStep, OrderOption
from data_contracts.code_systems import RXNORM
from data_contracts.guidelines import definitions, reason_words
from data_contracts.guidelines.pack import Pack
from data_contracts.valuesets import value_sets
from ehr_core.display import show_date, show_unit
from ehr_core.kernel.errors import NotFound

HIDDEN_VALUE = "The deciding item is protected."


def pack_of(source_id: str) -> Pack | None:
    """The pack, or null when this installation no longer has it (its gaps go with the next run)."""
    return definitions().get(source_id)


def title(source_id: str) -> str:
    pack = pack_of(source_id)
    return pack.title if pack else source_id


def source_name(source_id: str) -> str:
    """Who says so, and when: 'US Preventive Services Task Force, 2021'."""
    pack = pack_of(source_id)
    return f"{pack.source[0].organization}, {pack.source[0].published}" if pack else "not known here"


def why_it_matters(source_id: str) -> str:
    pack = pack_of(source_id)
    return " ".join(pack.purpose.split()) if pack else ""


def why(gap: Mapping[str, Any], *, masked: bool = False) -> str:
    """Why this patient: the reason's sentence with the deciding value and its day."""
    sentence = _reason(gap["source_id"], gap["reason_code"])
    if masked:
        return f"{sentence} {HIDDEN_VALUE}"
    fact = _fact(gap)
    return f"{sentence} {fact}." if fact else sentence


def value_words(value: str | None) -> str | None:
    """A deciding value with its unit as people read it: '158/97 mmHg' for '158/97 mm[Hg]'."""
    if value is None or " " not in value:
        return value
    number, unit = value.split(" ", 1)
    return f"{number} {show_unit(unit)}" if number[:1].isdigit() or number[:1] in "<>" else value


def _fact(gap: Mapping[str, Any]) -> str:
    """What was found, its value and its day: 'Hemoglobin A1c: 9.1 % on 22-Sep-2025'. Empty without evidence."""
    name = _kind(gap["evidence_code_system"], gap["evidence_code"])
    value, on = value_words(gap["evidence_value"]), gap["evidence_on"]
    found = ": ".join(part for part in (name, value) if part)
    found = (
        f"{found} on {show_date(on)}" if found and on else found or (f"Last on {show_date(on)}" if on else "")
    )
    return found[:1].upper() + found[1:]


def next_step(gap: Mapping[str, Any]) -> NextStep | None:
    """What to do and what one click may order; null when nothing is to be done.

    A medicine is never among the orders: it needs a dose, and checks, and a prescriber.
    """
    pack = pack_of(gap["source_id"])
    step = pack.next_step.get(gap["gap_kind"]) if pack and gap["computed_status"] == "open" else None
    if step is None:
        return None
    return NextStep(
        label=step.words,
        orders=[
            OrderOption(code_system=order.system_uri, code=order.code, display=order.display)
            for order in step.orders
            if order.system_uri != RXNORM.uri
        ],
    )


def visible_to_patient(gap: Mapping[str, Any]) -> bool:
    pack = pack_of(gap["source_id"])
    return pack is not None and gap["computed_status"] == "open" and pack.visible_to_patient(gap["gap_kind"])


def evidence_name(system: str | None, code: str | None) -> str | None:
    """The deciding fact's name by its code; null when no value set lists it."""
    return _names().get(f"{system}|{code}") if system and code else None


def _reason(source_id: str, reason_code: str) -> str:
    try:
        return reason_words(source_id, reason_code)
    except NotFound:
        return reason_code.replace("_", " ").capitalize() + "."


@cache
def _names() -> dict[str, str]:
    return {
        code.token: code.display
        for value_set in value_sets().values()
        for code in value_set.codes
        if not code.is_prefix
    }


def _kind(system: str | None, code: str | None) -> str | None:
    """What kind of fact a code is: its value set's title where it is in one only, else the code's own name."""
    if not system or not code:
        return None
    titles = _titles().get(f"{system}|{code}", set())
    return next(iter(titles)) if len(titles) == 1 else evidence_name(system, code)


@cache
def _titles() -> dict[str, set[str]]:
    titles: dict[str, set[str]] = {}
    for value_set in value_sets().values():
        for code in value_set.codes:
            if not code.is_prefix:
                titles.setdefault(code.token, set()).add(value_set.title)
    return titles
