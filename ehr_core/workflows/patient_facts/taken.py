"""Prescriptions and reports of medicines as the rules read them: ingredients, doses, how often. Pure.

What the record does not say in a form that can be computed stays unknown: a dosage that is only words gives no number,
nor do several instructions that follow one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from cds.facts import Code, IngredientDose, Medication
from data_contracts.api.administration import Dose
from data_contracts.api.medications import PrescriptionDraft
from data_contracts.code_systems import ICD_10_CM
from ehr_core.kernel.fhir_json import codings, extension, reference_id, words
from ehr_core.medications.prescriptions import STATUS_CHANGED
from ehr_core.medications.products import RXNORM, SHIPPED, Lookup, Product, Strength, generic_of
from ehr_core.medications.sig import HOURS, doses_per_day
from ehr_core.workflows.patient_facts.days import began, day_in

Resource = dict[str, Any]

TAKEN_REQUESTS = frozenset({"active", "on-hold", "unknown"})
"""A held prescription counts: it may be taken again tomorrow. So does one whose validity has run out, until somebody
ends it: what was given out may still be in the house."""
ENDED_REQUESTS = frozenset({"stopped", "completed"})
TAKEN_STATEMENTS = frozenset({"active", "intended", "on-hold", "unknown"})
ENDED_STATEMENTS = frozenset({"stopped", "completed"})
UNITS = {"MG": "mg", "MCG": "ug", "UNT": "[IU]", "MEQ": "meq", "MMOL": "mmol", "ML": "mL"}
MASSES = {"mg": 1.0, "g": 1000.0, "ug": 0.001, "mcg": 0.001}
"""Units of mass in mg, as records write them."""
COUNTED = frozenset(
    {"tablet", "capsule", "lozenge", "film", "packet", "piece", "suppository", "insert", "patch"}
)
"""Units of which one holds the strength that the name says."""
SHORT_UNITS = {"tab": "tablet", "{tbl}": "tablet", "cap": "capsule", "{capsule}": "capsule", "ml": "mL"}
BY_DOSE_UNIT = {"ML": "mL", "ACTUAT": "puff"}
UNITS_OF_INSULIN = frozenset({"unit", "[IU]", "[iU]"})
DAY_HOURS = Decimal(24)


def taken(
    requests: Iterable[Resource],
    statements: Iterable[Resource],
    medications: Iterable[Resource],
    lookup: Lookup = SHIPPED,
) -> tuple[tuple[Medication, ...], tuple[Medication, ...]]:
    """(current, stopped). Drafts, cancelled orders and what was never taken are neither.

    A report that is based on a prescription of this record says the same once more, and is left out.
    """
    named = {one["id"]: one.get("code") for one in medications}
    orders = [one for one in requests if not one.get("doNotPerform") and one.get("intent") != "proposal"]
    known = {one["id"] for one in orders if one.get("status") in TAKEN_REQUESTS}
    reports = [one for one in statements if not _tells_of(one, known)]
    current = [_of_request(one, named, lookup) for one in orders if one.get("status") in TAKEN_REQUESTS]
    current += [_of_statement(one, named, lookup) for one in reports if one.get("status") in TAKEN_STATEMENTS]
    stopped = [_of_request(one, named, lookup) for one in orders if one.get("status") in ENDED_REQUESTS]
    stopped += [_of_statement(one, named, lookup) for one in reports if one.get("status") in ENDED_STATEMENTS]
    return tuple(current), tuple(stopped)


def _tells_of(statement: Resource, known: set[str]) -> bool:
    listed = (*(statement.get("basedOn") or ()), *(statement.get("derivedFrom") or ()))
    return any(reference_id(one, "MedicationRequest") in known for one in listed)


def medication_of(draft: PrescriptionDraft, today: date, lookup: Lookup = SHIPPED) -> Medication:
    """What a draft would be, once signed."""
    amount = None if draft.sig.dose_amount is None else float(draft.sig.dose_amount)
    daily = doses_per_day(draft.sig)
    reasons = (Code(ICD_10_CM.uri, draft.indication_code, draft.indication or ""),)
    return _medication(
        name=draft.name,
        rxcui=draft.rxcui,
        lookup=lookup,
        route=draft.sig.route,
        amount=amount,
        unit=draft.sig.dose_unit,
        per_day=None if daily is None else float(daily),
        prn=draft.sig.as_needed,
        started=today,
        stopped=None,
        indications=reasons if draft.indication_code else (),
        reference=None,
    )


def medication_of_order(
    request: Resource, medications: Iterable[Resource] = (), lookup: Lookup = SHIPPED
) -> Medication:
    """A prepared order as the rules read it, whatever its status."""
    return _of_request(request, {one["id"]: one.get("code") for one in medications}, lookup)


def _of_request(request: Resource, named: Mapping[str, Resource | None], lookup: Lookup) -> Medication:
    return _of_record(
        request,
        named,
        lookup,
        request.get("dosageInstruction") or [],
        started=day_in(request.get("authoredOn")),
        stopped=_ended_on(request),
        reasons=request.get("reasonCode") or (),
    )


def _ended_on(request: Resource) -> date | None:
    """When an order that is over ended: as recorded with its status, else the end of its validity; None: not known."""
    if request.get("status") not in ENDED_REQUESTS:
        return None
    changed = (extension(request, STATUS_CHANGED) or {}).get("valueDateTime")
    validity = (request.get("dispenseRequest") or {}).get("validityPeriod") or {}
    return day_in(changed or validity.get("end"))


def _of_statement(statement: Resource, named: Mapping[str, Resource | None], lookup: Lookup) -> Medication:
    ended = statement.get("status") in ENDED_STATEMENTS
    return _of_record(
        statement,
        named,
        lookup,
        statement.get("dosage") or [],
        started=began(statement, "effective"),
        stopped=day_in((statement.get("effectivePeriod") or {}).get("end")) if ended else None,
        reasons=statement.get("reasonCode") or (),
    )


def _of_record(
    resource: Resource,
    named: Mapping[str, Resource | None],
    lookup: Lookup,
    dosages: list[Resource],
    *,
    started: date | None,
    stopped: date | None,
    reasons: Iterable[Resource],
) -> Medication:
    reference = resource.get("medicationReference")
    concept = resource.get("medicationCodeableConcept") or named.get(
        reference_id(reference, "Medication") or ""
    )
    dosage = dosages[0] if len(dosages) == 1 else {}
    amount, unit = _most_each_time(dosage)
    return _medication(
        name=words(concept) or (reference or {}).get("display") or "a medication without a name",
        rxcui=_best_code(concept, lookup),
        lookup=lookup,
        route=words(dosage.get("route")),
        amount=amount,
        unit=unit,
        per_day=_per_day(dosage, amount, unit),
        prn=_as_needed(dosage),
        started=started,
        stopped=stopped,
        indications=tuple(Code(system, code) for reason in reasons for system, code in codings(reason)),
        reference=f"{resource['resourceType']}/{resource['id']}",
    )


def _best_code(concept: Resource | None, lookup: Lookup) -> str | None:
    """The first RxNorm code that names a product, else one whose ingredients are known, else the first."""
    found = [code for system, code in codings(concept) if system == RXNORM]
    return (
        next((code for code in found if lookup.product(code)), None)
        or next((code for code in found if lookup.ingredients(code)), None)
        or next(iter(found), None)
    )


def _most_each_time(dosage: Resource) -> tuple[float | None, str | None]:
    """The dose, the upper bound of a range; (None, None) where it is not a number."""
    for one in dosage.get("doseAndRate") or ():
        quantity = one.get("doseQuantity") or (one.get("doseRange") or {}).get("high") or {}
        if quantity.get("value") is not None:
            return float(quantity["value"]), quantity.get("unit") or quantity.get("code")
    return None, None


def _medication(
    *,
    name: str,
    rxcui: str | None,
    lookup: Lookup,
    route: str | None,
    amount: float | None,
    unit: str | None,
    per_day: float | None,
    prn: bool | None,
    started: date | None,
    stopped: date | None,
    indications: tuple[Code, ...],
    reference: str | None,
) -> Medication:
    found = lookup.product(rxcui)
    ingredients = lookup.ingredients(rxcui)
    return Medication(
        name=name,
        ingredients=ingredients,
        coded=bool(ingredients),
        product=generic_of(rxcui) if rxcui else None,
        form=found.form if found else None,
        extended_release=found.extended_release if found else None,
        route=route or (found.route if found else None),
        dose_amount=amount,
        dose_unit=unit,
        ingredient_doses=_doses(found, ingredients, amount, unit),
        doses_per_day=per_day,
        started_on=started,
        stopped_on=stopped,
        prn=prn,
        indications=indications,
        reference=reference,
    )


def _doses(
    found: Product | None, ingredients: tuple[str, ...], amount: float | None, unit: str | None
) -> tuple[IngredientDose, ...]:
    """What one administration gives; a dose that is written as a mass is one of a single ingredient only."""
    if amount is None or unit is None:
        return ()
    if unit.lower() in MASSES:
        mass = (
            IngredientDose(ingredients[0], amount * MASSES[unit.lower()], "mg")
            if len(ingredients) == 1
            else None
        )
        return (mass,) if mass else ()
    counted = _unit(unit)
    doses = (_dose(strength, amount, counted) for strength in (found.strengths if found else ()))
    return tuple(dose for dose in doses if dose)


def _unit(written: str) -> str:
    """'Tablets', 'TAB' and 'tablet' are one unit; 'patches' loses its e too."""
    small = written.strip().lower()
    if small in SHORT_UNITS or written in UNITS_OF_INSULIN:
        return SHORT_UNITS.get(small, written)
    for ending in ("", "s", "es"):
        if small.removesuffix(ending) in COUNTED | {"puff", "unit"}:
            return small.removesuffix(ending)
    return small


def _dose(strength: Strength, amount: float, unit: str) -> IngredientDose | None:
    """What so many of the dose unit give of one ingredient; None where strength and unit do not fit."""
    measure, _, per = strength.unit.partition("/")
    ucum = UNITS.get(measure)
    if ucum is None:
        return None
    if ucum == "[IU]" and unit in UNITS_OF_INSULIN:
        return IngredientDose(strength.rxcui, amount, ucum)
    if per == "HR":
        return _rate(strength, amount, ucum) if unit == "patch" else None
    if (not per and unit in COUNTED) or (per and BY_DOSE_UNIT.get(per) == unit):
        return IngredientDose(strength.rxcui, strength.amount * amount, ucum)
    return None


def _rate(strength: Strength, patches: float, ucum: str) -> IngredientDose:
    """A patch gives by the hour: ug/h for masses."""
    rate = strength.amount * patches
    if ucum == "mg":
        return IngredientDose(strength.rxcui, rate * 1000, "ug/h")
    return IngredientDose(strength.rxcui, rate, f"{ucum}/h")


def _per_day(dosage: Resource, amount: float | None, unit: str | None) -> float | None:
    """The most doses a day that the timing allows, capped where a maximum is written; None where it does not say.

    'Every 4 to 6 hours' is every 4. A single dose has no number a day.
    """
    repeat = (dosage.get("timing") or {}).get("repeat") or {}
    period, hours = repeat.get("period"), HOURS.get(repeat.get("periodUnit"))
    often = repeat.get("frequencyMax") or repeat.get("frequency") or (1 if period else None)
    by_timing = None
    if period and hours and often:
        by_timing = float(Decimal(str(often)) * DAY_HOURS / (hours * Decimal(str(period))))
    most = _most_a_day(dosage.get("maxDosePerPeriod") or {}, amount, unit)
    written = [one for one in (by_timing, most) if one is not None]
    return min(written, default=None)


def _most_a_day(ratio: Resource, amount: float | None, unit: str | None) -> float | None:
    """'At most 8 tablets in 24 hours' as doses a day; None where units do not fit."""
    most, span = ratio.get("numerator") or {}, ratio.get("denominator") or {}
    hours = HOURS.get(span.get("code") or span.get("unit"))
    same = (most.get("unit") or most.get("code")) == unit
    if not (amount and same and hours and most.get("value") and span.get("value")):
        return None
    days = hours * Decimal(str(span["value"])) / DAY_HOURS
    return float(Decimal(str(most["value"])) / days) / amount


def _as_needed(dosage: Resource) -> bool | None:
    """None where the instruction is not written in parts."""
    if "asNeededBoolean" in dosage or "asNeededCodeableConcept" in dosage:
        return bool(dosage.get("asNeededBoolean") or dosage.get("asNeededCodeableConcept"))
    return False if dosage.get("timing") else None


def dose_as_medication(dose: Dose, today: date, lookup: Lookup = SHIPPED) -> Medication:
    """A dose about to be given in the clinic: once, now."""
    return _medication(
        name=dose.name,
        rxcui=dose.rxcui,
        lookup=lookup,
        route=dose.route,
        amount=float(dose.amount),
        unit=dose.unit,
        per_day=1.0,
        prn=False,
        started=today,
        stopped=None,
        indications=(),
        reference=None,
    )
