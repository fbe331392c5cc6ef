"""Prints how many orders a second decision support checks for a patient with 40 medications and 200 results.

Run: python -m tests.bench.cds_bench [orders]

All rules are asked, one core, no site choices. "Facts built anew" makes the facts and their indexes for each order, as
a request does; "facts kept" checks many orders on one chart, as reconciliation does. Beside them stand the slowest rule
topics, and the aim of 500 a second.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from cds.cards import Card
from cds.engine import Check, answers, check, registry
from cds.facts import (
    Allergy,
    Code,
    Condition,
    Event,
    Facts,
    IngredientDose,
    Measurement,
    Medication,
    Pregnancy,
    Proposal,
    Result,
)
from cds.ingredients import names

AIM = 500
AS_OF = date(2026, 11, 27)
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
PROBLEMS = ("I10", "E11.9", "I48.91", "N18.31", "F33.1", "J44.9", "I25.10", "M54.50", "K21.9", "E78.5")
ANALYTES = (
    ("2160-0", 1.1, "mg/dL"),
    ("98979-8", 62, "mL/min/{1.73_m2}"),
    ("2823-3", 4.2, "mmol/L"),
    ("6301-6", 2.4, "{INR}"),
    ("4548-4", 7.2, "%"),
    ("718-7", 13.1, "g/dL"),
    ("1742-6", 28, "U/L"),
    ("3016-3", 2.1, "m[IU]/L"),
    ("8480-6", 134, "mm[Hg]"),
    ("8462-4", 82, "mm[Hg]"),
)


def patient(chance: random.Random, medications: int = 40, results: int = 200) -> Facts:
    """Somebody of 74 with that many different medications and results, ten problems, three allergies."""
    drugs = chance.sample(sorted(names()), medications)
    return Facts(
        as_of=AS_OF,
        birth_date=date(1952, 3, 4),
        sex="female",
        smokes=False,
        pregnancy=Pregnancy("not_pregnant", breastfeeding=False),
        weights_kg=(Measurement(71.5, "kg", AS_OF - timedelta(days=20)),),
        heights_cm=(Measurement(163, "cm", AS_OF - timedelta(days=400)),),
        conditions=tuple(Condition((Code(ICD_10_CM, one),), one, "active") for one in PROBLEMS),
        medications=tuple(_drug(one, number) for number, one in enumerate(drugs)),
        stopped_medications=tuple(_drug(one, -1, stopped_on=AS_OF - timedelta(days=9)) for one in drugs[:3]),
        allergies=tuple(Allergy(names()[one], (one,), reactions=("Hives",)) for one in drugs[-3:]),
        allergy_list="recorded",
        results=tuple(_result(number) for number in range(results)),
        events=(Event("pdmp_review", AS_OF - timedelta(days=30)),),
    )


def _drug(rxcui: str, number: int, **more: object) -> Medication:
    return Medication(
        names()[rxcui],
        (rxcui,),
        route="oral",
        dose_amount=1,
        dose_unit="tablet",
        ingredient_doses=(IngredientDose(rxcui, 10, "mg"),),
        doses_per_day=1,
        started_on=AS_OF - timedelta(days=100),
        reference=f"MedicationRequest/{number}",
        **more,
    )


def _result(number: int) -> Result:
    loinc, value, unit = ANALYTES[number % len(ANALYTES)]
    return Result(loinc, value, unit, AS_OF - timedelta(days=7 * (number // len(ANALYTES)) + 1))


def orders(chance: random.Random, count: int) -> list[Proposal]:
    return [Proposal(_drug(chance.choice(sorted(names())), 1000 + number)) for number in range(count)]


def rate(facts: Facts, asked: list[Proposal], *, anew: bool) -> tuple[float, Counter[str]]:
    """Orders a second of process time, and how the cards came out."""
    said: Counter[str] = Counter()
    began = time.process_time()
    for proposal in asked:
        cards = check(replace(facts) if anew else facts, proposal)
        said.update(_word(card) for card in cards)
    return len(asked) / (time.process_time() - began), said


def _word(card: Card) -> str:
    return f"tier {card.tier}" if card.outcome.value == "fires" else card.outcome.value


def slowest(facts: Facts, asked: list[Proposal]) -> list[tuple[str, float]]:
    """Milliseconds an order by topic, the slowest five."""
    spent: Counter[str] = Counter()
    for proposal in asked:
        for one in registry().touched_by(proposal):
            spent[one.rules[0].topic] += _took(one, facts, proposal)
    return [(topic, 1000 * seconds / len(asked)) for topic, seconds in spent.most_common(5)]


def _took(one: Check, facts: Facts, proposal: Proposal) -> float:
    began = time.process_time()
    for _ in answers(one, facts, proposal):
        pass
    return time.process_time() - began


def main(count: int = 2000) -> None:
    chance = random.Random(2026)
    began = time.process_time()
    registry()
    print(f"{len(registry().rules)} rules loaded in {time.process_time() - began:.2f} CPU s")
    facts, asked = patient(chance), orders(chance, count)
    rate(facts, asked[:200], anew=True)
    for words, anew in (("facts built anew", True), ("facts kept", False)):
        speed, said = rate(facts, asked, anew=anew)
        shown = ", ".join(f"{name} {number / count:.2f}" for name, number in sorted(said.items()))
        print(f"{words}: {speed:,.0f} orders a second (aim {AIM}); cards an order: {shown}")
    for topic, milliseconds in slowest(facts, asked[:500]):
        print(f"   {topic}: {milliseconds:.3f} ms an order")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
