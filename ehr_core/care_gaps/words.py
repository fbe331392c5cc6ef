"""A gap in words: its title and source, why this patient, what comes next. From the packs or the official measure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from data_contracts.api.care_gaps import NextStep, OrderOption
from data_contracts.code_systems import RXNORM
from data_contracts.guidelines import definitions, patient_text, reason_words
from data_contracts.guidelines.pack import NextStep as Step
from data_contracts.guidelines.pack import Pack, PatientText
from data_contracts.official import known_of
from data_contracts.valuesets import value_sets
from ehr_core.display import show_date, show_unit
from ehr_core.kernel.errors import NotFound

HIDDEN_VALUE = "The deciding item is protected."


MEASURE_SQL = """(SELECT to_jsonb(source) FROM care_gaps.measure_source AS source
  WHERE gap.source_kind = 'measure' AND source.source_id = gap.source_id)"""
"""What a gap says of the official measure that it comes from, over an alias `gap`; null for our own."""


def pack_of(gap: Mapping[str, Any]) -> Pack | None:
    """The pack, or null when this installation no longer has it (its gaps go with the next run)."""
    return definitions().get(gap["source_id"])


def title(gap: Mapping[str, Any]) -> str:
    if measure := gap.get("measure"):
        return measure["title"]
    pack = pack_of(gap)
    return pack.title if pack else gap["source_id"]


def source_name(gap: Mapping[str, Any]) -> str:
    """Who says so, and when: 'US Preventive Services Task Force, 2021'."""
    if measure := gap.get("measure"):
        return measure["source_name"]
    pack = pack_of(gap)
    return f"{pack.source[0].organization}, {pack.source[0].published}" if pack else "not known here"


def why_it_matters(gap: Mapping[str, Any]) -> str:
    if measure := gap.get("measure"):
        return measure["why_it_matters"]
    pack = pack_of(gap)
    return " ".join(pack.purpose.split()) if pack else ""


def why(gap: Mapping[str, Any], *, masked: bool = False) -> str:
    """Why this patient: the reason's sentence with the deciding value and its day."""
    sentence = (
        _reason_of_measure(gap) if gap.get("measure") else _reason(gap["source_id"], gap["reason_code"])
    )
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
    if gap["computed_status"] != "open":
        return None
    step = _step(gap)
    if step is None and not gap.get("measure"):
        return None
    return NextStep(
        label=step.words if step else f"Do, or record, what the measure asks for: {gap['reason_code']}.",
        orders=[
            OrderOption(code_system=order.system_uri, code=order.code, display=order.display)
            for order in (step.orders if step else ())
            if order.system_uri != RXNORM.uri
        ],
    )


def _step(gap: Mapping[str, Any]) -> Step | None:
    """The pack's step; for an official measure that of the guideline that asks for the same care."""
    if gap.get("measure"):
        alike = _asked_alike(gap)
        return alike.next_step.get("due") if alike else None
    pack = pack_of(gap)
    return pack.next_step.get(gap["gap_kind"]) if pack else None


def visible_to_patient(gap: Mapping[str, Any]) -> bool:
    return gap["computed_status"] == "open" and patient_words(gap, "en") is not None


def patient_words(gap: Mapping[str, Any], language: str) -> PatientText | None:
    """The person's own words for the gap; null when it is not shown to patients.

    An official measure has those of the guideline that asks for the same care, or those of known.toml.
    """
    if not gap.get("measure"):
        return patient_text(gap["source_id"], gap["gap_kind"], language) if pack_of(gap) else None
    known = known_of(gap["measure"]["name"])
    if known.patient:
        return known.patient.es if language.lower().startswith("es") else known.patient.en
    alike = _asked_alike(gap)
    return patient_text(alike.id, "due", language) if alike else None


def _asked_alike(gap: Mapping[str, Any]) -> Pack | None:
    topic = known_of(gap["measure"]["name"]).asks_like
    return definitions().get(topic) if topic else None


def evidence_name(system: str | None, code: str | None) -> str | None:
    """The deciding fact's name by its code; null when no value set lists it."""
    return _names().get(f"{system}|{code}") if system and code else None


def _reason(source_id: str, reason_code: str) -> str:
    try:
        return reason_words(source_id, reason_code)
    except NotFound:
        return reason_code.replace("_", " ").capitalize() + "."


def _reason_of_measure(gap: Mapping[str, Any]) -> str:
    """The definition that decides, as the measure calls it."""
    reason = gap["reason_code"]
    if gap["computed_status"] == "closed":
        return "The measure is met."
    if gap["computed_status"] == "excluded":
        return f"Excluded by '{reason}'."
    if gap["computed_status"] == "not_evaluable":
        return "The measure's logic could not judge this record."
    against = "Counts against the measure" if gap["measure"]["lower_is_better"] else "Not met"
    return f"{against}: '{reason}'."


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
