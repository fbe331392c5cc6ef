"""A gap in words: its title, its source, why this patient, and what comes next. All from the guideline packs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from data_contracts.api.care_gaps import NextStep
from data_contracts.guidelines import definitions, reason_words
from data_contracts.guidelines.pack import Pack
from data_contracts.valuesets import value_sets
from ehr_core.kernel.errors import NotFound

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
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
    facts = " on ".join(
        part for part in (gap["evidence_value"], gap["evidence_on"] and day(gap["evidence_on"])) if part
    )
    return f"{sentence} {facts[:1].upper()}{facts[1:]}." if facts else sentence


def next_step(gap: Mapping[str, Any]) -> NextStep | None:
    """What one click would order or do; null when nothing is to be done."""
    pack = pack_of(gap["source_id"])
    step = pack.next_step.get(gap["gap_kind"]) if pack and gap["computed_status"] == "open" else None
    if step is None:
        return None
    order = step.orders[0] if step.orders else None
    return NextStep(
        label=step.words,
        order_system=order.system_uri if order else None,
        order_code=order.code if order else None,
        order_display=order.display if order else None,
    )


def visible_to_patient(gap: Mapping[str, Any]) -> bool:
    pack = pack_of(gap["source_id"])
    return pack is not None and gap["computed_status"] == "open" and pack.visible_to_patient(gap["gap_kind"])


def evidence_name(system: str | None, code: str | None) -> str | None:
    """The deciding fact's name by its code; null when no value set lists it."""
    return _names().get(f"{system}|{code}") if system and code else None


def day(on: date) -> str:
    """dd-Mmm-yyyy, as every staff screen writes it."""
    return f"{on.day:02d}-{MONTHS[on.month - 1]}-{on.year}"


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
