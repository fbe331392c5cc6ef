"""Observations as the rules read them: results, weights and heights, smoking, pregnancy. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from cds.facts import Measurement, Pregnancy, Result
from data_contracts.code_systems import LOINC
from data_contracts.valuesets import value_set
from ehr_core.kernel.fhir_json import codings, words
from ehr_core.workflows.patient_facts.days import began, day_in

Resource = dict[str, Any]

HERE = files("ehr_core.workflows.patient_facts")
WEIGHT, HEIGHT = "29463-7", "8302-2"
IN_KG = {"kg": 1.0, "g": 0.001, "[lb_av]": 0.45359237}
IN_CM = {"cm": 1.0, "m": 100.0, "[in_i]": 2.54}


def results_of(observations: Iterable[Resource]) -> tuple[Result, ...]:
    return tuple(result for one in observations for result in _results(one))


def _results(observation: Resource) -> Iterator[Result]:
    """The value of an observation and of each component, for its LOINC codes; without a day it is no fact."""
    on = began(observation, "effective")
    if on is None:
        return
    for part in (observation, *(observation.get("component") or ())):
        quantity = part.get("valueQuantity") or {}
        for system, code in codings(part.get("code")):
            if system == LOINC.uri:
                yield Result(
                    loinc=code,
                    value=None if quantity.get("value") is None else float(quantity["value"]),
                    unit=quantity.get("code") or quantity.get("unit"),
                    on=on,
                    status=observation.get("status", ""),
                    words=_said(part),
                    comparator=quantity.get("comparator"),
                    name=words(part.get("code")) or "",
                    reference=f"Observation/{observation['id']}",
                )


def _said(part: Resource) -> str | None:
    return words(part.get("valueCodeableConcept")) or part.get("valueString") or part.get("valueDateTime")


def weights(results: tuple[Result, ...]) -> tuple[Measurement, ...]:
    return tuple(_measured(results, WEIGHT, IN_KG, "kg"))


def heights(results: tuple[Result, ...]) -> tuple[Measurement, ...]:
    return tuple(_measured(results, HEIGHT, IN_CM, "cm"))


def _measured(
    results: tuple[Result, ...], loinc: str, units: dict[str, float], unit: str
) -> Iterator[Measurement]:
    """Values in the one unit; what carries another unit than we can turn is left out rather than guessed."""
    for one in results:
        if one.loinc == loinc and one.value is not None and one.unit in units:
            yield Measurement(one.value * units[one.unit], unit, one.on, one.reference)


def smokes(observations: Iterable[Resource], today: date) -> bool | None:
    """By the newest answer; one that is in neither value set is no answer."""
    newest = _newest(observations, [code.code for code in value_set("tobacco_status").codes], today)
    said = _codes_said(newest)
    if said & _codes_in("smokes_now"):
        return True
    return False if said & _codes_in("does_not_smoke") else None


def pregnancy(observations: Iterable[Resource], today: date) -> Pregnancy:
    """By the newest answer while it holds; the due date is the newest recorded one."""
    listed, asked = list(observations), answers()["pregnancy"]
    newest = _newest(listed, asked["loinc"], today)
    due_on = _due_on(_newest(listed, asked["due_date"], today))
    on = began(newest, "effective") if newest else None
    if on is None or (today - on).days > asked["holds_days"]:
        return Pregnancy(due_on=due_on)
    said = _codes_said(newest)
    for state in ("pregnant", "not_pregnant"):
        if said & set(asked[state]):
            return Pregnancy(state=state, due_on=due_on)
    return Pregnancy(due_on=due_on)


def _due_on(observation: Resource | None) -> date | None:
    return day_in(observation.get("valueDateTime")) if observation else None


def _newest(observations: Iterable[Resource], loinc: list[str], today: date) -> Resource | None:
    wanted = {(LOINC.uri, code) for code in loinc}
    dated = [
        (on, one)
        for one in observations
        if (on := began(one, "effective")) is not None
        and on <= today
        and not wanted.isdisjoint(codings(one.get("code")))
    ]
    return max(dated, key=lambda pair: pair[0])[1] if dated else None


@cache
def _codes_in(name: str) -> frozenset[str]:
    return frozenset(code.code for code in value_set(name).codes)


def _codes_said(observation: Resource | None) -> set[str]:
    return {code for _, code in codings((observation or {}).get("valueCodeableConcept"))}


@cache
def answers() -> dict[str, dict[str, Any]]:
    """answers.toml together with its SNOMED CT part, which a site may have left out."""
    told = tomllib.loads(HERE.joinpath("answers.toml").read_text(encoding="utf-8"))
    snomed = HERE.joinpath("snomed", "answers.toml")
    if snomed.is_file():
        for topic, lists in tomllib.loads(snomed.read_text(encoding="utf-8")).items():
            for name, codes in lists.items():
                told[topic][name] = [*told[topic][name], *codes]
    return told
