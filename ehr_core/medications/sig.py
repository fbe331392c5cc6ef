"""A sig and its arithmetic: words for the label, FHIR Dosage, doses a day, quantity and days' supply. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cache
from typing import Any

from data_contracts.api.medications import PrescriptionDraft, Sig, SigArithmetic
from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.fhir_json import without_empty
from ehr_core.medications.products import knowledge

Resource = dict[str, Any]

HOURS = {"h": Decimal(1), "d": Decimal(24), "wk": Decimal(168), "mo": Decimal(720)}
"""Hours of a period; a month counts as 30 days."""
WHOLE = {
    "tablet",
    "capsule",
    "patch",
    "lozenge",
    "packet",
    "film",
    "suppository",
    "insert",
    "ring",
    "enema",
    "piece",
}
PLURAL = {"patch": "patches", "mL": "mL", "suppository": "suppositories"}
DAY = Decimal(24)


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often. `doses_per_day` is an average below one a day; None for a single dose."""

    code: str
    words: str
    timing: Resource
    doses_per_day: Decimal | None


@cache
def frequencies() -> dict[str, Frequency]:
    return {row["code"]: _frequency(row) for row in knowledge("frequencies.toml")["frequency"]}


@cache
def routes() -> dict[str, dict[str, str]]:
    return knowledge("routes.toml")["route"]


def _frequency(row: dict[str, Any]) -> Frequency:
    if "count" in row:
        return Frequency(row["code"], row["words"], {"repeat": {"count": row["count"]}}, None)
    repeat = {
        "frequency": row["frequency"],
        "period": row["period"],
        "periodUnit": row["period_unit"],
        "when": row.get("when", []),
    }
    hours = HOURS[row["period_unit"]] * row["period"]
    per_day = Decimal(row["frequency"]) * DAY / hours
    return Frequency(row["code"], row["words"], {"repeat": without_empty(repeat)}, per_day)


def check_sig(sig: Sig) -> None:
    """Raises InvalidResource naming each part that is missing or not on its list. A free text stands for all parts."""
    issues = []
    if sig.free_text is None or not sig.free_text.strip():
        issues += [
            Issue(f"sig.{name}", message, "required")
            for name, message in (
                ("dose_amount", "Say how much each time, or write the whole instruction as text."),
                ("dose_unit", "Say of what: tablet, mL, puff."),
                ("route", "Say how it is taken."),
                ("frequency", "Say how often."),
            )
            if getattr(sig, name) in (None, "")
        ]
    if sig.route and sig.route not in routes():
        issues.append(Issue("sig.route", "is not a route on the list.", "code-invalid"))
    if sig.frequency and sig.frequency not in frequencies():
        issues.append(Issue("sig.frequency", "is not a frequency on the list.", "code-invalid"))
    if sig.as_needed_for and not sig.as_needed:
        issues.append(
            Issue(
                "sig.as_needed_for",
                "A reason to take it only when needed: tick 'as needed' too.",
                "invariant",
            )
        )
    if issues:
        raise InvalidResource(issues)


def sig_text(sig: Sig) -> str:
    """The instruction in words, as on a label: 'Take 1 tablet by mouth 2 times a day as needed for pain for 5 days.'"""
    if sig.free_text and sig.free_text.strip():
        return sig.free_text.strip()
    route = routes().get(sig.route or "", {"verb": "Use", "words": ""})
    parts = [route["verb"], _amount(sig), route["words"], _how_often(sig), _as_needed(sig), _how_long(sig)]
    return " ".join(part for part in parts if part) + "."


def _amount(sig: Sig) -> str:
    if sig.dose_amount is None:
        return ""
    unit = sig.dose_unit or ""
    return (
        f"{plain(sig.dose_amount)} {unit if sig.dose_amount == 1 else PLURAL.get(unit, f'{unit}s')}".strip()
    )


def _how_often(sig: Sig) -> str:
    return frequencies()[sig.frequency].words if sig.frequency in frequencies() else ""


def _as_needed(sig: Sig) -> str:
    if not sig.as_needed:
        return ""
    return f"as needed for {sig.as_needed_for}" if sig.as_needed_for else "as needed"


