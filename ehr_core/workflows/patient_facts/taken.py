"""Prescriptions and reports of medicines as the rules read them: ingredients, doses, how often. Pure.

What the record does not say in a form that can be computed stays unknown: a dosage that is only words gives no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from cds import ingredients as known_ingredients
from cds.facts import Code, IngredientDose, Medication
from data_contracts.api.medications import PrescriptionDraft
from ehr_core.kernel.fhir_json import codings, reference_id, words
from ehr_core.medications.products import Product, Strength, generic_of, product
from ehr_core.medications.sig import HOURS, doses_per_day
from ehr_core.workflows.patient_facts.days import day_in

Resource = dict[str, Any]

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
TAKEN_REQUESTS = frozenset({"active"})
HELD = frozenset({"on-hold", "draft", "unknown"})
TAKEN_STATEMENTS = frozenset({"active", "intended", "unknown", "completed"})
ENDED = frozenset({"stopped", "completed", "cancelled", "not-taken"})
UNITS = {"MG": "mg", "MCG": "ug", "UNT": "[IU]", "MEQ": "meq", "MMOL": "mmol", "ML": "mL"}
COUNTED = frozenset(
    {"tablet", "capsule", "lozenge", "film", "packet", "piece", "suppository", "insert", "patch"}
)
"""Units of which one holds the strength that the name says."""
BY_DOSE_UNIT = {"ML": "mL", "ACTUAT": "puff"}
UNITS_OF_INSULIN = frozenset({"unit", "units", "[IU]"})
DAY_HOURS = Decimal(24)


def taken(
    requests: Iterable[Resource], statements: Iterable[Resource], medications: Iterable[Resource]
) -> tuple[tuple[Medication, ...], tuple[Medication, ...]]:
    """(current, stopped). A held prescription counts as current: it may be taken again tomorrow."""
    named = {one["id"]: one.get("code") for one in medications}
    current, stopped = [], []
    for request in requests:
        if request.get("doNotPerform") or request.get("intent") == "proposal":
            continue
        found = _of_request(request, named)
        if request.get("status") in TAKEN_REQUESTS | HELD - {"draft"}:
            current.append(found)
        elif request.get("status") in ENDED:
            stopped.append(found)
    for statement in statements:
        if statement.get("status") in ("active", "intended", "on-hold", "unknown"):
            current.append(_of_statement(statement, named))
        elif statement.get("status") in ENDED:
            stopped.append(_of_statement(statement, named))
    return tuple(current), tuple(stopped)


def medication_of(draft: PrescriptionDraft, today: date) -> Medication:
    """What a draft would be, once signed."""
    found = product(draft.rxcui) if draft.rxcui else None
    amount = None if draft.sig.dose_amount is None else float(draft.sig.dose_amount)
    daily = doses_per_day(draft.sig)
    return _medication(
        name=draft.name,
        rxcui=draft.rxcui,
        found=found,
        route=draft.sig.route,
        amount=amount,
        unit=draft.sig.dose_unit,
        per_day=None if daily is None else float(daily),
        prn=draft.sig.as_needed,
        started=today,
        stopped=None,
        indications=(Code(ICD10CM, draft.indication_code, draft.indication or ""),)
        if draft.indication_code
        else (),
        reference=None,
    )


def _of_request(request: Resource, named: Mapping[str, Resource | None]) -> Medication:
    return _of_record(
        request,
        named,
        request.get("dosageInstruction") or [],
        started=day_in(request.get("authoredOn")),
        stopped=day_in((request.get("dispenseRequest") or {}).get("validityPeriod", {}).get("end")),
        reasons=request.get("reasonCode") or (),
    )


def _of_statement(statement: Resource, named: Mapping[str, Resource | None]) -> Medication:
    period = statement.get("effectivePeriod") or {}
    return _of_record(
        statement,
        named,
        statement.get("dosage") or [],
        started=day_in(statement.get("effectiveDateTime") or period.get("start")),
        stopped=day_in(period.get("end")),
        reasons=statement.get("reasonCode") or (),
    )


def _of_record(
    resource: Resource,
    named: Mapping[str, Resource | None],
    dosages: list[Resource],
    *,
    started: date | None,
    stopped: date | None,
    reasons: Iterable[Resource],
) -> Medication:
    concept = resource.get("medicationCodeableConcept")
    reference = resource.get("medicationReference")
    concept = concept or named.get(reference_id(reference, "Medication") or "")
    rxcui = next((code for system, code in codings(concept) if system == RXNORM), None)
    dosage = dosages[0] if len(dosages) == 1 else {}
    quantity = next(
        (one["doseQuantity"] for one in dosage.get("doseAndRate") or () if "doseQuantity" in one), {}
    )
    value = quantity.get("value")
    return _medication(
        name=words(concept) or (reference or {}).get("display") or "a medication without a name",
        rxcui=rxcui,
        found=product(rxcui) if rxcui else None,
        route=(dosage.get("route") or {}).get("text") or words(dosage.get("route")),
        amount=None if value is None else float(value),
        unit=quantity.get("unit") or quantity.get("code"),
        per_day=_per_day(dosage),
        prn=_as_needed(dosage),
        started=started,
        stopped=stopped,
        indications=tuple(Code(system, code) for reason in reasons for system, code in codings(reason)),
        reference=f"{resource['resourceType']}/{resource['id']}",
    )


def _medication(
    *,
    name: str,
    rxcui: str | None,
    found: Product | None,
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
    ingredients = found.ingredients if found else _an_ingredient(rxcui)
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
        ingredient_doses=_doses(found, amount, unit),
        doses_per_day=per_day,
        started_on=started,
        stopped_on=stopped,
        prn=prn,
        indications=indications,
        reference=reference,
    )


def _an_ingredient(rxcui: str | None) -> tuple[str, ...]:
    """A record may name just the ingredient."""
    return (rxcui,) if rxcui in known_ingredients.names() else ()


def _doses(found: Product | None, amount: float | None, unit: str | None) -> tuple[IngredientDose, ...]:
    if found is None or amount is None or unit is None:
        return ()
    doses = (_dose(strength, amount, unit) for strength in found.strengths)
    return tuple(dose for dose in doses if dose)


def _dose(strength: Strength, amount: float, unit: str) -> IngredientDose | None:
    """What so many of the dose unit give of one ingredient; None where strength and unit do not fit."""
    measure, _, per = strength.unit.partition("/")
    ucum = UNITS.get(measure)
    if ucum is None:
        return None
    if ucum == "[IU]" and unit in UNITS_OF_INSULIN:
        return IngredientDose(strength.rxcui, amount, ucum)
    if per == "HR" and unit == "patch":
        rate = strength.amount * amount
        return IngredientDose(
            strength.rxcui,
            rate * 1000 if ucum == "mg" else rate,
            "ug/h" if ucum in ("mg", "ug") else f"{ucum}/h",
        )
    if not per and unit.rstrip("s") in COUNTED:
        return IngredientDose(strength.rxcui, strength.amount * amount, ucum)
    if per and BY_DOSE_UNIT.get(per) == unit:
        return IngredientDose(strength.rxcui, strength.amount * amount, ucum)
    return None


def _per_day(dosage: Resource) -> float | None:
    """Doses a day by the timing; the larger bound of a range. None where the timing does not say."""
    repeat = (dosage.get("timing") or {}).get("repeat") or {}
    period, unit = repeat.get("periodMax") or repeat.get("period"), repeat.get("periodUnit")
    often = repeat.get("frequencyMax") or repeat.get("frequency")
    if not period or unit not in HOURS or not often:
        return None
    return float(
        Decimal(str(often)) * DAY_HOURS / (HOURS[unit] * Decimal(str(repeat.get("period") or period)))
    )


def _as_needed(dosage: Resource) -> bool | None:
    if not dosage:
        return None
    return bool(dosage.get("asNeededBoolean") or dosage.get("asNeededCodeableConcept"))
