"""Each row of the knowledge about single drugs, at its limit, just beyond it, and with the fact missing."""

from __future__ import annotations

from functools import cache

import pytest

from cds.cards import Outcome
from cds.drug_groups import drug_groups
from cds.engine import Check, answers, registry
from cds.facts import Facts, IngredientDose, Medication, Pregnancy, Proposal
from cds.ingredients import ingredient_name
from cds.lab_checks import lab_checks
from cds.rules.dose_limits import ROUNDING_BY_WEIGHT, Limit, limits
from cds.rules.kidney import Band, bands
from cds.rules.liver import steps
from data_contracts.units import load_analytes
from tests.spec.cds.label_people import FIRES, QUIET, UNCHECKED, icd, lab, person

KG = 50.0
MAN = {"sex": "male", "weight_kg": 72.0}


@cache
def _checks() -> dict[tuple[str, str], tuple[Check, ...]]:
    """The checks of each topic that an order of an ingredient asks."""
    found: dict[tuple[str, str], list[Check]] = {}
    for one in registry().checks:
        for rxcui in one.ingredients or ():
            found.setdefault((one.rules[0].topic, rxcui), []).append(one)
    return {key: tuple(checks) for key, checks in found.items()}


def _says(
    topic: str, rxcui: str, facts: Facts, dose=None, times=None, *, unit="mg", route="oral", key=None
) -> Outcome:
    doses = () if dose is None else (IngredientDose(rxcui, dose, unit),)
    drug = Medication("drug", (rxcui,), route=route, ingredient_doses=doses, doses_per_day=times)
    asked = [one for one in _checks()[topic, rxcui] if key is None or one.rules[0].id == f"{topic}.{key}"]
    cards = [card for one in asked for card in answers(one, facts, Proposal(drug))]
    outcomes = {card.outcome for card in cards}
    return next((one for one in (FIRES, UNCHECKED) if one in outcomes), QUIET)


def _largest(fixed: float | None, per_kg: float | None) -> float | None:
    both = [one for one in (fixed, None if per_kg is None else per_kg * KG) if one is not None]
    return min(both, default=None)


def _case(limit: Limit) -> str:
    return f"{limit.ingredient}-{limit.route}-{limit.from_months}"


@pytest.mark.parametrize("limit", limits(), ids=_case)
def test_every_dose_at_its_limit_beyond_it_and_unknown(limit):
    who = person(0, limit.from_months, weight_kg=KG)
    single, total = _largest(limit.single, limit.single_per_kg), _largest(limit.total, limit.total_per_kg)
    each = min(one for one in (single, total) if one is not None)
    often = (total or each) / each / limit.days
    beyond = 1.02 * ROUNDING_BY_WEIGHT

    def says(dose, times):
        return _says("dose_limits", limit.rxcui, who, dose, times, unit=limit.unit, route=limit.route)

    assert says(each, often) is QUIET
    if total is not None:
        assert says(each, often * beyond) is FIRES
        assert says(each, None) is UNCHECKED
    if single is not None:
        assert says(single * beyond, 0.0001) is FIRES
    assert says(None, often) is UNCHECKED


def _kidneys(band: Band, value: float) -> Facts:
    """A man of 60 years and 72 kg: his creatinine clearance is 80 divided by the creatinine."""
    if band.measure == "egfr":
        return person(60, results=(lab("33914-3", value, "mL/min/{1.73_m2}"),), **MAN)
    return person(60, results=(lab("2160-0", 80 / value, "mg/dL"),), **MAN)


@pytest.mark.parametrize("band", bands(), ids=lambda band: f"{band.ingredient}-{band.limit_words}")
def test_every_kidney_band_beyond_its_limit_and_unknown(band):
    beyond = band.below - 0.5 if band.below is not None else band.above + 0.5
    assert _says("kidney", band.rxcui, _kidneys(band, beyond), route=band.route) is FIRES
    widest = max((one.below or 0) for one in bands() if one.rxcui == band.rxcui)
    if band.below is not None:
        assert _says("kidney", band.rxcui, _kidneys(band, widest + 0.5), route=band.route) is QUIET
    assert _says("kidney", band.rxcui, person(60, **MAN), route=band.route) is UNCHECKED


@pytest.mark.parametrize("step", steps(), ids=lambda step: f"{step.ingredient}-{step.since}")
def test_every_drug_of_the_liver_list_in_severe_disease_in_none_and_in_cirrhosis_of_unknown_class(step):
    severe = person(
        60,
        conditions=(icd("K74.60"), icd("K76.7")),
        results=(
            lab("1975-2", 6.0, "mg/dL"),
            lab("1751-7", 2.0, "g/dL"),
            lab("6301-6", 3.0, None),
            lab("1742-6", 900, "U/L"),
        ),
    )
    assert _says("liver", step.rxcui, severe, route=step.route) is FIRES
    assert _says("liver", step.rxcui, person(60), route=step.route) is QUIET
    if step.since in ("class_b", "class_c"):
        unclear = person(60, conditions=(icd("K74.60"),))
        assert _says("liver", step.rxcui, unclear, route=step.route) in (FIRES, UNCHECKED)


@pytest.mark.parametrize("group", drug_groups("pregnancy.toml"), ids=lambda group: group.key)
def test_every_entry_in_pregnancy_and_where_nothing_is_recorded(group):
    rxcui = min(group.members, key=ingredient_name)
    route = "topical" if group.local else "oral"
    pregnant = person(30, sex="female", pregnancy=Pregnancy("pregnant"))
    weekly = "from_week" in group.more or "below_week" in group.more
    says = _says("pregnancy", rxcui, pregnant, route=route, key=group.key)
    assert says is (UNCHECKED if weekly else FIRES)
    nobody_asked = _says("pregnancy", rxcui, person(30, sex="female"), route=route, key=group.key)
    assert nobody_asked is (UNCHECKED if "unknown" in group.more else QUIET)


@pytest.mark.parametrize("group", drug_groups("lactation.toml"), ids=lambda group: group.key)
def test_every_entry_while_breastfeeding(group):
    rxcui = min(group.members, key=ingredient_name)
    for said, expected in ((True, FIRES), (False, QUIET), (None, QUIET)):
        who = person(30, sex="female", pregnancy=Pregnancy(breastfeeding=said))
        assert _says("lactation", rxcui, who, key=group.key) is expected


@pytest.mark.parametrize("asked", lab_checks(), ids=lambda asked: asked.key)
def test_every_laboratory_limit_at_it_and_beyond_it(asked):
    known = next(one for one in load_analytes() if one.key == asked.analyte)

    def says(value, unit=known.unit, key=asked.key):
        who = person(70, results=(lab(known.loinc[0], value, unit),), **MAN)
        return _says("lab_check", min(asked.members), who, route=asked.route or "oral", key=key)

    for kind, nudge, loosest in (("above", 1.001, min), ("below", 0.999, max)):
        found = [step.limit for step in asked.steps if step.kind == kind]
        assert all(says(one * nudge) is FIRES for one in found)
        assert not found or says(loosest(found)) is QUIET
    named = asked.key if asked.steps else f"{asked.key}_overdue"
    assert says(1, "{unheard_of}", named) is UNCHECKED