def _how_long(sig: Sig) -> str:
    if not sig.duration_days:
        return ""
    return f"for {sig.duration_days} {'day' if sig.duration_days == 1 else 'days'}"


def plain(number: Decimal) -> str:
    """A dose as people may write it: a leading zero, no trailing one, commas from 1,000."""
    whole, _, fraction = format(number.normalize(), "f").partition(".")
    return f"{int(whole):,}" + (f".{fraction}" if fraction else "")


def doses_per_day(sig: Sig) -> Decimal | None:
    """The most doses a day that the sig allows; None where the parts do not say, or for a single dose."""
    if sig.free_text and sig.free_text.strip():
        return None
    found = frequencies().get(sig.frequency or "")
    return found.doses_per_day if found else None


def units_per_day(sig: Sig) -> Decimal | None:
    """Dose units a day; None where the parts do not say."""
    daily = doses_per_day(sig)
    return None if daily is None or sig.dose_amount is None else daily * sig.dose_amount


def arithmetic(draft: PrescriptionDraft) -> SigArithmetic:
    """Quantity from days, days from quantity, and a sentence where both are given and do not fit.

    Countable units are rounded up to a whole one; days down: a part of a day is not a day's supply.
    """
    daily = units_per_day(draft.sig)
    days = draft.days_supply or draft.sig.duration_days
    same_unit = draft.quantity_unit in (None, draft.sig.dose_unit)
    quantity = _quantity(daily, days, draft.sig.dose_unit) if daily and days else None
    lasts = (
        int((draft.quantity / daily).to_integral_value(ROUND_FLOOR))
        if daily and draft.quantity and same_unit
        else None
    )
    return SigArithmetic(
        text=sig_text(draft.sig),
        doses_per_day=doses_per_day(draft.sig),
        quantity=quantity,
        days_supply=lasts,
        disagreement=_disagreement(draft, quantity, lasts),
    )


def with_quantity(draft: PrescriptionDraft) -> PrescriptionDraft:
    """The draft with the quantity that its days' supply needs, where none was typed and it can be worked out."""
    if draft.quantity is not None:
        return draft
    return draft.model_copy(
        update={"quantity": arithmetic(draft).quantity, "quantity_unit": draft.sig.dose_unit}
    )


def _quantity(daily: Decimal, days: int, unit: str | None) -> Decimal:
    needed = daily * days
    return (
        needed.to_integral_value(ROUND_CEILING)
        if unit in WHOLE
        else needed.quantize(Decimal("0.1"), ROUND_CEILING)
    )


def _disagreement(draft: PrescriptionDraft, quantity: Decimal | None, lasts: int | None) -> str | None:
    if quantity is None or lasts is None or draft.quantity is None or draft.quantity == quantity:
        return None
    days = draft.days_supply or draft.sig.duration_days
    if lasts == days:
        return None
    return (
        f"{plain(draft.quantity)} {draft.sig.dose_unit}s last {lasts} days by this instruction, "
        f"but {days} days are written: {plain(quantity)} would be needed."
    )


def dosage(sig: Sig) -> Resource:
    """FHIR Dosage. The text is always there; parts only where they were chosen."""
    found: Resource = {"text": sig_text(sig)}
    if sig.free_text and sig.free_text.strip():
        return found
    route = routes().get(sig.route or "")
    if sig.frequency in frequencies():
        found["timing"] = _timing(sig)
    if sig.as_needed_for:
        found["asNeededCodeableConcept"] = {"text": sig.as_needed_for}
    elif sig.as_needed:
        found["asNeededBoolean"] = True
    if route:
        coding = {"system": knowledge("routes.toml")["system"], "code": route["code"]}
        found["route"] = {"coding": [coding], "text": sig.route}
    if sig.dose_amount is not None:
        found["doseAndRate"] = [{"doseQuantity": {"value": sig.dose_amount, "unit": sig.dose_unit}}]
    return found


def _timing(sig: Sig) -> Resource:
    found = frequencies()[sig.frequency or ""]
    repeat = dict(found.timing["repeat"])
    if sig.duration_days:
        repeat["boundsDuration"] = {
            "value": sig.duration_days,
            "unit": "day",
            "system": "http://unitsofmeasure.org",
            "code": "d",
        }
    return {"repeat": repeat, "code": {"text": found.words}}
